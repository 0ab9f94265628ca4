"""The bytes of dead letters.

A producer's letter contains them. A worker's letter has only the position of its record in posts.raw: the bytes are
there until the retention of posts.raw removes them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.names import POSTS_RAW
from hashtide.settings import Common
from operations.dlq.index import LetterEntry
from operations.dlq.reader import TopicReader, opened_reader

AT_ONCE: Final = 200
"""Letters whose bytes are in memory at the same time."""

_POSITION: Final = re.compile("([^:]+):([0-9]{1,9}):([0-9]{1,18})")


class RawPlace(NamedTuple):
    """The position of a record in posts.raw, as a worker's letter states it."""

    topic_id: str
    """Kafka's UUID of the topic: a topic that was created again has another."""
    partition: int
    offset: int


class WholeLetter(NamedTuple):
    """A letter with its bytes."""

    entry: LetterEntry
    letter: DeadLetter
    value: bytes | None
    """None if the bytes were not kept, or if posts.raw no longer has the record."""
    appended_ms: int | None = None
    """When the record was appended to posts.raw, in milliseconds. None for a producer's letter, or without bytes."""


def raw_place(letter: DeadLetter) -> RawPlace | None:
    """Position of a worker's letter in posts.raw; None for a producer's letter, which contains its bytes."""
    if letter.source != POSTS_RAW:
        return None
    found = _POSITION.fullmatch(letter.position)
    return RawPlace(found[1], int(found[2]), int(found[3])) if found else None


class RawRecords:
    """Reads records of posts.raw by position. Joins no group, changes nothing. Use `opened_raw` to get one."""

    def __init__(self, reader: TopicReader, topic_id: str) -> None:
        self._reader, self._topic_id = reader, topic_id

    def whole(self, letters: Iterable[tuple[LetterEntry, DeadLetter]]) -> Iterator[WholeLetter]:
        """The letters with their bytes, in the same order. Blocks. Raises KafkaUnreachable, kafka.errors.KafkaError."""
        waiting = iter(letters)
        while part := list(islice(waiting, AT_ONCE)):
            places = [raw_place(letter) for _, letter in part]
            records = self._read({place for place in places if place is not None})
            for (entry, letter), place in zip(part, places, strict=True):
                if place is None:
                    yield WholeLetter(entry, letter, letter.payload if letter.kept else None)
                elif record := records.get(place):
                    yield WholeLetter(entry, letter, record.value or b"", record.timestamp)
                else:
                    yield WholeLetter(entry, letter, None)

    def _read(self, places: Iterable[RawPlace]) -> Mapping[RawPlace, Any]:
        """The records at these positions, without those that were removed."""
        found: dict[RawPlace, Any] = {}
        for place in sorted(places):
            held = self._reader.spans.get(place.partition, range(0))
            if place.topic_id == self._topic_id and place.offset in held:
                one = range(place.offset, place.offset + 1)
                for record in self._reader.read(place.partition, one):
                    found[place] = record
        return found


@contextmanager
def opened_raw(settings: Common, topic_id: str) -> Iterator[RawRecords]:
    """A context manager with a reader of posts.raw, whose UUID is `topic_id`. Blocks. Raises KafkaUnreachable."""
    with opened_reader(settings, POSTS_RAW) as reader:
        yield RawRecords(reader, topic_id)
