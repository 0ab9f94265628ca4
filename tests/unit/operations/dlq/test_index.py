import pytest

from hashtide.contract.dead_letters import DeadLetter, dead_letter_key, without_payload
from hashtide.contract.messages import encode
from hashtide.contract.reasons import Reason
from hashtide.escapes import escaped
from operations.dlq.index import EVERYTHING, LetterEntry, LetterFilter, LetterGroup, LetterIndex, UnknownLetter, grouped

AUGUST_MS = 1_785_585_600_000  # 2026-08-01T12:00:00Z


def letter(position: str = "line 1", *, reason: Reason = "not-json", payload: bytes = b"{", at_ms: int = 0) -> bytes:
    return encode(
        DeadLetter(
            reason=reason, detail="", source="file:a.jsonl", position=position, payload=payload, at_ms=AUGUST_MS + at_ms
        )
    )


def entry(
    key: bytes = b"k", offset: int = 0, *, reason: Reason = "not-json", source: str = "file:a.jsonl", at_ms: int = 0
) -> LetterEntry:
    return LetterEntry(key=key, partition=0, offset=offset, reason=reason, source=source, at_ms=at_ms, size=10)


def test_the_index_knows_where_a_letter_lies_and_what_it_is_chosen_by() -> None:
    index = LetterIndex()
    index.add(2, 7, b"file:a.jsonl|line 1|c1", letter(reason="no-id", payload=b'{"text": 1}'))
    assert list(index.entries) == [
        LetterEntry(
            key=b"file:a.jsonl|line 1|c1",
            partition=2,
            offset=7,
            reason="no-id",
            source="file:a.jsonl",
            at_ms=AUGUST_MS,
            size=11,
        )
    ]


def test_of_records_with_the_same_key_the_last_one_counts() -> None:
    index = LetterIndex()
    index.add(0, 1, b"a", letter(reason="no-id"))
    index.add(0, 2, b"b", letter())
    index.add(0, 3, b"a", letter(reason="no-text"))
    assert {(each.key, each.offset, each.reason) for each in index.entries} == {
        (b"a", 3, "no-text"),
        (b"b", 2, "not-json"),
    }


def test_a_letter_with_a_tombstone_is_gone_until_it_is_written_again() -> None:
    index = LetterIndex()
    index.add(0, 1, b"a", letter())
    index.add(0, 2, b"a", None)
    assert list(index.entries) == []
    index.add(0, 3, b"a", letter())
    assert [each.offset for each in index.entries] == [3]


def test_a_tombstone_for_what_was_never_there_says_nothing() -> None:
    index = LetterIndex()
    index.add(0, 1, b"a", None)
    assert (list(index.entries), index.unreadable) == ([], 0)


def test_a_tombstone_takes_out_the_letter_of_its_own_partition_alone() -> None:
    index = LetterIndex()  # partitions were added: the key has moved
    index.add(0, 1, b"a", letter())
    index.add(3, 1, b"a", letter())
    index.add(3, 2, b"a", None)
    assert [each.partition for each in index.entries] == [0]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"reason": "a-new-one", "detail": "", "source": "x", "position": "", "payload": "", "at_ms": 0}',
        b'{"reason": "no-id", "detail": "", "source": "x", "position": "", "payload": "", "at_ms": -1}',
        b'{"reason": "no-id", "detail": "", "source": "x", "position": "", "payload": "", "at_ms": 253402300800000}',
    ],
)
def test_what_is_no_dead_letter_is_reported_and_skipped(value: bytes) -> None:
    index = LetterIndex()
    index.add(0, 1, b"a", letter())
    index.add(0, 2, b"a", value)
    assert (list(index.entries), index.unreadable) == ([], 1)


def test_a_letters_id_is_the_beginning_of_its_keys_hash() -> None:
    assert (
        entry(
            dead_letter_key(
                DeadLetter(
                    reason="not-json", detail="", source="file:a.jsonl", position="line 1", payload=b"{", at_ms=0
                )
            )
        ).id
        == "7b51d845d9d0"
    )


