"""Read `posts.dead`: once completely for the index, and again only the letters whose payloads are needed."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.names import POSTS_DEAD
from hashtide.kafka.clients import KafkaUnreachable, connect
from hashtide.settings import Common
from operations.dlq.index import LetterEntry, LetterIndex, read

SILENCE_S: Final = 60.0  # timeout for the next records: longer than a broker's restart
SHOWN_EVERY: Final = 500


class DeadTopic:
    """A reader of `posts.dead`: joins no group, changes nothing. Use `opened` to get one."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        partitions = [TopicPartition(POSTS_DEAD, number) for number in consumer.partitions_for_topic(POSTS_DEAD) or ()]
        first, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        self._spans = {each.partition: range(first[each], ends[each]) for each in partitions}

    def index(self, show: Callable[[int, int], None]) -> LetterIndex:
        """The letters in the topic when it was opened. Calls `show` with the number of records read and the total.

        Blocks. Raises KafkaUnreachable.
        """
        index, total = LetterIndex(), sum(map(len, self._spans.values()))  # upper bound: compaction leaves holes
        for number, record in enumerate(self._read(self._spans)):
            index.add(record.partition, record.offset, record.key, record.value)
            if number % SHOWN_EVERY == 0:
                show(number, total)
        return index

    def letters(self, entries: Sequence[LetterEntry]) -> Iterator[tuple[LetterEntry, DeadLetter]]:
        """The letters with their payloads, by partition and offset. Omits letters that were replaced or dropped and
        compacted since. Blocks. Raises KafkaUnreachable.
        """
        wanted = {(entry.partition, entry.offset): entry for entry in entries}
        spans: dict[int, range] = {}
        for partition, offset in wanted:
            span = spans.get(partition, range(offset, offset + 1))
            spans[partition] = range(min(span.start, offset), max(span.stop, offset + 1))
        for record in self._read(spans):
            if entry := wanted.get((record.partition, record.offset)):
                yield entry, read(record.value)

    def _read(self, spans: Mapping[int, range]) -> Iterator[Any]:
        for number, span in spans.items():
            partition = TopicPartition(POSTS_DEAD, number)
            self._consumer.assign([partition])
            self._consumer.seek(partition, span.start)
            received_at = time.monotonic()
            while self._consumer.position(partition) < span.stop:
                records = self._consumer.poll(timeout_ms=500).get(partition, ())
                if records:
                    received_at = time.monotonic()
                elif time.monotonic() - received_at > SILENCE_S:
                    raise KafkaUnreachable(f"no records of {POSTS_DEAD} from Kafka for {SILENCE_S:.0f} s")
                yield from (record for record in records if record.offset < span.stop)


@contextmanager
def opened(settings: Common) -> Iterator[DeadTopic]:
    """A context manager with a reader of `posts.dead`. Blocks. Raises KafkaUnreachable."""
    consumer: Any = connect(
        KafkaConsumer, settings, enable_auto_commit=False, allow_auto_create_topics=False, auto_offset_reset="earliest"
    )
    try:
        yield DeadTopic(consumer)
    except KafkaError as error:
        raise KafkaUnreachable(f"{POSTS_DEAD} can't be read from Kafka at {settings.kafka}: {error!r}") from error
    finally:
        consumer.close()
