"""How far everything is: the ends of topics, and what the workers have committed. Reads only, joins no group."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import GroupIdNotFoundError, KafkaError

from hashtide.kafka.clients import connect
from hashtide.kafka.lag import lag
from hashtide.settings import PipelineSettings


class Offsets:
    """A look into Kafka, as a context manager. Everything blocks; raises KafkaUnreachable, kafka.errors.KafkaError."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        self._consumer: Any = connect(KafkaConsumer, self._settings, enable_auto_commit=False)
        self._admin: Any = connect(KafkaAdminClient, self._settings)
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
        self._admin.close()

    def ends(self, topic: str) -> dict[TopicPartition, int]:
        """For each partition the offset that the next record will have."""
        return dict(self._consumer.end_offsets(self._partitions(topic)))

    def begins(self, topic: str) -> dict[TopicPartition, int]:
        """For each partition the first offset that it still has, or would have."""
        return dict(self._consumer.beginning_offsets(self._partitions(topic)))

    def committed(self, topic: str) -> dict[TopicPartition, int]:
        """What the workers' group has committed of a topic; a partition without a commit is not there."""
        found = self._of_group(self._admin.list_group_offsets) or {}
        return {partition: committed.offset for partition, committed in found.items() if partition.topic == topic}

    def behind(self, topic: str, ends: Mapping[TopicPartition, int] | None = None) -> int:
        """The lag of the workers: records of a topic that they have not handled; with `ends`, of those before these."""
        committed, begins = self.committed(topic), self.begins(topic)  # first: they may grow meanwhile, as the ends do
        ends = self.ends(topic) if ends is None else ends
        return sum(lag(begins[partition], end, committed.get(partition)) for partition, end in ends.items())

    def members(self) -> int:
        """How many workers are in the group."""
        found = self._of_group(self._admin.describe_groups)
        return len(found["members"]) if found else 0

    def _of_group(self, ask: Callable[[list[str]], dict[str, Any]]) -> Any:
        try:
            return ask([self._settings.group])[self._settings.group]
        except KafkaError as error:
            if not error.retriable and not isinstance(error, GroupIdNotFoundError):
                raise
            return None  # a new broker has no coordinator yet: then there is no group, either

    def records(self, topic: str) -> Iterator[Any]:
        """Every record that the topic holds now, partition by partition in order."""
        ends = self.ends(topic)
        self._consumer.assign(list(ends))
        self._consumer.seek_to_beginning()
        while any(self._consumer.position(partition) < end for partition, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=500).values():
                yield from records

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in self._consumer.partitions_for_topic(topic) or ()]
