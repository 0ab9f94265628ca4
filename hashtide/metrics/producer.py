"""Metrics of a producer."""

from typing import get_args

from prometheus_client import Counter, Gauge, disable_created_metrics

from hashtide.contract.messages import Gap

disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles the series of each counter, and nobody reads them

PAYLOADS = Counter(
    "hashtide_payloads_total",
    "Payloads received, by outcome: posts, edits, deletes, control, filtered or dead",
    ["source", "outcome"],
)
PUBLISHED = Counter(
    "hashtide_published_messages_total",
    "Messages that Kafka acknowledged",
    ["topic"],
)
PUBLISH_FAILURES = Counter(
    "hashtide_publish_failures_total",
    "Messages that Kafka did not acknowledge within the delivery time-out",
    ["topic"],
)
UNACKNOWLEDGED = Gauge(
    "hashtide_publish_unacknowledged_messages",
    "Messages sent and not yet acknowledged by Kafka",
)
CONNECTIONS = Gauge(
    "hashtide_source_connections",
    "Connections to a platform that are up and have received something",
    ["source"],
)
LAST_PAYLOAD = Gauge(
    "hashtide_source_last_payload_timestamp_seconds",
    "When something was last received from a source, keep-alives included",
    ["source"],
    unit="seconds",
)
RECONNECTS = Counter(
    "hashtide_source_reconnects_total",
    "Connections that were lost or failed and are then retried, by reason",
    ["source", "reason"],
)
GAPS = Counter(
    "hashtide_ingest_gaps_total",
    "Times in which a source may have missed posts, by reason",
    ["source", "reason"],
)
GAP_SECONDS = Counter(
    "hashtide_ingest_gap_seconds_total",
    "Length of the times in which a source may have missed posts, by reason",
    ["source", "reason"],
    unit="seconds",
)


def expect(source: str) -> None:
    """Start a source's counters at 0: Prometheus misses the first increase of a counter that did not exist before."""
    for outcome in ("posts", "edits", "deletes", "control", "filtered", "dead"):
        PAYLOADS.labels(source, outcome)
    for reason in get_args(Gap.__annotations__["reason"]):
        GAPS.labels(source, reason)
        GAP_SECONDS.labels(source, reason)
