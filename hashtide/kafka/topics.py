"""The topics: creates and alters them, and checks them before a worker starts."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any, Final, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import (
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    KafkaError,
    TopicAlreadyExistsError,
)

from hashtide import outages
from hashtide.contract.bounds import MAX_MESSAGE_BYTES
from hashtide.contract.names import POSTS_DEAD, POSTS_ENRICHED, POSTS_RAW
from hashtide.errors import HashtideError
from hashtide.kafka.clients import connect
from hashtide.retry import connected
from hashtide.settings import Common, PipelineSettings
from hashtide.times import DAY_MS

_COMMON = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MAX_MESSAGE_BYTES)}
CONFIGS: Final[dict[str, dict[str, str]]] = {
    POSTS_RAW: _COMMON,
    POSTS_ENRICHED: _COMMON,
    # A dead letter's key is its origin: when the origin is read again, the newer letter replaces the older.
    POSTS_DEAD: _COMMON | {"cleanup.policy": "compact,delete"},
}
"""Configuration of each topic, in the order of the flow, without its retention."""


NO_GROUP: Final = (GroupIdNotFoundError, CoordinatorNotAvailableError)
OFFSETS_FOR_S: Final = 30.0
"""How long a coordinator may take to load the offsets of its groups, after its broker has started."""


class TopicsUnready(HashtideError):
    """The topics do not fit the jobs. The message says what to do."""


class RetentionDrift(NamedTuple):
    """A topic whose retention differs from the settings."""

    topic: str
    config: str
    """`retention.ms`, or `segment.ms`: a record may stay that much longer, because Kafka removes whole segments."""
    is_ms: int
    """-1: for ever."""
    wanted_ms: int

    def __str__(self) -> str:
        return f"{self.topic}: {self.config} is {_days(self.is_ms)}, the settings say {_days(self.wanted_ms)}"


class TopicInfo(NamedTuple):
    """A topic as it exists in Kafka."""

    id: str
    """Kafka's UUID of this incarnation of the topic: a recreated topic has another one, and other offsets."""
    partitions: int


def setup(settings: PipelineSettings) -> list[str]:
    """Create the missing topics; returns their names. Idempotent. Blocks.

    Raises TopicsUnready, KafkaUnreachable.
    """
    created = []
    with _admin(settings) as client:
        refuse_older(client, settings)
        present = set(client.list_topics())
        for name, configs in made_with(settings).items():
            if name in present:
                continue
            description = {
                "num_partitions": settings.partitions,
                "replication_factor": settings.replication,
                "configs": configs,
            }
            try:
                client.create_topics({name: description}, wait_for_metadata=True)
                created.append(name)
            except TopicAlreadyExistsError:
                continue  # another `setup` at the same time
            except KafkaError as error:
                raise TopicsUnready(f"topic {name} can't be created: {error}") from error
    return created


def wanted(settings: PipelineSettings) -> list[str]:
    """Topics that must exist, in the order of the flow."""
    return [POSTS_RAW, *([POSTS_ENRICHED] if settings.publish_enriched else []), POSTS_DEAD]


def made_with(settings: PipelineSettings) -> dict[str, dict[str, str]]:
    """Full configuration of each topic, by the names of Kafka's documentation, "Topic configs"."""
    return {
        name: CONFIGS[name] | {key: str(ms) for key, ms in kept.items()} for name, kept in retention(settings).items()
    }


def retention(settings: PipelineSettings) -> dict[str, dict[str, int]]:
    """Retention of each topic, by the names of Kafka's documentation, "Topic configs".

    It starts at the time of publishing, which Kafka itself writes: a post of 2017, published today, stays. posts.dead
    holds what platforms sent: with segments of a day it is gone one day after its time, instead of a week.
    """
    kept = {
        POSTS_RAW: {"retention.ms": settings.retention_raw_days * DAY_MS},
        POSTS_ENRICHED: {"retention.ms": settings.retention_enriched_days * DAY_MS},
        POSTS_DEAD: {"retention.ms": settings.retention_dead_days * DAY_MS, "segment.ms": DAY_MS},
    }
    return {name: kept[name] for name in wanted(settings)}


def retention_drift(settings: PipelineSettings) -> list[RetentionDrift]:
    """Topics whose retention differs from the settings. Blocks. Raises TopicsUnready, KafkaUnreachable."""
    found = _kept(settings)
    return [
        RetentionDrift(topic, config, is_ms, wanted_ms)
        for topic, configs in retention(settings).items()
        for config, wanted_ms in configs.items()
        if (is_ms := found[topic][config]) != wanted_ms
    ]


