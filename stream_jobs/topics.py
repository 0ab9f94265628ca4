"""Every topic, in the order of the flow, and what must be true of them before a worker starts."""

from contextlib import closing
from typing import Any, Final, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from producers.contract import POSTS_DEAD, POSTS_RAW
from producers.errors import HashtideError
from producers.kafka_clients import connect
from producers.publisher import MAX_MESSAGE_BYTES
from producers.settings import Common
from stream_jobs.settings import StreamSettings

POSTS_ENRICHED: Final = "posts.enriched"

DAY_MS = 24 * 60 * 60 * 1000

# Retention goes by the time of publishing, which Kafka itself writes: a post of 2017, published today, stays.
_COMMON = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MAX_MESSAGE_BYTES)}
CONFIGS: Final[dict[str, dict[str, str]]] = {
    POSTS_RAW: _COMMON | {"retention.ms": str(7 * DAY_MS)},
    POSTS_ENRICHED: _COMMON | {"retention.ms": str(7 * DAY_MS)},
    # A dead letter's key is where it came from: read again, the newer one replaces the older.
    POSTS_DEAD: _COMMON | {"retention.ms": str(30 * DAY_MS), "cleanup.policy": "compact,delete"},
}


class TopicsUnready(HashtideError):
    """The topics are not as the jobs need them. The message says what to do."""


class Topic(NamedTuple):
    """A topic as it lies in Kafka."""

    id: str
    """Kafka's own UUID of this life of the topic: made anew, it has another, and its offsets mean nothing here."""
    partitions: int


def setup(settings: StreamSettings) -> list[str]:
    """Make the topics that are missing; the names of those made. Harmless again and again. Blocks.

    Raises TopicsUnready, KafkaUnreachable.
    """
    made = []
    with _admin(settings) as client:
        present = set(client.list_topics())
        for name, configs in CONFIGS.items():
            if name in present:
                continue
            wanted = {
                "num_partitions": settings.partitions,
                "replication_factor": settings.replication,
                "configs": configs,
            }
            try:
                client.create_topics({name: wanted}, wait_for_metadata=True)
                made.append(name)
            except TopicAlreadyExistsError:
                continue  # another `setup` at the same time
            except KafkaError as error:
                raise TopicsUnready(f"topic {name} can't be made: {error}") from error
    return made


def check(settings: Common) -> dict[str, Topic]:
    """The topics, all there and of equal partitions. Blocks. Raises TopicsUnready, KafkaUnreachable.

    Equal, because a post keeps its partition number from posts.raw to posts.enriched.
    """
    with _admin(settings) as client:
        present = set(client.list_topics())
        missing = [name for name in CONFIGS if name not in present]
        if missing:
            raise TopicsUnready(
                f"no topic {', '.join(missing)} in Kafka at {settings.kafka}: run `hashtide setup` first"
            )
        topics = {
            topic["name"]: Topic(str(topic["topic_id"]), len(topic["partitions"]))
            for topic in client.describe_topics(list(CONFIGS))
        }
    if topics[POSTS_ENRICHED].partitions < topics[POSTS_RAW].partitions:
        raise TopicsUnready(
            f"{POSTS_ENRICHED} has {topics[POSTS_ENRICHED].partitions} partitions and {POSTS_RAW} has "
            f"{topics[POSTS_RAW].partitions}: add partitions to {POSTS_ENRICHED} until it has as many"
        )
    return topics


def kept_ms(settings: Common) -> dict[str, int | None]:
    """For each topic how long a record stays in it at most, in milliseconds; None: for ever. Blocks.

    A segment goes when its newest record is older than `retention.ms`, and takes records for `segment.ms` (Kafka's
    documentation, "Topic configs"). Raises KafkaUnreachable, TopicsUnready.
    """
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in CONFIGS]
    with _admin(settings) as client:
        try:
            found = client.describe_configs(resources, config_filter="all")["topic"]
        except KafkaError as error:
            raise TopicsUnready(f"Kafka does not tell how long topics are kept: {error!r}") from error
    kept: dict[str, int | None] = {}
    for name in CONFIGS:
        retention_ms, segment_ms = (int(found[name][key]["value"]) for key in ("retention.ms", "segment.ms"))
        kept[name] = None if retention_ms < 0 else retention_ms + segment_ms
    return kept


def _admin(settings: Common) -> closing[Any]:
    return closing(connect(KafkaAdminClient, settings))
