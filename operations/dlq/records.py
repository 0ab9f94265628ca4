"""The bytes of dead letters.

A producer's letter contains them. A worker's letter has only the position of its record in posts.raw: the bytes are
there until the retention of posts.raw removes them.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.names import POSTS_RAW
from hashtide.kafka.clients import KafkaUnreachable, connect
from hashtide.settings import Common
from operations.dlq.index import LetterEntry

AT_ONCE: Final = 200
"""Letters whose bytes are in memory at the same time."""
SILENCE_S: Final = 60.0
"""Timeout for the next record, in seconds: longer than a broker's restart."""

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

    def __init__(self, consumer: Any, topic_id: str) -> None:
        self._consumer, self._topic_id = consumer, topic_id
        partitions = [TopicPartition(POSTS_RAW, number) for number in consumer.partitions_for_topic(POSTS_RAW) or ()]
        self._begins, self._ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)

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
        found: dict[RawPlace, Any] = {}
        for place in sorted(places):
            at = TopicPartition(POSTS_RAW, place.partition)
            if place.topic_id == self._topic_id and self._begins.get(at, 0) <= place.offset < self._ends.get(at, 0):
                found |= self._read_to(at, place)
        return found

    def _read_to(self, at: TopicPartition, place: RawPlace) -> Mapping[RawPlace, Any]:
        """The record at a position; none if it was removed since the reader was opened."""
        self._consumer.assign([at])
        self._consumer.seek(at, place.offset)
        asked_at = time.monotonic()
        while self._consumer.position(at) <= place.offset:
            for record in self._consumer.poll(timeout_ms=500, max_records=1).get(at, ()):
                return {place: record} if record.offset == place.offset else {}
            if time.monotonic() - asked_at > SILENCE_S:
                raise KafkaUnreachable(f"no records of {POSTS_RAW} from Kafka for {SILENCE_S:.0f} s")
        return {}


@contextmanager
def opened_raw(settings: Common, topic_id: str) -> Iterator[RawRecords]:
    """A context manager with a reader of posts.raw, whose UUID is `topic_id`. Blocks. Raises KafkaUnreachable."""
    consumer: Any = connect(
        KafkaConsumer, settings, enable_auto_commit=False, allow_auto_create_topics=False, auto_offset_reset="earliest"
    )
    try:
        yield RawRecords(consumer, topic_id)
    except KafkaError as error:
        raise KafkaUnreachable(f"{POSTS_RAW} can't be read from Kafka at {settings.kafka}: {error!r}") from error
    finally:
        consumer.close()
