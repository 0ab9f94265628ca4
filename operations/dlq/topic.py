"""Read `posts.dead`: once completely for the index, and again only the letters whose payloads are needed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.names import POSTS_DEAD
from hashtide.settings import Common
from operations.dlq.index import LetterEntry, LetterIndex, read
from operations.dlq.reader import TopicReader, opened_reader

SHOWN_EVERY: Final = 500


class DeadTopic:
    """A reader of `posts.dead`: joins no group, changes nothing. Use `opened` to get one."""

    def __init__(self, reader: TopicReader) -> None:
        self._reader = reader

    def index(self, show: Callable[[int, int], None]) -> LetterIndex:
        """The letters in the topic when it was opened. Calls `show` with the number of records read and the total.

        Blocks. Raises KafkaUnreachable.
        """
        index, total = LetterIndex(), sum(map(len, self._reader.spans.values()))  # upper bound: compaction leaves holes
        for number, record in enumerate(self._read(self._reader.spans)):
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
        for partition, span in spans.items():
            yield from self._reader.read(partition, span)


@contextmanager
def opened(settings: Common) -> Iterator[DeadTopic]:
    """A context manager with a reader of `posts.dead`. Blocks. Raises KafkaUnreachable."""
    with opened_reader(settings, POSTS_DEAD) as reader:
        yield DeadTopic(reader)
