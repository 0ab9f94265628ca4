"""Metrics of a worker."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from hashtide.contract.messages import Origin
from hashtide.contract.names import POSTS_RAW
from hashtide.contract.reasons import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles the series of each counter, and nobody reads them

BATCHES = Histogram(
    "hashtide_batch_records",
    "Records in a batch, as fetched from one partition",
    ["topic"],
    buckets=(1, 10, 100, 300, 1000, 3000, 10_000, 30_000),
)
BATCH_SECONDS = Histogram(
    "hashtide_batch_seconds",
    "Time from the start of a batch to its acknowledgement",
    ["topic"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    unit="seconds",
)
BATCHES_LET_GO = Counter(
    "hashtide_batches_let_go_total",
    "Batches abandoned unacknowledged because a rebalance or the shutdown waited for them; they are processed again",
    ["topic"],
)
LAG = Gauge(
    "hashtide_lag_records",
    "Records that this worker has not handled yet, by partition assigned to it",
    ["topic", "partition"],
)
LAG_SECONDS = Gauge(
    "hashtide_lag_seconds",
    "How long the first record not handled yet has waited in Kafka; 0 if there is none",
    ["topic", "partition"],
    unit="seconds",
)
ASSIGNED = Gauge("hashtide_assigned_partitions", "Partitions assigned to this worker")
ASSIGNMENTS = Counter("hashtide_assignments_total", "Assignments of partitions: one per rebalance")
COUNTED = Counter(
    "hashtide_counted_posts_total",
    "Posts counted for the first time; after a crash, replayed posts are included again. "
    "Platforms without their own label are `other`",
    ["platform", "origin"],
)
CAMPAIGN_POSTS = Counter(
    "hashtide_campaign_posts_total",
    "Live posts entered into the ledger within 5 minutes of our clock, in each of their campaigns: no replays, "
    "backfills, made-up posts, duplicates, or posts that arrive late for any reason",
    ["campaign", "platform", "kind"],
)
CAMPAIGN_LANGUAGES = Counter(
    "hashtide_campaign_language_posts_total",
    "The same posts by language: `und` if unknown, `other` for languages without their own label",
    ["campaign", "language"],
)
CAMPAIGN_REGIONS = Counter(
    "hashtide_campaign_region_posts_total",
    "The same posts by country: `ZZ` if unknown, `other` for countries without their own label",
    ["campaign", "region"],
)
DUPLICATES = Counter(
    "hashtide_duplicate_posts_total",
    "Posts skipped because the ledger already has them",
)
EDITS = Counter("hashtide_edited_posts_total", "Edits of posts already counted")
UNKNOWN_EDITS = Counter(
    "hashtide_unknown_edits_total",
    "Edits of posts that the ledger does not have, not counted because their author can change their time",
)
DELETIONS = Counter("hashtide_deleted_posts_total", "Deletions that emptied a post's documents")
DEAD_LETTERS = Counter(
    "hashtide_dead_letters_total",
    "Messages that the jobs sent to posts.dead, by reason",
    ["reason"],
)
COUNT_CONFLICTS = Counter(
    "hashtide_count_conflicts_total",
    "Count documents that a worker that lost the partition had written first: its counts stay, and are read again",
)
CACHED_COUNTS = Gauge("hashtide_cached_counts", "Count documents held in memory", ["partition"])
BULK_SECONDS = Histogram(
    "hashtide_bulk_seconds",
    "Duration of one request to Elasticsearch",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    unit="seconds",
)
BULK_RETRIES = Counter(
    "hashtide_elasticsearch_retries_total",
    "Requests to Elasticsearch that are retried, by reason",
    ["reason"],
)
REFUSED = Counter(
    "hashtide_refused_documents_total",
    "Documents that Elasticsearch refused for good",
)
LATE = Counter(
    "hashtide_late_posts_total",
    "Posts that arrived after the watermark had closed their window: still counted, as a correction",
    ["origin"],
)
CORRECTED = Counter("hashtide_corrected_counts_total", "Writes of counts that grew after they were final")
FINALISED = Counter("hashtide_finalised_counts_total", "Counts marked final because their window had closed")
MENDED = Counter("hashtide_mended_counts_total", "Counts that differed from the ledger and were set to its value")
NEWEST_EVENT = Gauge(
    "hashtide_newest_event_timestamp_seconds",
    "Time of the newest counted post, by partition: now minus this is the lag in event time",
    ["partition"],
    unit="seconds",
)
CAMPAIGNS_LOADED = Gauge(
    "hashtide_campaigns_loaded_timestamp_seconds",
    "When this worker loaded its campaigns: at start, or at the last successful SIGHUP",
    unit="seconds",
)
CAMPAIGNS_NOT_LOADED = Counter(
    "hashtide_campaigns_load_failures_total",
    "SIGHUPs whose campaigns could not be used, so that the previous ones stay in use; the log says why",
)
CLOCK_SKEW = Gauge(
    "hashtide_clock_skew_seconds",
    "Our clock minus that of `kafka` or `elasticsearch`, beyond what the duration of the request can explain: 0 if the "
    "clocks may agree, above 0 if ours is ahead by at least this much, below 0 if it is behind",
    ["against"],
    unit="seconds",
)

# Registered, and so in /metrics, only if the canary is on.
CANARY_SENT = Counter("hashtide_canary_sent_total", "Canaries sent by this worker", registry=None)
CANARY_LOST = Counter(
    "hashtide_canary_lost_total", "Canaries that no search had found a minute after they were sent", registry=None
)
CANARY_LATENCY = Histogram(
    "hashtide_canary_latency_seconds",
    "Time from publishing a canary to posts.raw until a search finds its document; searched four times a second",
    buckets=(0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60),
    registry=None,
    unit="seconds",
)
CANARY_LAST_SEEN = Gauge(
    "hashtide_canary_last_seen_timestamp_seconds",
    "When the last canary was found; until one is found, when the first was sent",
    registry=None,
    unit="seconds",
)


def begin() -> None:
    """Start counters at 0: Prometheus misses the first increase of a counter that did not exist before."""
    for reason in get_args(Reason):
        DEAD_LETTERS.labels(reason)
    for origin in get_args(Origin):
        LATE.labels(origin)
    BATCHES_LET_GO.labels(POSTS_RAW)
    for why in ("connection", "timeout", "blocked", "shards", "status-429", "status-503", "item-429", "item-503"):
        BULK_RETRIES.labels(why)
