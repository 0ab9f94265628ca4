"""The composition root: makes a worker's app from the settings, and connects all of its parts."""

from hashtide.clock import wall_clock_ms
from hashtide.contract.names import POSTS_ENRICHED, POSTS_RAW
from hashtide.elasticsearch import templates
from hashtide.elasticsearch.client import connection
from hashtide.identity import Pseudonyms, load_keys
from hashtide.kafka import topics
from hashtide.kafka.security import security
from hashtide.metrics import worker as metrics
from hashtide.settings import WrongSetting
from stream_jobs import canary
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.publish import publish_by
from stream_jobs.kafka_sink import KafkaSink
from stream_jobs.labels import CampaignLabels
from stream_jobs.loading import load_campaigns, load_enricher
from stream_jobs.reload import CampaignReloader
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.transport.app import BatchApp


def create(settings: StreamSettings) -> BatchApp:
    """The app of one worker, ready to run. Checks settings, campaigns, topics and index templates.

    Blocks until Kafka and Elasticsearch answer. Raises WrongSetting, WrongCampaign, KafkaUnreachable, KafkaRefused,
    TopicsUnready, ElasticsearchUnreachable, LoginRefused and IndicesUnready.
    """
    keys, at = load_keys(settings), connection(settings)
    reload = CampaignReloader(lambda: load_campaigns(settings, Pseudonyms(keys).post))
    campaigns = reload.begin()
    labels = CampaignLabels.of(settings, [each.name for each in campaigns.all])
    enricher = load_enricher(campaigns, repair_hashtags=settings.repair_hashtags, store_text=settings.store_text)
    found = topics.check(settings)
    templates.check(at)

    kafka = KafkaSink(settings)
    store = Elasticsearch(at, settings.bulk_bytes)
    raw = found[POSTS_RAW]
    options = CountOptions(
        topic_id=raw.id,
        partitions=raw.partitions,
        key=keys.ledger,
        cached_counts=settings.cached_counts,
        grace_ms=settings.grace_s * 1000,
    )
    publish = publish_by(kafka.send, found[POSTS_ENRICHED].partitions) if settings.publish_enriched else None
    enrich = EnrichAgent(enricher, topic_id=raw.id, clock_ms=wall_clock_ms)
    count = CountAgent(store, kafka.bury, kafka.order, options, labels=labels, clock_ms=wall_clock_ms, publish=publish)

    metrics.begin()
    labels.begin()
    datadir = settings.state_dir / "faust"  # stays empty: Faust requires the folder, but no table of Faust's is used
    try:
        datadir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(
            f"HASHTIDE_STATE_DIR={str(settings.state_dir)!r}: can't be written: {error.strerror}"
        ) from None
    app = BatchApp(
        settings.group,
        batch_bytes=settings.fetch_bytes,
        settings=settings,
        resources=[kafka, store],
        env_prefix="HASHTIDE_FAUST_",  # else Faust reads unprefixed environment variables
        broker=[f"kafka://{broker}" for broker in settings.kafka.split(",")],
        broker_credentials=security(settings).faust(),
        store="memory://",
        datadir=datadir,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,  # `hashtide setup` creates the topics
        worker_redirect_stdouts=False,
        stream_wait_empty=True,  # a rebalance and the shutdown wait for current batches
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,  # seconds; after a kill -9 the next worker repeats this much
        broker_session_timeout=10.0,  # seconds until partitions of a killed worker move to another
        broker_heartbeat_interval=3.0,
    )
    app.chains(POSTS_RAW, enrich.enrich, count.handle)
    app.tends(POSTS_RAW, count.finalise)
    app.task(store.watch_clock)
    reload.subscribe(enricher.use, labels.use)
    app.task(reload.run)
    if settings.canary:
        canary.register()
        app.task(canary.CanarySender(kafka.send, store, partitions=raw.partitions, clock_ms=wall_clock_ms).run)
    return app
