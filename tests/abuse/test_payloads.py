"""Whatever is sent in becomes a post, a dead letter with a reason, or a control: nothing raises, nothing grows."""

import json
import resource
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.contract.messages import Control, Gap, Post, PostDelete
from hashtide.contract.reasons import InvalidPost
from producers import formats
from producers.sources.received import Received
from tests.abuse.pipeline import Way
from tests.abuse.values import PAYLOADS, payloads, values

MIB = 1 << 20
POSTED = "2026-08-01T11:59:00Z"


def reasons(payload: bytes, format: str = formats.AUTO) -> list[str]:
    """What became of the parts of a payload."""
    return [
        each.reason if isinstance(each, InvalidPost) else type(each).__name__ for each in formats.parse(payload, format)
    ]


@pytest.mark.parametrize("format", list(PAYLOADS))
@given(data=st.data())
async def test_fuzz_a_tampered_payload_goes_the_whole_way(format: str, data: st.DataObject) -> None:
    payload = data.draw(payloads(format))
    for way in (Way(format), Way()):
        await way.take(payload)
        way.check()


@given(payload=st.one_of(st.binary(max_size=400), values.map(lambda value: json.dumps(value).encode())))
async def test_fuzz_anything_goes_the_whole_way(payload: bytes) -> None:
    for format in ("auto", *formats.FORMATS):
        way = Way(format)
        await way.take(payload)
        way.check()


@pytest.mark.parametrize("format", ["auto", *formats.FORMATS])
@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"id":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"id": "1", "text": "\\ud83d", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["open", "lists", "objects", "beside half a surrogate pair"],
)
def test_json_that_is_nested_100_000_deep_is_no_json_or_no_post(format: str, payload: bytes) -> None:
    assert set(reasons(payload, format)) <= {"not-json", "wrong-type"}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"id": %s, "text": "", "created_at": 1}' % (b"9" * 1_000_000), "wrong-type"),
        (b'{"id": "1", "text": "", "created_at": %s}' % (b"9" * 1_000_000), "wrong-type"),
        (b'{"id": "1", "text": "", "created_at": "%s"}' % (b"9" * 1_000_000), "no-time"),
        (b'{"id": "1", "text": "", "created_at": 1e%s}' % (b"9" * 1_000_000), "wrong-type"),
        (b'{"id": "1", "text": "", "created_at": NaN}', "not-json"),
        (b'{"id": 1e3, "text": "", "created_at": 1}', "wrong-type"),
        (b'{"id": "%s", "text": "", "created_at": 1}' % (b"a" * 513), "too-large"),
        (b'{"id": "1", "text": "%s", "created_at": 1}' % (b"a" * (128 * 1024 + 1)), "too-large"),
        (b'{"id": "1", "text": "", "created_at": 1, "x": "%s"}' % (b"a" * MIB), "too-large"),
        (b"%s" % (b"a" * (10 * MIB)), "too-large"),
    ],
)
def test_giants_are_refused_with_a_reason(payload: bytes, reason: str) -> None:
    assert reasons(payload, "native") == [reason]


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    [post] = formats.parse(b'{"id": "1", "id": "2", "text": "a", "text": "b", "created_at": 1e9}', "native")
    assert isinstance(post, Post)
    assert (post.post_id, post.text) == ("2", "b")


async def test_a_million_tags_in_a_post_are_a_hundred() -> None:
    way = Way("native")
    tags = json.dumps([f"t{n}" for n in range(100_000)])
    text = "#a" + " #a" * 40_000
    for number, more in enumerate((f'"hashtags": {tags}, "text": ""', f'"text": "{text}"')):
        await way.take(b'{"id": "%d", "created_at": "%s", %s}' % (number, POSTED.encode(), more.encode()))
    assert [len(each["hashtag"]) for each in way.documents("posts-")] == [100, 1]


async def test_a_tag_of_a_megabyte_is_dropped_and_the_others_stay() -> None:
    way = Way("native")
    await way.take(json.dumps({"id": "1", "created_at": POSTED, "text": "", "hashtags": ["a" * 900_000, "b"]}).encode())
    assert [each["hashtag"] for each in way.documents("posts-")] == [["b"]]


