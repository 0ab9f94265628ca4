"""How far everything is: the ends of topics, and what the workers have committed. Reads only, joins no group."""

from collections.abc import Callable, Iterator
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import GroupIdNotFoundError, KafkaError

from hashtide.kafka.clients import connect
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
        partitions = [TopicPartition(topic, number) for number in self._consumer.partitions_for_topic(topic) or ()]
        return dict(self._consumer.end_offsets(partitions))

    def begins(self, topic: str) -> dict[TopicPartition, int]:
        """For each partition the first offset that it still has, or would have."""
        partitions = [TopicPartition(topic, number) for number in self._consumer.partitions_for_topic(topic) or ()]
        return dict(self._consumer.beginning_offsets(partitions))

    def committed(self, topic: str) -> dict[TopicPartition, int]:
        """What the workers' group has committed of a topic; a partition without a commit is not there."""
        found = self._of_group(self._admin.list_group_offsets) or {}
        return {partition: committed.offset for partition, committed in found.items() if partition.topic == topic}

    def behind(self, topic: str) -> int:
        """Records of a topic that the workers have not committed: the lag."""
        committed = self.committed(topic)  # first: it may grow meanwhile, and so may the ends
        return sum(max(0, end - committed.get(partition, 0)) for partition, end in self.ends(topic).items())

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
