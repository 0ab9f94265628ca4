"""Every metric of the stream jobs, declared and explained in one place. Names follow Prometheus' naming page."""

from prometheus_client import Counter, Gauge, Histogram

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
)
ASSIGNED = Gauge("hashtide_assigned_partitions", "Partitions that this worker has")
ASSIGNMENTS = Counter("hashtide_assignments_total", "Assignments of partitions: one for each rebalance")
ENRICHED = Counter(
    "hashtide_enriched_posts_total",
    "Posts, edits and deletions sent on to posts.enriched",
)
COUNTED = Counter(
    "hashtide_counted_posts_total",
    "Posts counted for the first time; after a crash, replayed ones are among them again",
    ["platform", "origin"],
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
)
