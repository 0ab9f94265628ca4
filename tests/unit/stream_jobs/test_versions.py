"""Messages, documents and templates of this version and others (docs/upgrades.md, "Versions").

The files in `golden` are what this schema and those before it write: their lines are never changed. Whatever this
version writes beside that must be something that readers of the same schema can leave out.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from hashtide.contract import messages
from hashtide.contract.dead_letters import DeadLetter, decode_dead_letter
from hashtide.contract.messages import (
    Canary,
    EmptyEntry,
    Gap,
    Origin,
    Post,
    PostDelete,
    PostEdit,
    Recount,
    Sent,
    encode,
)
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import SCHEMA, NewerMessage
from hashtide.elasticsearch.mappings import Fields, clashing, missing, names, schema, template_of
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.elasticsearch.values import Found, Ref
from hashtide.identity import Keys, Pseudonyms
from operations.dlq.index import LetterIndex
from operations.dlq.records import WholeLetter
from operations.dlq.revive import Rules
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.documents import counts, keys, ledger
from stream_jobs.documents.counts import Count
from stream_jobs.documents.keys import HashtagKey, ReplyKey
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.enriched import Kind, Position, Why
from stream_jobs.loading import load_enricher
from tests.fakes.kafka import batch
from tests.unit.stream_jobs.agents.counting import post

GOLDEN = Path(__file__).parent / "golden"
SMALL = Post(platform="x", post_id="1", created_at_ms=1_508_097_630_000, text="#MeToo — 我也是")

RAW: list[Sent] = [
    SMALL,
    Post(
        platform="mastodon",
        post_id="115",
        created_at_ms=1_508_097_630_000,
        text="so it is",
        author="5d41402a",
        in_reply_to="114",
        conversation="100",
        quoted="90",
        reposted="80",
        hashtags=("MeToo", "YoTambién"),
        lang="es-MX",
        lang_by="author",
        coordinates=(-99.1332, 19.4326),
        place_country="MX",
        location="Coyoacán",
        origin="backfill",
        source="mastodon",
    ),
    PostEdit(post=SMALL, edited_at_ms=1_508_097_700_000),
    PostDelete(platform="x", post_id="1", deleted_at_ms=1_508_100_000_000),
    PostDelete(platform="x", post_id="1"),
    Gap(source="x", from_ms=1_000, to_ms=2_000, reason="limited", estimated_posts=12),
    Gap(source="x", from_ms=1_000, to_ms=2_000, reason="stalled"),
    Canary(id="00c0ffee00c0ffee", sent_at_ms=1_508_097_630_000),
    Post(platform="bluesky", post_id="3", created_at_ms=1_508_097_630_000, time_by="author", text="so it is"),
    Recount(window_ms=1_508_097_600_000),
    EmptyEntry(index="posts-2017.10.15", id="0123456789abcdef0123456789abcdef", deleted_at_ms=1_508_100_000_000),
    EmptyEntry(index="posts-2017.10.15", id="0123456789abcdef0123456789abcdef"),
]

LETTER = DeadLetter(
    reason="not-json", detail="cut off", source="file:a.jsonl", position="3", payload=b"\xff\x00{", at_ms=1
)


def golden(name: str) -> list[bytes]:
    return (GOLDEN / name).read_bytes().splitlines()


RAW_LINES = list(zip(golden("posts.raw.jsonl"), RAW, strict=True))


@pytest.mark.parametrize(("line", "message"), RAW_LINES)
def test_a_message_of_posts_raw_is_read_and_still_written_so(line: bytes, message: Sent) -> None:
    assert messages.decode(line) == message
    assert messages.encode(message) == line


def test_a_dead_letter_of_schema_1_is_read_and_still_written_so() -> None:
    (line,) = golden("posts.dead.jsonl")
    assert decode_dead_letter(line) == LETTER
    assert encode(LETTER) == line


def with_more(value: Any) -> Any:
    """JSON with one more field in every object."""
    if isinstance(value, dict):
        return {name: with_more(each) for name, each in value.items()} | {"from_a_later_version": {"of": [1, None]}}
    return [with_more(each) for each in value] if isinstance(value, list) else value


def test_fields_of_a_later_version_are_ignored() -> None:
    for line, sent in RAW_LINES:
        assert messages.decode(json.dumps(with_more(json.loads(line))).encode()) == sent
    (line,) = golden("posts.dead.jsonl")
    assert decode_dead_letter(json.dumps(with_more(json.loads(line))).encode()) == LETTER


def test_one_value_more_of_a_closed_set_would_be_a_new_schema() -> None:
    """A reader of this schema knows only these values: a message with another one becomes a dead letter."""
    assert get_args(Origin) == ("live", "backfill", "replay", "synthetic")
    assert get_args(Kind) == ("original", "reply", "quote", "repost")
    assert get_args(Why) == ("tag", "counter-tag", "root-reply", "quote-of-root", "repost-of-root", "phrase")
    assert get_args(get_type_hints(Post)["lang_by"]) == ("platform", "author")
    reasons = ("disconnected", "stalled", "limited", "cursor-too-old", "too-slow", "truncated")
    assert get_args(get_type_hints(Gap)["reason"]) == reasons


def of_schema(number: int, line: bytes) -> bytes:
    """The message in another schema, with other fields."""
    name = json.loads(line)["type"].partition("/")[0]
    return msgspec.json.encode({"type": f"{name}/{number}", "wholly": "different"})


def test_a_message_of_a_newer_schema_is_no_dead_letter_but_stops_its_reader() -> None:
    assert SCHEMA == 2
    for line, _ in RAW_LINES:
        for number in (3, 37):
            with pytest.raises(NewerMessage, match=rf"message has type [a-z]+/{number}, but this version of Hashtide"):
                messages.decode(of_schema(number, line))
    with pytest.raises(NewerMessage, match="has type poll/3, but"):
        messages.decode(b'{"type":"poll/3"}')


def test_an_unknown_message_of_a_schema_that_is_known_is_undecodable() -> None:
    with pytest.raises(InvalidPost, match="undecodable"):
        messages.decode(b'{"type":"poll/2"}')


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"post/1"}',
        b'{"type":"post/0"}',
        b'{"type":"post/03"}',
        b'{"type":"post/3\\n"}',
        b'{"type":"post/99999"}',
        b'{"type":"/3"}',
        b'{"type":"Post/3"}',
        b'{"type":["post/3"]}',
        b'{"post":{"type":"post/3"}}',
        b'{"type":"post/3"',
        b'["post/3"]',
        b'"post/3"',
    ],
)
def test_what_only_looks_like_a_newer_schema_is_undecodable(value: bytes) -> None:
    with pytest.raises(InvalidPost, match="undecodable"):
        messages.decode(value)


def test_the_enrich_agent_stops_at_a_newer_message_and_names_its_place() -> None:
    agent = EnrichAgent(load_enricher(Campaigns([])), topic_id="raw", clock_ms=lambda: 0)
    values = [encode(SMALL), b"no message", b'{"type":"post/3"}', encode(SMALL)]
    with pytest.raises(NewerMessage, match=r"message in posts\.raw, partition 3, at offset 42 has type post/3, but "):
        agent.enrich(batch("posts.raw", 3, 40, values))


def test_dlq_leaves_letters_of_a_newer_schema_where_they_are_and_reports_their_number() -> None:
    index = LetterIndex()
    (line,) = golden("posts.dead.jsonl")
    index.add(0, 0, b"a", line)
    index.add(0, 1, b"b", line.replace(b"{", b'{"type":"letter/2",'))
    assert [entry.key for entry in index.entries] == [b"a"]
    assert index.unreadable == 1


def test_dlq_replay_keeps_the_letter_of_a_newer_message() -> None:
    names = Pseudonyms(Keys(b"k" * 32))
    rules = Rules(names=names, clock_ms=lambda: 1_508_162_400_000, matches=lambda _: True)
    letter = msgspec.structs.replace(
        LETTER, reason="undecodable", source="posts.raw", position="t:0:1", payload=b"", size=0, digest=""
    )
    index = LetterIndex()
    index.add(0, 0, b"a", encode(letter))
    (entry,) = index.entries
    with pytest.raises(InvalidPost, match="undecodable: message has type post/3, but"):
        rules.revive(WholeLetter(entry, letter, b'{"type":"post/3"}'))


# Documents.

COUNT, TAG, ENTRY, EMPTIED = [json.loads(line) for line in golden("documents.jsonl")]


def found(source: dict[str, Any]) -> Found:
    return Found(Ref("reply-volume-2017.10.15", "a"), source, 42, 0, 1)


@pytest.mark.parametrize("more", [{}, {"from_a_later_version": 1}])
def test_documents_are_read_and_fields_of_a_later_version_stay(more: dict[str, int]) -> None:
    assert counts.count_of(found(COUNT | more)) == Count(17, 42, "corrected", 3)
    assert counts.count_of(found(TAG | more)) == Count(2, 42, "provisional", 0)
    assert json.loads(counts.finalised(found(TAG | more)).body) == TAG | more | {"status": "final"}
    assert json.loads(counts.recounted(found(TAG | more), 3, 50).body) == TAG | more | {"count": 3}
    assert keys.ledger_keys(ENTRY | more) == [
        ReplyKey("reply-volume", 1_508_097_600_000, ("metoo",), "x", "reply", True, "fr", "ZZ", "live"),
        HashtagKey("hashtag-volume", 1_508_097_600_000, ("metoo",), "x", "live", "metoo"),
        HashtagKey("hashtag-volume", 1_508_097_600_000, ("metoo",), "x", "live", "moiaussi"),
    ]
    assert ledger.ledger_position(ENTRY | more) == Position("bUaR0mNkS2mVoTj4v0Xyzw", 3, 9)
    assert keys.ledger_keys(EMPTIED | more) == []
    assert ledger.ledger_position(EMPTIED | more) == Position("bUaR0mNkS2mVoTj4v0Xyzw", 3, 9)
    noted = ledger.edited(ENTRY | more, post("1", edited_at_ms=5))
    assert noted is not None
    assert json.loads(noted) == ENTRY | more | {"edited_at": 5}


# Templates and mappings.

DIGESTS = {
    ("hashtide-canary", 1): "0fd6011aff112943",
    ("hashtide-hashtag-volume", 1): "330f083f28805e94",
    ("hashtide-ingest-gaps", 1): "378652bdc11e91f8",
    ("hashtide-posts", 2): "e6ff735dca06e729",
    ("hashtide-posts", 3): "bfe1460020c4684f",
    ("hashtide-reply-volume", 1): "48ae728c0fe9eda4",
    ("hashtide-hashtag-volume", 2): "f5b3aa78075544b5",
    ("hashtide-posts", 4): "959bfad74fc200a7",
    ("hashtide-reply-volume", 2): "294156efac0719cd",
}
"""What each version of a template was. Add a line for a new version; never change one."""

SCHEMAS = {
    "hashtide-canary": 1,
    "hashtide-hashtag-volume": 2,
    "hashtide-ingest-gaps": 1,
    "hashtide-posts": 2,
    "hashtide-reply-volume": 2,
}

FIELDS = {
    "hashtide-canary": ["@timestamp", "id"],
    "hashtide-hashtag-volume": [
        *("@timestamp", "campaign", "platform", "origin", "hashtag", "count", "status", "revision"),
        *("kafka.topic", "kafka.partition"),
    ],
    "hashtide-ingest-gaps": ["@timestamp", "event.start", "event.end", "event.reason", "source", "estimated_posts"],
    "hashtide-posts": [
        *("@timestamp", "platform", "kind", "answers_root", "campaign", "why", "hashtag", "language"),
        *("language_source", "language_claimed", "region", "region_source", "origin", "author", "edited_at"),
        *("deleted_at", "ledger"),
    ],
    "hashtide-reply-volume": [
        *("@timestamp", "campaign", "platform", "kind", "answers_root", "language", "region", "origin", "count"),
        *("status", "revision", "kafka.topic", "kafka.partition"),
    ],
}


def test_a_template_that_was_changed_has_a_new_version() -> None:
    for name, template in packaged_templates().items():
        digest = hashlib.blake2b(json.dumps(template, sort_keys=True).encode(), digest_size=8).hexdigest()
        expected = DIGESTS.get((name, template["version"]))
        assert expected == digest, f"{name}: raise its version, and add {(name, template['version'])}: {digest!r}"


def test_templates_have_all_the_fields_that_workers_of_their_schema_write() -> None:
    for name, template in packaged_templates().items():
        mappings = template["template"]["mappings"]
        assert schema(mappings) == SCHEMAS[name]
        assert set(names(mappings["properties"])) >= set(FIELDS[name])


KEYWORD = {"type": "keyword"}


def test_missing_fields_are_reported_with_their_parents() -> None:
    ours: Fields = {
        "a": KEYWORD,
        "b": {"properties": {"c": KEYWORD, "d": {"type": "date"}}},
        "e": {"properties": {"f": KEYWORD}},
    }
    there: Fields = {"a": KEYWORD, "b": {"properties": {"c": KEYWORD}}, "later": KEYWORD}
    assert missing(ours, there) == {"b": {"properties": {"d": {"type": "date"}}}, "e": {"properties": {"f": KEYWORD}}}
    assert names(missing(ours, there)) == ["b.d", "e.f"]
    assert missing(ours, ours) == {}
    assert missing(ours, {}) == ours


def test_fields_clash_by_their_type_and_by_nothing_else() -> None:
    ours: Fields = {"a": KEYWORD, "b": {"properties": {"c": KEYWORD}}, "d": {"type": "object", "enabled": False}}
    assert clashing(ours, {"a": {"type": "keyword", "index": False}, "b": {"properties": {}}, "z": KEYWORD}) == []
    assert clashing(ours, {"a": {"type": "text"}, "b": {"properties": {"c": {"type": "long"}}}, "d": KEYWORD}) == [
        "a",
        "b.c",
        "d",
    ]
    assert clashing(ours, {"b": KEYWORD}) == ["b"]


def test_mappings_that_do_not_say_are_of_the_first_schema() -> None:
    assert [schema({}), schema({"_meta": {}}), schema({"_meta": {"schema": 2}})] == [1, 1, 2]


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("posts-2017.10.15", "hashtide-posts"),
        ("reply-volume-2017.10.15", "hashtide-reply-volume"),
        ("hashtag-volume-2017.10.15", "hashtide-hashtag-volume"),
        ("ingest-gaps", "hashtide-ingest-gaps"),
        ("hashtide-canary", "hashtide-canary"),
        ("posts-archive", None),
        ("posts-2017.10.15-old", None),
        ("my-posts-2017.10.15", None),
        ("posts-2017-10-15", None),
        ("ingest-gaps-2", None),
    ],
)
def test_an_index_is_ours_by_its_whole_name(index: str, name: str | None) -> None:
    assert template_of(index, packaged_templates()) == (None if name is None else packaged_templates()[name])
