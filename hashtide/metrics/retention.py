"""Metrics of the worker that drops old indices. Registered only where workers enforce retention."""

from prometheus_client import Counter, Gauge

RETENTION_DROPPED = Counter(
    "hashtide_retention_dropped_indices_total", "Daily indices that this worker dropped for age", registry=None
)
RETENTION_FAILED = Counter(
    "hashtide_retention_failures_total",
    "Runs of retention that did not drop every index that is too old; it retries after an hour",
    registry=None,
)
RETENTION_LAST_SUCCESS = Gauge(
    "hashtide_retention_last_success_timestamp_seconds",
    "When this worker last dropped every index that was too old; set only once it has had partition 0 of posts.raw",
    registry=None,
    unit="seconds",
)
