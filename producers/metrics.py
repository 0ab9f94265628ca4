"""Every metric of the producers, declared and explained in one place. Names follow Prometheus' naming page."""

from prometheus_client import Counter, Gauge

PAYLOADS = Counter(
    "hashtide_payloads_total",
    "Payloads received, by what became of them: post, edit, delete, control or dead",
    ["source", "outcome"],
)
PUBLISHED = Counter(
    "hashtide_published_messages_total",
    "Messages that Kafka acknowledged",
    ["topic"],
)
PUBLISH_FAILURES = Counter(
    "hashtide_publish_failures_total",
    "Messages that Kafka did not take within the delivery time-out",
    ["topic"],
)
UNACKNOWLEDGED = Gauge(
    "hashtide_publish_unacknowledged_messages",
    "Messages sent and not yet acknowledged by Kafka",
)
