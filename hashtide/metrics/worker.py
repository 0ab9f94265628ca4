"""Metrics of a worker."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from hashtide.contract.messages import Origin
from hashtide.contract.names import POSTS_ENRICHED, POSTS_RAW
from hashtide.contract.reasons import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each of a counter, which nobody reads

BATCHES = Histogram(
    "hashtide_batch_records",
    "Records in a batch, as fetched from one partition",
    ["topic"],
    buckets=(1, 10, 100, 300, 1000, 3000, 10_000, 30_000),
)
BATCH_SECONDS = Histogram(
    "hashtide_batch_seconds",
    "Time from taking a batch in hand to its acknowledgement",
    ["topic"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    unit="seconds",
)
BATCHES_LET_GO = Counter(
    "hashtide_batches_let_go_total",
    "Batches dropped unacknowledged because a rebalance or the shutdown waited for them; they are handled again",
    ["topic"],
)
LAG = Gauge(
    "hashtide_lag_records",
    "Records that this worker has not handled yet, in each partition that it has",
    ["topic", "partition"],
)
LAG_SECONDS = Gauge(
    "hashtide_lag_seconds",
    "How long the first record that this worker has not handled yet has waited in Kafka; 0 with nothing to do",
    ["topic", "partition"],
    unit="seconds",
)
ASSIGNED = Gauge("hashtide_assigned_partitions", "Partitions that this worker has")
ASSIGNMENTS = Counter("hashtide_assignments_total", "Assignments of partitions: one for each rebalance")
ENRICHED = Counter(
    "hashtide_enriched_posts_total",
    "Posts, edits, deletions and gaps sent on to posts.enriched",
)
COUNTED = Counter(
    "hashtide_counted_posts_total",
    "Posts counted for the first time; after a crash, replayed ones are among them again. "
    "Platforms without a label of their own are `other`",
    ["platform", "origin"],
)
CAMPAIGN_POSTS = Counter(
    "hashtide_campaign_posts_total",
    "Live posts entered into the ledger while they were fresh, at most 5 minutes from our clock, in each of their "
    "campaigns: not replays, backfills, made-up posts, duplicates, or what comes late for any reason",
    ["campaign", "platform", "kind"],
)
CAMPAIGN_LANGUAGES = Counter(
    "hashtide_campaign_language_posts_total",
    "The same posts by language: `und` where nobody can tell, `other` for those without a label of their own",
    ["campaign", "language"],
)
CAMPAIGN_REGIONS = Counter(
    "hashtide_campaign_region_posts_total",
    "The same posts by country: `ZZ` where nobody can tell, `other` for those without a label of their own",
    ["campaign", "region"],
)
DUPLICATES = Counter(
    "hashtide_duplicate_posts_total",
    "Posts skipped because the ledger has them already: sent twice by a source, or re-sent by our own enrich step",
    ["by"],
)
EDITS = Counter("hashtide_edited_posts_total", "Edits noted on posts already counted")
DELETIONS = Counter("hashtide_deleted_posts_total", "Deletions that emptied a post's documents")
DEAD_LETTERS = Counter(
    "hashtide_dead_letters_total",
    "Messages that the jobs sent to posts.dead, by reason",
    ["reason"],
)
COUNT_CONFLICTS = Counter(
    "hashtide_count_conflicts_total",
    "Count documents that a worker which is out had written ahead: theirs stand, and are read again",
)
CACHED_COUNTS = Gauge("hashtide_cached_counts", "Count documents held in memory", ["partition"])
BULK_SECONDS = Histogram(
    "hashtide_bulk_seconds",
    "Time of one request to Elasticsearch",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    unit="seconds",
)
BULK_RETRIES = Counter(
    "hashtide_elasticsearch_retries_total",
    "Requests to Elasticsearch tried again, by reason",
    ["reason"],
)
REFUSED = Counter(
    "hashtide_refused_documents_total",
    "Documents that Elasticsearch refused for good",
)
LATE = Counter(
    "hashtide_late_posts_total",
    "Posts that came after the watermark had closed their window: counted all the same, as a correction",
    ["origin"],
)
CORRECTED = Counter("hashtide_corrected_counts_total", "Writes of counts that grew after they were final")
FINALISED = Counter("hashtide_finalised_counts_total", "Counts called final because their window had closed")
MENDED = Counter("hashtide_mended_counts_total", "Counts that differed from the ledger and were set to what it says")
NEWEST_EVENT = Gauge(
    "hashtide_newest_event_timestamp_seconds",
    "Time of the newest post counted, by partition: with the clock, the lag in event time",
    ["partition"],
    unit="seconds",
)
CAMPAIGNS_LOADED = Gauge(
    "hashtide_campaigns_loaded_timestamp_seconds",
    "When this worker loaded the campaigns that it tags posts by: at its start, or at the last SIGHUP that went well",
    unit="seconds",
)
CAMPAIGNS_NOT_LOADED = Counter(
    "hashtide_campaigns_load_failures_total",
    "SIGHUPs after which the campaigns could not be used, and those from before stayed; the log says why",
)
CLOCK_SKEW = Gauge(
    "hashtide_clock_skew_seconds",
    "Our clock minus that of `kafka` or `elasticsearch`, as far as the time that asking took cannot explain it: 0 when "
    "the clocks may agree, above 0 when ours is ahead by this much at least, below 0 when it is behind",
    ["against"],
    unit="seconds",
)

# Registered, and so in /metrics, only where the canary is on.
CANARY_SENT = Counter("hashtide_canary_sent_total", "Canaries sent by this worker", registry=None)
CANARY_LOST = Counter(
    "hashtide_canary_lost_total", "Canaries that no search had found a minute after they were sent", registry=None
)
CANARY_LATENCY = Histogram(
    "hashtide_canary_latency_seconds",
    "From publishing a canary into posts.raw until a search finds its document; looked for four times a second",
    buckets=(0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60),
    registry=None,
    unit="seconds",
)
CANARY_LAST_SEEN = Gauge(
    "hashtide_canary_last_seen_timestamp_seconds",
    "When the last canary that came through was found; until one has, when the first was sent",
    registry=None,
    unit="seconds",
)


def begin() -> None:
    """Have counters begin at 0: of one that was not there before, nobody sees the first increase."""
    for reason in get_args(Reason):
        DEAD_LETTERS.labels(reason)
    for by in ("source", "re-send"):
        DUPLICATES.labels(by)
    for origin in get_args(Origin):
        LATE.labels(origin)
    for topic in (POSTS_RAW, POSTS_ENRICHED):
        BATCHES_LET_GO.labels(topic)
    for why in ("connection", "timeout", "blocked", "shards", "status-429", "status-503", "item-429", "item-503"):
        BULK_RETRIES.labels(why)
