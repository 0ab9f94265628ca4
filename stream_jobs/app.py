"""The composition root: settings in, a worker's app out. Read here what flows where."""

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
from stream_jobs.agents.dead import without_payloads
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.kafka_sink import KafkaSink
from stream_jobs.labels import CampaignLabels
from stream_jobs.loading import load_campaigns, load_enricher
from stream_jobs.reload import CampaignReloader
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch
from stream_jobs.transport.app import BatchApp


def create(settings: StreamSettings) -> BatchApp:
    """The app of one worker, checked and ready to run.

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
    bury = kafka.bury if settings.dead_letter_payloads else without_payloads(kafka.bury)
    enrich = EnrichAgent(enricher, kafka.send, bury, topic_id=found[POSTS_RAW].id, clock_ms=wall_clock_ms)
    options = CountOptions(
        topic_id=found[POSTS_ENRICHED].id,
        partitions=found[POSTS_ENRICHED].partitions,
        key=keys.ledger,
        cached_counts=settings.cached_counts,
        grace_ms=settings.grace_s * 1000,
    )
    count = CountAgent(store, bury, options, labels=labels, clock_ms=wall_clock_ms)

    metrics.begin()
    labels.begin()
    datadir = settings.state_dir / "faust"  # stays empty: no table of Faust's is used, but Faust wants the folder
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
        env_prefix="HASHTIDE_FAUST_",  # else Faust reads settings out of unprefixed environment variables
        broker=[f"kafka://{broker}" for broker in settings.kafka.split(",")],
        broker_credentials=security(settings).faust(),
        store="memory://",
        datadir=datadir,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,  # `hashtide setup` makes the topics
        worker_redirect_stdouts=False,
        stream_wait_empty=True,  # a rebalance and the shutdown wait for the batch in hand
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,  # what a kill -9 makes the next worker repeat
        broker_session_timeout=10.0,  # how long partitions of a killed worker stand still
        broker_heartbeat_interval=3.0,
    )
    app.handles(POSTS_RAW, enrich.handle)
    app.handles(POSTS_ENRICHED, count.handle)
    app.tends(POSTS_ENRICHED, count.finalise)
    app.task(store.watch_clock)
    reload.subscribe(enricher.use, labels.use)
    app.task(reload.run)
    if settings.canary:
        canary.register()
        app.task(
            canary.CanarySender(kafka.send, store, partitions=found[POSTS_RAW].partitions, clock_ms=wall_clock_ms).run
        )
    return app
