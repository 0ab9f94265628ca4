"""Records in Kafka are not trusted: they become documents or dead letters, nothing else."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract import messages
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, EmptyEntry, Gap, Post, PostDelete, PostEdit, Recount
from hashtide.contract.reasons import InvalidPost
from operations.dlq.index import LetterIndex
from operations.dlq.index import read as read_letter
from operations.dlq.records import WholeLetter
from operations.dlq.revive import Rules
from tests.abuse.pipeline import NAMES, NOW_MS, REASONS, Way
from tests.abuse.values import places, tampered, values

RAW_POST = Post(
    platform="x", post_id="1", created_at_ms=NOW_MS, text="me too #LightALantern", in_reply_to="100", author="5d41402a"
)
LETTER = DeadLetter(
    reason="not-json",
    detail="",
    source="posts.raw",
    position="raw:0:1",
    payload=messages.encode(RAW_POST),
    at_ms=NOW_MS,
)
GAP = Gap(source="x", from_ms=NOW_MS, to_ms=NOW_MS + 1, reason="stalled", estimated_posts=3)
RAW = [
    RAW_POST,
    PostEdit(post=RAW_POST, edited_at_ms=NOW_MS),
    PostDelete(platform="x", post_id="1", deleted_at_ms=NOW_MS),
    GAP,
    Canary(id="0123456789abcdef", sent_at_ms=NOW_MS),
    Recount(window_ms=NOW_MS),
    EmptyEntry(index="posts-2026.08.01", id="0123456789abcdef0123456789abcdef", deleted_at_ms=NOW_MS),
]


@st.composite
def records(draw: st.DrawFn, messages: list[Any]) -> bytes | None:
    """A record's value: none, garbage, or a message that was tampered with."""
    match draw(st.integers(0, 9)):
        case 0:
            return draw(st.one_of(st.none(), st.binary(max_size=50)))
        case 1:
            return json.dumps(draw(values)).encode()
    value = msgspec.to_builtins(draw(st.sampled_from(messages)))
    for _ in range(draw(st.integers(0, 3))):
        new = draw(st.one_of(values, st.just(...)))
        value = tampered(value, draw(st.sampled_from(places(value))), new)
    return json.dumps(value).encode()


@given(raw=st.lists(records(RAW), max_size=6))
async def test_fuzz_posts_raw(raw: list[bytes | None]) -> None:
    way = Way()
    read = await way.read(*raw)
    way.check()
    assert len(read.events) + len(read.dead) == len(raw)


@given(value=records([LETTER]), key=st.one_of(st.none(), st.binary(max_size=30)))
def test_fuzz_posts_dead(value: bytes | None, key: bytes | None) -> None:
    index = LetterIndex()
    index.add(0, 1, key, value)
    assert len(index.entries) + index.unreadable == (value is not None)
    if not index.entries or value is None:
        return
    rules = Rules(names=NAMES, clock_ms=lambda: NOW_MS, matches=lambda post: True)
    letter = read_letter(value)
    try:
        rules.revive(WholeLetter(next(iter(index.entries)), letter, letter.payload))
    except InvalidPost as error:
        assert error.reason in REASONS


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 100_000,
        b'{"type":"post","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type":"post","created_at_ms":' + b"9" * 4_000_000 + b"}",
        b'{"type":"' + b"a" * 4_000_000 + b'"}',
        b"\xff\xfe",
        b"",
    ],
    ids=["deep", "deep in a post", "number", "type", "no text", "nothing"],
)
def test_a_record_of_any_kind_is_undecodable(value: bytes) -> None:
    with pytest.raises(InvalidPost) as error:
        messages.decode(value)
    assert error.value.reason == "undecodable"
    assert len(error.value.detail) <= 300


@pytest.mark.parametrize("field", ["post_id", "in_reply_to", "conversation", "quoted", "reposted", "author"])
def test_ids_are_bounded(field: str) -> None:
    """An id that fits into posts.raw also fits into a dead letter and into posts.enriched."""
    with pytest.raises(InvalidPost, match="length <= 512"):
        messages.decode(messages.encode(msgspec.structs.replace(RAW_POST, **{field: "a" * 513})))
    messages.decode(messages.encode(msgspec.structs.replace(RAW_POST, **{field: "a" * 512})))


async def test_times_that_no_index_can_be_named_by_are_dead_letters() -> None:
    way = Way()
    posts = [msgspec.structs.replace(RAW_POST, created_at_ms=ms) for ms in (-(10**18), 0, 253_402_300_800_000, 10**18)]
    await way.read(*map(messages.encode, posts))
    assert [letter.reason for letter in way.letters] == ["undecodable"] * 4
    with pytest.raises(InvalidPost):
        messages.decode(messages.encode(Recount(window_ms=10**18)))


async def test_a_deletion_with_an_absurd_time_deletes_all_the_same() -> None:
    way = Way()
    gone = PostDelete(platform="x", post_id="1", deleted_at_ms=2**63)
    await way.read(messages.encode(RAW_POST), messages.encode(gone))
    [ledger] = way.documents("posts-")
    assert "author" not in ledger
    assert ledger["deleted_at"] == NOW_MS