def keep(settings: PipelineSettings, otherwise: Iterable[RetentionDrift]) -> None:
    """Set the retention of topics as the settings say. Kafka deletes older records at once, for good. Blocks. Raises
    TopicsUnready, KafkaUnreachable."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, each.topic, {each.config: str(each.wanted_ms)}) for each in otherwise
    ]
    with _admin(settings) as client:
        for resource in resources:
            try:
                answers = client.alter_configs([resource], incremental=True)["topic"]
            except KafkaError as error:
                raise TopicsUnready(f"the retention of {resource.name} can't be altered: {error!r}") from error
            if answers[resource.name] != "OK":
                raise TopicsUnready(f"the retention of {resource.name} can't be altered: {answers[resource.name]}")


def add_partitions(settings: PipelineSettings) -> list[str]:
    """Raise posts.raw, and posts.enriched if it is published, to HASHTIDE_PARTITIONS partitions; returns the names of
    the changed topics. Not posts.dead: a letter is found by its key, which could then be in two partitions.

    Producers and workers may run meanwhile. Idempotent. Blocks. Raises TopicsUnready (if a topic has more partitions:
    before anything is changed), KafkaUnreachable.
    """
    number, added = settings.partitions, []
    with _admin(settings) as client:
        there = _described(client, settings)
        for name in _growing(settings):
            if there[name].partitions > number:
                raise TopicsUnready(
                    f"{name} has {there[name].partitions} partitions, but HASHTIDE_PARTITIONS is {number}: Kafka "
                    "cannot remove partitions. Nothing was changed"
                )
        for name in _growing(settings):
            if there[name].partitions < number:
                try:
                    client.create_partitions({name: number})
                except KafkaError as error:
                    raise TopicsUnready(f"partitions can't be added to {name}: {error}") from error
                added.append(name)
    return added


def differing(settings: PipelineSettings) -> dict[str, int]:
    """Partitions of each topic that can grow, if other than HASHTIDE_PARTITIONS. Blocks. Raises TopicsUnready,
    KafkaUnreachable."""
    with _admin(settings) as client:
        there = _described(client, settings)
    growing = _growing(settings)
    return {name: there[name].partitions for name in growing if there[name].partitions != settings.partitions}


def check(settings: PipelineSettings) -> dict[str, TopicInfo]:
    """The topics, after checking that all exist. Blocks. Raises TopicsUnready, KafkaUnreachable."""
    with _admin(settings) as client:
        refuse_older(client, settings)
        return _described(client, settings)


def refuse_older(client: Any, settings: PipelineSettings) -> None:
    """Raise TopicsUnready if an older version of Hashtide has read posts.enriched: it counted from that topic, whose
    messages had another form."""

    def unreadable(error: BaseException) -> str:
        return f"the offsets of the group {settings.group} can't be read: {error!r}"

    def is_retriable(error: BaseException) -> bool:
        return isinstance(error, KafkaError) and error.retriable and not isinstance(error, NO_GROUP)

    try:
        found = connected(
            lambda: client.list_group_offsets([settings.group])[settings.group],
            outages.of("Kafka"),
            patience_s=OFFSETS_FOR_S,
            retryable=is_retriable,
            describe=unreadable,
            give_up=lambda error: TopicsUnready(unreadable(error)),
        )
    except NO_GROUP:
        return  # a new broker has no coordinator yet: then there is no group, either
    except GroupAuthorizationFailedError:
        return  # setup's login may lack the right; the workers' logins have it, and they check this again
    except KafkaError as error:
        raise TopicsUnready(unreadable(error)) from error
    if any(partition.topic == POSTS_ENRICHED for partition in found):
        raise TopicsUnready(
            f"the group {settings.group} has read {POSTS_ENRICHED}: an older version of Hashtide ran here, and this "
            f"one cannot continue from it. Stop its workers, delete the topics {POSTS_RAW}, {POSTS_ENRICHED} and "
            f"{POSTS_DEAD} (kafka-topics --delete --topic NAME) and the group (kafka-consumer-groups --delete --group "
            f"{settings.group}), run `hashtide setup`, and send the posts again (docs/upgrades.md)"
        )


def _growing(settings: PipelineSettings) -> list[str]:
    return [name for name in wanted(settings) if name != POSTS_DEAD]


def kept_ms(settings: PipelineSettings) -> dict[str, int | None]:
    """For each topic, how long a record stays at most, in milliseconds; None: for ever. Blocks.

    Kafka deletes a segment when its newest record is older than `retention.ms`, and fills it for `segment.ms` (Kafka's
    documentation, "Topic configs"). Raises KafkaUnreachable, TopicsUnready.
    """
    return {
        name: None if kept["retention.ms"] < 0 else kept["retention.ms"] + kept["segment.ms"]
        for name, kept in _kept(settings).items()
    }


def _kept(settings: PipelineSettings) -> dict[str, dict[str, int]]:
    names = wanted(settings)
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    with _admin(settings) as client:
        try:
            found = client.describe_configs(resources, config_filter="all")["topic"]
        except KafkaError as error:
            raise TopicsUnready(f"the retention of the topics can't be read: {error!r}") from error
    return {name: {key: int(found[name][key]["value"]) for key in ("retention.ms", "segment.ms")} for name in names}


def _days(ms: int) -> str:
    return "for ever" if ms < 0 else f"{ms / DAY_MS:g} d"


def _described(client: Any, settings: PipelineSettings) -> dict[str, TopicInfo]:
    present = set(client.list_topics())
    names = wanted(settings)
    missing = [name for name in names if name not in present]
    if missing:
        raise TopicsUnready(f"no topic {', '.join(missing)} in Kafka at {settings.kafka}: run `hashtide setup` first")
    return {
        topic["name"]: TopicInfo(str(topic["topic_id"]), len(topic["partitions"]))
        for topic in client.describe_topics(names)
    }


def _admin(settings: Common) -> closing[Any]:
    return closing(connect(KafkaAdminClient, settings))
