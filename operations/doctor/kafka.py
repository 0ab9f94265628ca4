"""Facts about Kafka. Only reads, joins no group, and uses the same client as producers and commands.

All methods block for a few seconds at most and raise kafka.errors.KafkaError; entering raises KafkaUnreachable.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError, GroupIdNotFoundError

from hashtide.contract.dead_letters import decode_dead_letter
from hashtide.contract.names import POSTS_DEAD
from hashtide.kafka.clients import connect
from hashtide.settings import Common
from operations.doctor.facts import Broker, KafkaCluster, Letters, PartitionProgress, TopicFacts, WorkerGroup

PATIENCE_S: Final = 4.0
ANSWER_MS: Final = 4_000
READ_S: Final = 3.0
LAST_LETTERS: Final = 20
"""Records to read per partition of posts.dead: the newest may be tombstones."""


class KafkaProbe:
    """A context manager; enter it only once."""

    def __init__(self, settings: Common) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        options: dict[str, Any] = {"patience_s": PATIENCE_S, "request_timeout_ms": ANSWER_MS}
        self._admin: Any = connect(KafkaAdminClient, self._settings, **options)
        try:
            self._consumer: Any = connect(
                KafkaConsumer,
                self._settings,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=1 << 16,
                **options,
            )
        except BaseException:
            self._admin.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
        self._admin.close()

    def cluster(self) -> KafkaCluster:
        """The brokers, and what our login may do."""
        found = self._admin.describe_cluster()
        brokers = tuple(
            Broker(each["broker_id"], f"{each['host']}:{each['port']}", bool(each.get("is_fenced")))
            for each in found["brokers"]
        )
        version = ".".join(map(str, self._admin._manager.broker_version))  # guessed from the APIs: brokers report none
        return KafkaCluster(version, brokers, _operations(found))

    def topics(self, names: Sequence[str]) -> dict[str, TopicFacts]:
        """The topics that exist, with their settings if our login may read them."""
        described = {each["name"]: each for each in self._admin.describe_topics(list(names)) if not each["error_code"]}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in described]
        configs = self._admin.describe_configs(resources, config_filter="all").get("topic", {}) if resources else {}
        return {name: _topic(name, each, configs.get(name, {})) for name, each in described.items()}

    def group(self) -> WorkerGroup:
        """The workers' group."""
        name = self._settings_group
        try:
            found = self._admin.describe_groups([name])[name]
        except (GroupIdNotFoundError, CoordinatorNotAvailableError):
            return WorkerGroup(name, "Dead", 0)  # a new broker without a coordinator has no group either
        assigned: dict[str, set[int]] = {}
        for member in found["members"]:
            for part in (member["member_assignment"] or {}).get("assigned_partitions", ()):
                assigned.setdefault(part["topic"], set()).update(part["partitions"])
        frozen = {topic: frozenset(partitions) for topic, partitions in assigned.items()}
        return WorkerGroup(name, found["group_state"], len(found["members"]), frozen, _operations(found))

    @property
    def _settings_group(self) -> str:
        return str(getattr(self._settings, "group", "hashtide"))

    def positions(self, topics: Mapping[str, TopicFacts]) -> list[PartitionProgress]:
        """Each partition's committed offset, and since when the first unhandled record waits."""
        partitions = _partitions(topics)
        committed = self._committed()  # before the ends: both may grow meanwhile, and lag must not be negative
        beginnings, ends = self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        found = [
            PartitionProgress(tp.topic, tp.partition, beginnings[tp], ends[tp], committed.get(tp)) for tp in partitions
        ]
        starts = {(each.topic, each.partition): each.end - each.behind for each in found if each.behind}
        firsts = {place: records[0].timestamp for place, records in self._read(starts, most=1).items() if records}
        return [
            msgspec.structs.replace(each, waiting_since_ms=firsts.get((each.topic, each.partition))) for each in found
        ]

    def letters(self) -> Letters:
        """An upper bound of the number of dead letters, and the newest one."""
        partitions = [TopicPartition(POSTS_DEAD, number) for number in self._consumer.partitions_for_topic(POSTS_DEAD)]
        beginnings, ends = self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        starts = {
            (tp.topic, tp.partition): max(beginnings[tp], ends[tp] - LAST_LETTERS)
            for tp in partitions
            if ends[tp] > beginnings[tp]
        }
        newest: tuple[int, str] | None = None
        for records in self._read(starts, most=LAST_LETTERS).values():
            for record in records:
                try:
                    letter = decode_dead_letter(record.value) if record.value is not None else None
                except msgspec.MsgspecError:
                    continue
                if letter is not None:
                    newest = max(newest or (0, ""), (letter.at_ms, letter.reason))
        count = sum(ends[tp] - beginnings[tp] for tp in partitions)
        return Letters(count, newest[1] if newest else None, newest[0] if newest else None)

    def newest_ms(self, topics: Mapping[str, TopicFacts]) -> int | None:
        """When the newest record was appended, by the broker's clock; None if there are no records."""
        partitions = _partitions(topics)
        ends, beginnings = self._consumer.end_offsets(partitions), self._consumer.beginning_offsets(partitions)
        starts = {(tp.topic, tp.partition): ends[tp] - 1 for tp in partitions if ends[tp] > beginnings[tp]}
        times = [record.timestamp for records in self._read(starts, most=1).values() for record in records]
        return max(times, default=None)

    def _committed(self) -> dict[TopicPartition, int]:
        try:
            found = self._admin.list_group_offsets([self._settings_group])[self._settings_group]
        except (GroupIdNotFoundError, CoordinatorNotAvailableError):
            return {}
        return {tp: committed.offset for tp, committed in found.items() if committed.offset >= 0}

    def _read(self, starts: Mapping[tuple[str, int], int], most: int) -> dict[tuple[str, int], list[Any]]:
        """Up to `most` records of each partition from its start offset; fewer after READ_S."""
        found: dict[tuple[str, int], list[Any]] = {place: [] for place in starts}
        waiting = set(starts)
        self._consumer.assign([TopicPartition(*place) for place in starts])
        for place, offset in starts.items():
            self._consumer.seek(TopicPartition(*place), offset)
        deadline = time.monotonic() + READ_S
        while waiting and time.monotonic() < deadline:
            for tp, records in self._consumer.poll(timeout_ms=200).items():
                place = (tp.topic, tp.partition)
                found[place] += records[: most - len(found[place])]
                if len(found[place]) >= most or self._consumer.position(tp) >= self._consumer.highwater(tp):
                    waiting.discard(place)
                    self._consumer.pause(tp)
        self._consumer.unsubscribe()
        return found


def _partitions(topics: Mapping[str, TopicFacts]) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for topic in topics.values() for number in range(topic.partitions)]


def _topic(name: str, found: Mapping[str, Any], configs: Mapping[str, Any]) -> TopicFacts:
    partitions = found["partitions"]
    return TopicFacts(
        name=name,
        partitions=len(partitions),
        replicas=min((len(each["replica_nodes"]) for each in partitions), default=0),
        leaderless=tuple(sorted(each["partition_index"] for each in partitions if each["leader_id"] < 0)),
        out_of_sync=tuple(
            sorted(e["partition_index"] for e in partitions if len(e["isr_nodes"]) < len(e["replica_nodes"]))
        ),
        fewest_in_sync=min((len(each["isr_nodes"]) for each in partitions), default=0),
        configs={option: str(value["value"]) for option, value in configs.items()},
        operations=_operations(found),
    )


def _operations(found: Mapping[str, Any]) -> frozenset[str] | None:
    """Our authorized operations; None if Kafka does not report them."""
    allowed = found.get("authorized_operations")
    return frozenset(allowed) if isinstance(allowed, list | tuple | set | frozenset) else None