@pytest.mark.parametrize(
    ("chosen_by", "offsets"),
    [
        (EVERYTHING, [1, 2, 3]),
        (LetterFilter(reasons=("no-id",)), [2]),
        (LetterFilter(reasons=("no-id", "undecodable")), [2, 3]),
        (LetterFilter(source="file:"), [1, 2]),
        (LetterFilter(source="posts.raw"), [3]),
        (LetterFilter(from_ms=200), [2, 3]),
        (LetterFilter(to_ms=200), [1]),
        (LetterFilter(from_ms=200, to_ms=300), [2]),
        (LetterFilter(reasons=("no-id",), source="posts."), []),
    ],
)
def test_letters_are_chosen_by_everything_that_is_given(chosen_by: LetterFilter, offsets: list[int]) -> None:
    entries = [
        entry(b"c", 3, reason="undecodable", source="posts.raw", at_ms=300),
        entry(b"a", 1, reason="not-json", source="file:a.jsonl", at_ms=100),
        entry(b"b", 2, reason="no-id", source="file:b.jsonl", at_ms=200),
    ]
    assert [each.offset for each in chosen_by.select(entries)] == offsets


def test_the_chosen_come_as_they_lie_in_the_topic() -> None:
    entries = [
        LetterEntry(key=b"%d" % n, partition=n % 2, offset=n, reason="no-id", source="x", at_ms=0, size=1)
        for n in range(5)
    ]
    assert [(each.partition, each.offset) for each in EVERYTHING.select(entries)] == [
        (0, 0),
        (0, 2),
        (0, 4),
        (1, 1),
        (1, 3),
    ]


def test_a_letter_is_named_by_its_id_or_a_beginning_that_no_other_has() -> None:
    entries = [entry(b"a", 1), entry(b"b", 2), entry(b"c", 3)]
    assert [each.id for each in entries] == ["333fcb4ee1aa", "c029c24b2c89", "437f3ef49ef1"]
    for ids in (("333fcb4ee1aa",), ("333f",), ("333FCB",)):
        assert [each.offset for each in LetterFilter(ids=ids).select(entries)] == [1]
    assert [each.offset for each in LetterFilter(ids=("437f", "333fcb4ee1aa", "3")).select(entries)] == [1, 3]


def test_an_id_is_held_against_the_other_filters_too() -> None:
    assert LetterFilter(ids=(entry(b"a").id,), reasons=("no-id",)).select([entry(b"a", reason="not-json")]) == []


def test_an_id_that_no_letter_has_is_an_error() -> None:
    with pytest.raises(UnknownLetter, match="no dead letter 000000000000: `hashtide dlq list --each` lists their ids"):
        LetterFilter(ids=("000000000000",)).select([entry()])


@pytest.mark.parametrize("id_", ["", "xyz", "0" * 13, "file:a.jsonl", "é"])
def test_what_can_be_no_id_is_an_error(id_: str) -> None:
    with pytest.raises(UnknownLetter, match="is not the id of a dead letter"):
        LetterFilter(ids=(id_,)).select([entry()])


def test_a_beginning_that_several_letters_have_is_an_error() -> None:
    with pytest.raises(UnknownLetter, match="2 dead letters have an id that starts with c: give more characters"):
        LetterFilter(ids=("c",)).select([entry(b"a", 1), entry(b"k", 2), entry(b"b", 3)])


def test_groups_have_the_largest_first_and_the_newest_time() -> None:
    entries = [
        entry(b"a", reason="no-id", at_ms=5),
        entry(b"b", reason="not-json", source="x", at_ms=1),
        entry(b"c", reason="not-json", source="x", at_ms=9),
        entry(b"d", reason="not-json", source="x", at_ms=3),
        entry(b"e", reason="not-json", source="jetstream", at_ms=7),
    ]
    assert grouped(entries) == [
        LetterGroup(count=3, reason="not-json", source="x", size=30, newest_ms=9),
        LetterGroup(count=1, reason="no-id", source="file:a.jsonl", size=10, newest_ms=5),
        LetterGroup(count=1, reason="not-json", source="jetstream", size=10, newest_ms=7),
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"text": "وأنا أيضا, moi aussi 🌊"}', '{"text": "وأنا أيضا, moi aussi 🌊"}'),
        ("\x1b]0;owned\x07\x1b[2J", "\\x1b]0;owned\\x07\\x1b[2J"),
        ("one\r\ntwo\tthree\x00", "one\\r\\ntwo\\tthree\\x00"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("\u202eyadot\u2066", "\\u202eyadot\\u2066"),
        ("a\u2028b\U000e0041", "a\\u2028b\\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_the_index_knows_how_many_bytes_there_were_where_they_were_not_kept() -> None:
    letter = DeadLetter(reason="not-json", detail="", source="stdin", position="1", payload=b"{..", at_ms=1)
    index = LetterIndex()
    index.add(0, 0, b"k", encode(without_payload(letter)))
    assert [entry.size for entry in index.entries] == [3]