async def test_every_tag_and_every_key_fits_into_elasticsearch() -> None:
    """A keyword of more than 32,766 bytes is refused (Elasticsearch reference, "ignore_above")."""
    way = Way("native")
    longest = dict.fromkeys(("author_id", "in_reply_to", "conversation_id", "quoted", "reposted"), "𐐀" * 512)
    line = {"id": "\U00010400" * 512, "created_at": POSTED, "text": "", "hashtags": ["\U00010428" * 279]}
    more = {"lang": "x" * 100_000, "location": "y" * 100_000, "place_country": "z" * 100_000, "platform": "p" * 32}
    await way.take(json.dumps(line | longest | more).encode())
    sizes = [len(text.encode()) for document in way.documents("") for text in _texts(document)]
    assert max(sizes) == 4 * 279


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def test_a_payload_makes_one_dead_letter_however_many_parts_of_it_are_bad() -> None:
    """Each would hold the whole payload: a line of 1 MiB would put gigabytes into Kafka."""
    way = Way("native")
    way.intake.accept(
        _received(b"[" + b"1," * 9_000 + b'{"id": "1", "text": "", "created_at": "%s"}]' % POSTED.encode())
    )
    assert (way.intake.account.dead, way.intake.account.posts) == (9_000, 1)
    assert [letter.reason for letter in way.kafka.dead] == ["not-a-post"]


@pytest.mark.parametrize("format", ["auto", *formats.FORMATS])
def test_a_list_of_half_a_million_parts_is_too_large(format: str) -> None:
    assert reasons(b"[" + b"1," * 500_000 + b"1]", format) == ["too-large"]


def test_a_page_of_x_says_a_long_text_no_more_than_500_times() -> None:
    text = "a" * 100_000
    tweet = {"id": "1", "created_at": POSTED, "text": "", "referenced_tweets": [{"type": "retweeted", "id": "9"}]}
    page: dict[str, Any] = {"includes": {"tweets": [{"id": "9", "text": text}]}}
    assert reasons(json.dumps(page | {"data": [tweet] * 501}).encode(), "x-v2") == ["too-large"]
    parsed = formats.parse(json.dumps(page | {"data": [tweet] * 500}).encode(), "x-v2")
    assert [isinstance(each, Post) and each.text == text for each in parsed] == [True] * 500


def test_a_deletion_with_a_time_that_no_calendar_has_is_refused_and_not_sent() -> None:
    event: dict[str, Any] = {
        "did": "did:plc:ines",
        "kind": "commit",
        "commit": {"operation": "delete", "collection": "app.bsky.feed.post", "rkey": "a"},
    }
    assert reasons(json.dumps(event | {"time_us": 2**63}).encode(), "jetstream") == ["no-time"]
    [deleted] = formats.parse(json.dumps(event | {"time_us": 1_785_585_600_000_000}).encode(), "jetstream")
    assert deleted == PostDelete(
        platform="bluesky", post_id="at://did:plc:ines/app.bsky.feed.post/a", deleted_at_ms=1_785_585_600_000
    )


def test_losses_beyond_all_numbers_are_a_gap_that_can_be_sent() -> None:
    way = Way("x-v1")
    way.intake.accept(_received(b'{"limit": {"track": 99999999999999999999999999999999}}'))
    [gap] = way.kafka.sent
    assert isinstance(gap, Gap)
    assert gap.estimated_posts == 1_000_000_000_000


def test_megabytes_of_hostile_payloads_leave_memory_where_it_was() -> None:
    hostile = [
        b"[" * MIB,
        b'{"a":' * 200_000,
        b"[" + b"{}," * 300_000 + b"{}]",
        b'{"text": "' + b"\\ud83d" * 170_000 + b'"}',
    ]
    for payload in hostile:
        formats.parse(payload)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for payload in hostile * 3:
        assert all(isinstance(each, InvalidPost | Control) for each in formats.parse(payload))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def _received(payload: bytes) -> Received:
    return Received("file:hostile", "line 1", payload)
