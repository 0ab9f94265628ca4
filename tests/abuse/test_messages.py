"""What lies in Kafka is read as if anybody had written it: records become documents or dead letters, and no more."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract import messages
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, Gap, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.kafka.topics import TopicInfo
from operations.dlq.index import LetterIndex
from operations.dlq.index import read as read_letter
from operations.dlq.revive import Rules
from stream_jobs import enriched
from stream_jobs.enriched import DeletedPost, Recount
from tests.abuse.pipeline import NAMES, NOW_MS, REASONS, Way
from tests.abuse.values import places, tampered, values
from tests.unit.stream_jobs.agents.counting import POST

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
]
ENRICHED = [
    msgspec.structs.replace(POST, hashtags=("a",), campaigns=("lanterns",), why={"lanterns": ("tag",)}, edited_at_ms=5),
    DeletedPost(platform="x", post_id="1", deleted_at_ms=NOW_MS),
    Recount(window_ms=NOW_MS),
    GAP,
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
    await way.read(*raw)
    way.check()
    assert len(way.sent.records) + len(way.dead.letters) == len(raw)


@given(values=st.lists(records(ENRICHED), max_size=6))
async def test_fuzz_posts_enriched(values: list[bytes | None]) -> None:
    way = Way()
    await way.count(*values)
    way.check()


@given(value=records([LETTER]), key=st.one_of(st.none(), st.binary(max_size=30)))
def test_fuzz_posts_dead(value: bytes | None, key: bytes | None) -> None:
    index = LetterIndex()
    index.add(0, 1, key, value)
    assert len(index.entries) + index.unreadable == (value is not None)
    if not index.entries or value is None:
        return
    topics = {name: TopicInfo("id", 4) for name in ("posts.raw", "posts.enriched", "posts.dead")}
    rules = Rules(topics, names=NAMES, clock_ms=lambda: NOW_MS, matches=lambda post: True)
    try:
        rules.revive(read_letter(value))
    except InvalidPost as error:
        assert error.reason in REASONS


@pytest.mark.parametrize("read", [messages.decode, enriched.decode])
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
def test_a_record_of_any_kind_is_undecodable(read: Any, value: bytes) -> None:
    with pytest.raises(InvalidPost) as error:
        read(value)
    assert error.value.reason == "undecodable"
    assert len(error.value.detail) <= 300


@pytest.mark.parametrize("field", ["post_id", "in_reply_to", "conversation", "quoted", "reposted", "author"])
def test_a_record_is_never_larger_behind_the_enrich_step_because_of_its_ids(field: str) -> None:
    """Kafka refuses what is above its limit, for good: the worker would come to it again and again."""
    with pytest.raises(InvalidPost, match="length <= 512"):
        messages.decode(messages.encode(msgspec.structs.replace(RAW_POST, **{field: "a" * 513})))
    messages.decode(messages.encode(msgspec.structs.replace(RAW_POST, **{field: "a" * 512})))


async def test_times_that_no_index_can_be_named_by_are_dead_letters() -> None:
    way = Way()
    posts = [msgspec.structs.replace(RAW_POST, created_at_ms=ms) for ms in (-(10**18), 0, 253_402_300_800_000, 10**18)]
    await way.read(*map(messages.encode, posts))
    assert [letter.reason for letter in way.letters] == ["undecodable"] * 4
    with pytest.raises(InvalidPost):
        enriched.decode(enriched.encode(Recount(window_ms=10**18)))


async def test_a_deletion_with_an_absurd_time_deletes_all_the_same() -> None:
    way = Way()
    gone = PostDelete(platform="x", post_id="1", deleted_at_ms=2**63)
    await way.read(messages.encode(RAW_POST), messages.encode(gone))
    [ledger] = way.documents("posts-")
    assert "author" not in ledger
    assert ledger["deleted_at"] == NOW_MS
