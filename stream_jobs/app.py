"""The composition root: settings in, a worker's app out. Read here what flows where."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from producers.contract import POSTS_RAW
from producers.identity import Pseudonyms, load_keys
from producers.kafka_security import security
from producers.run import wall_clock_ms
from producers.settings import WrongSetting
from stream_jobs import canary, metrics, retention_daily, topics
from stream_jobs.agents.count import CountAgent
from stream_jobs.agents.dead import without_payloads
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.domain import campaign
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.domain.enrich import Enricher
from stream_jobs.domain.retention import Keep
from stream_jobs.labels import Labels
from stream_jobs.reload import Reload
from stream_jobs.retention import enforce
from stream_jobs.settings import StreamSettings
from stream_jobs.sinks import indices
from stream_jobs.sinks.client import connection
from stream_jobs.sinks.elasticsearch import Elasticsearch
from stream_jobs.sinks.kafka import KafkaSink
from stream_jobs.topics import POSTS_ENRICHED
from stream_jobs.transport import BatchApp

PACKAGED_CAMPAIGNS = Path(__file__).parent.parent / "deploy" / "campaigns"


def create(settings: StreamSettings) -> BatchApp:
    """The app of one worker, checked and ready to run.

    Blocks until Kafka and Elasticsearch answer. Raises WrongSetting, WrongCampaign, KafkaUnreachable, KafkaRefused,
    TopicsUnready, ElasticsearchUnreachable, LoginRefused and IndicesUnready.
    """
    keys, at = load_keys(settings), connection(settings)
    reload = Reload(lambda: load_campaigns(settings, Pseudonyms(keys).post))
    campaigns = reload.begin()
    labels = Labels.of(settings, [each.name for each in campaigns.all])
    enricher = Enricher(campaigns, repair_hashtags=settings.repair_hashtags, store_text=settings.store_text)
    keep = Keep.of(settings) if settings.retention else None
    found = topics.check(settings)
    indices.check(at)

    kafka = KafkaSink(settings)
    store = Elasticsearch(at, settings.bulk_bytes)
    bury = kafka.bury if settings.dead_letter_payloads else without_payloads(kafka.bury)
    enrich = EnrichAgent(enricher, kafka.send, bury, topic_id=found[POSTS_RAW].id, clock_ms=wall_clock_ms)
    count = CountAgent(
        store,
        bury,
        topic_id=found[POSTS_ENRICHED].id,
        key=keys.ledger,
        cached_counts=settings.cached_counts,
        partitions=found[POSTS_ENRICHED].partitions,
        grace_ms=settings.grace_s * 1000,
        labels=labels,
        clock_ms=wall_clock_ms,
    )

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
    reload.tell(enricher.use, labels.use)
    app.task(reload.run)
    if settings.canary:
        canary.register()
        app.task(canary.Sender(kafka.send, store, partitions=found[POSTS_RAW].partitions, clock_ms=wall_clock_ms).run)
    if keep is not None:
        retention_daily.register()
        app.task(retention_daily.Daily(partial(enforce, at, keep), partial(app.has, POSTS_RAW, 0), wall_clock_ms).run)
    return app


def load_campaigns(settings: StreamSettings, called: Callable[[str, str], str]) -> Campaigns:
    """The campaigns of HASHTIDE_CAMPAIGNS, or the packaged example; `called` as in Campaigns. Raises WrongSetting,
    WrongCampaign."""
    if settings.campaigns is not None and not settings.campaigns.exists():
        raise WrongSetting(f"HASHTIDE_CAMPAIGNS={str(settings.campaigns)!r}: no such file or folder")
    return Campaigns(campaign.load(settings.campaigns or PACKAGED_CAMPAIGNS), called)
