"""Find the bytes of letters: a fake consumer of posts.raw stands in for Kafka."""

from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from kafka import TopicPartition

from hashtide.contract.dead_letters import DeadLetter, without_payload
from hashtide.contract.names import POSTS_RAW
from hashtide.kafka.clients import KafkaUnreachable
from operations.dlq import reader, records
from operations.dlq.index import LetterEntry
from operations.dlq.reader import TopicReader
from operations.dlq.records import RawPlace, RawRecords, WholeLetter, raw_place
from tests.fakes.kafka import record

APPENDED_MS = 1_600_000_000_000  # the time of every record of tests.fakes.kafka


class Consumer:
    """A consumer of posts.raw: records by partition, in the order of their offsets. `ends`: of partitions that end
    after their last record, because the newest records were removed."""

    def __init__(self, *held: "ConsumerRecord", ends: dict[int, int] | None = None) -> None:
        self.held = list(held)
        self.ends = {each.partition: each.offset + 1 for each in held} | (ends or {})
        self.reads: list[tuple[int, int]] = []
        self.silent = False
        self._at = TopicPartition("", 0)
        self._offset = 0

    def partitions_for_topic(self, topic: str) -> set[int]:
        assert topic == "posts.raw"
        return set(self.ends)

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {at: min((each.offset for each in self._of(at)), default=self.ends[at.partition]) for at in partitions}

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {at: self.ends[at.partition] for at in partitions}

    def assign(self, partitions: list[TopicPartition]) -> None:
        (self._at,) = partitions

    def seek(self, at: TopicPartition, offset: int) -> None:
        assert at == self._at
        self._offset = offset
        self.reads.append((at.partition, offset))

    def position(self, at: TopicPartition) -> int:
        assert at == self._at
        return self._offset

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        if self.silent:
            return {}
        found = [each for each in self._of(self._at) if each.offset >= self._offset][:max_records]
        self._offset = found[-1].offset + 1 if found else self.ends[self._at.partition]
        return {self._at: found} if found else {}

    def _of(self, at: TopicPartition) -> list[Any]:
        return [each for each in self.held if each.partition == at.partition]


def letter(source: str, position: str, payload: bytes = b"", *, kept: bool = True) -> tuple[LetterEntry, DeadLetter]:
    whole = DeadLetter(
        reason="undecodable", detail="", source=source, position=position, payload=payload, at_ms=APPENDED_MS
    )
    entry = LetterEntry(
        key=position.encode(),
        partition=0,
        offset=0,
        reason="undecodable",
        source=source,
        at_ms=APPENDED_MS,
        size=len(payload),
    )
    return entry, whole if kept else without_payload(whole)


def found(consumer: Consumer, *letters: tuple[LetterEntry, DeadLetter]) -> list[tuple[bytes | None, int | None]]:
    """The bytes of each letter, and when its record was appended."""
    wholes = list(RawRecords(TopicReader(consumer, POSTS_RAW), "this-topic").whole(letters))
    assert [(whole.entry, whole.letter) for whole in wholes] == list(letters)
    return [(whole.value, whole.appended_ms) for whole in wholes]


@pytest.mark.parametrize(
    ("source", "position", "place"),
    [
        ("posts.raw", "bUaR0mNkS2mVoTj4v0Xyzw:3:99", RawPlace("bUaR0mNkS2mVoTj4v0Xyzw", 3, 99)),
        ("file:a.jsonl", "bUaR0mNkS2mVoTj4v0Xyzw:3:99", None),
        ("posts.raw", "3:99", None),
        ("posts.raw", "bUaR0mNkS2mVoTj4v0Xyzw:-1:99", None),
        ("posts.raw", f"bUaR0mNkS2mVoTj4v0Xyzw:{'9' * 5000}:1", None),
        ("posts.raw", "", None),
    ],
)
def test_only_a_worker_s_letter_has_a_position_in_posts_raw(source: str, position: str, place: RawPlace | None) -> None:
    assert raw_place(letter(source, position)[1]) == place


