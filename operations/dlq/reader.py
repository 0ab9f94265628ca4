"""Read records of a topic by partition and offset."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from hashtide.kafka.clients import KafkaUnreachable, connect
from hashtide.settings import Common

SILENCE_S: Final = 60.0
"""Timeout for the next records, in seconds: longer than a broker's restart."""
RECORDS_AT_ONCE: Final = 500


class TopicReader:
    """Reads a topic. Joins no group, changes nothing. Use `opened_reader` to get one."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer, self._topic = consumer, topic
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        first, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        self.spans = {each.partition: range(first[each], ends[each]) for each in partitions}
        """By partition, the offsets that the topic had when the reader was opened."""

    def read(self, number: int, span: range) -> Iterator[Any]:
        """The records of a partition whose offsets are in `span`, without those removed since. Blocks. Raises
        KafkaUnreachable, kafka.errors.KafkaError."""
        partition = TopicPartition(self._topic, number)
        self._consumer.assign([partition])
        self._consumer.seek(partition, span.start)
        received_at = time.monotonic()
        while self._consumer.position(partition) < span.stop:
            most = min(RECORDS_AT_ONCE, len(span))
            records = self._consumer.poll(timeout_ms=500, max_records=most).get(partition, ())
            if records:
                received_at = time.monotonic()
            elif time.monotonic() - received_at > SILENCE_S:
                raise KafkaUnreachable(f"no records of {self._topic} from Kafka for {SILENCE_S:.0f} s")
            yield from (record for record in records if record.offset < span.stop)


@contextmanager
def opened_reader(settings: Common, topic: str) -> Iterator[TopicReader]:
    """A context manager with a reader of a topic. Blocks. Raises KafkaUnreachable."""
    consumer: Any = connect(
        KafkaConsumer, settings, enable_auto_commit=False, allow_auto_create_topics=False, auto_offset_reset="earliest"
    )
    try:
        yield TopicReader(consumer, topic)
    except KafkaError as error:
        raise KafkaUnreachable(f"{topic} can't be read from Kafka at {settings.kafka}: {error!r}") from error
    finally:
        consumer.close()