def test_a_producer_s_letter_contains_its_bytes_unless_they_were_not_kept() -> None:
    consumer = Consumer()
    letters = letter("x", "line 1", b"{"), letter("x", "line 2", b""), letter("x", "line 3", b"{", kept=False)
    assert found(consumer, *letters) == [(b"{", None), (b"", None), (None, None)]
    assert consumer.reads == []


def test_the_bytes_of_a_worker_s_letter_are_read_from_its_position() -> None:
    consumer = Consumer(
        record("posts.raw", 0, 7, b"zero"),
        record("posts.raw", 2, 8, b"before"),
        record("posts.raw", 2, 9, b"two"),
        record("posts.raw", 2, 10, None),
    )
    letters = (
        letter("posts.raw", "this-topic:2:10"),
        letter("x", "line 1", b"{"),
        letter("posts.raw", "this-topic:2:9"),
        letter("posts.raw", "this-topic:0:7"),
    )
    assert found(consumer, *letters) == [
        (b"", APPENDED_MS),
        (b"{", None),
        (b"two", APPENDED_MS),
        (b"zero", APPENDED_MS),
    ]
    assert consumer.reads == [(0, 7), (2, 9), (2, 10)]


def test_two_letters_of_the_same_record_both_have_its_bytes() -> None:
    consumer = Consumer(record("posts.raw", 0, 7, b"zero"))
    same = letter("posts.raw", "this-topic:0:7")
    assert found(consumer, same, same) == [(b"zero", APPENDED_MS), (b"zero", APPENDED_MS)]
    assert consumer.reads == [(0, 7)]


@pytest.mark.parametrize(
    "position",
    ["this-topic:0:6", "this-topic:0:9", "this-topic:1:7", "earlier-topic:0:7"],
    ids=["before the first record", "after the last record", "no such partition", "another topic id"],
)
def test_a_record_that_posts_raw_does_not_have_is_not_read(position: str) -> None:
    consumer = Consumer(record("posts.raw", 0, 7, b"seven"), record("posts.raw", 0, 8, b"eight"))
    assert found(consumer, letter("posts.raw", position)) == [(None, None)]
    assert consumer.reads == []


@pytest.mark.parametrize("left", [[8], []], ids=["older records", "all records"])
def test_records_that_are_removed_after_the_reader_was_opened_are_not_found(left: list[int]) -> None:
    consumer = Consumer(record("posts.raw", 0, 7, b"seven"), record("posts.raw", 0, 8, b"eight"))
    reading = RawRecords(TopicReader(consumer, POSTS_RAW), "this-topic")
    consumer.held = [each for each in consumer.held if each.offset in left]
    entry, lost = letter("posts.raw", "this-topic:0:7")
    assert list(reading.whole([(entry, lost)])) == [WholeLetter(entry, lost, None)]


def test_no_answer_from_kafka_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "SILENCE_S", 0.01)
    consumer = Consumer(record("posts.raw", 0, 7, b"seven"))
    consumer.silent = True
    with pytest.raises(KafkaUnreachable, match=r"no records of posts\.raw from Kafka for 0 s"):
        found(consumer, letter("posts.raw", "this-topic:0:7"))


def test_no_more_than_at_once_letters_are_read_before_the_first_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "AT_ONCE", 2)
    consumer = Consumer(*(record("posts.raw", 0, offset, b"%d" % offset) for offset in range(3)))
    wholes = RawRecords(TopicReader(consumer, POSTS_RAW), "this-topic").whole(
        letter("posts.raw", f"this-topic:0:{n}") for n in range(3)
    )
    assert next(wholes).value == b"0"
    assert consumer.reads == [(0, 0), (0, 1)]
    assert [whole.value for whole in wholes] == [b"1", b"2"]
    assert consumer.reads == [(0, 0), (0, 1), (0, 2)]
