"""The native format: users' own data, one JSON object per line."""

import pytest

from hashtide.contract.messages import Post
from tests.unit.producers.formats.fixtures import NATIVE, Json, only, reason


def test_line_with_every_key_fills_every_field() -> None:
    assert only(NATIVE | {"hashtags": ["#MeToo"], "quoted": 1, "reposted": "x:2"}, "native", Post) == Post(
        platform="x",
        post_id="919660000000000001",
        created_at_ms=1508100067000,
        text="Me too. It took me eleven years to write these two words. #MeToo",
        author="77001",
        in_reply_to="919659438700670976",
        conversation="919659438700670976",
        quoted="1",
        reposted="2",
        hashtags=("MeToo",),
        lang="en",
        coordinates=(-8.61, 41.15),
        place_country="PT",
        location="Porto, Portugal",
    )


def test_three_keys_are_required() -> None:
    line = b'{"id": 7, "text": "me too", "created_at": 1508100067}'
    assert only(line, "native", Post) == Post(
        platform="native", post_id="7", created_at_ms=1508100067000, text="me too"
    )


def test_null_and_empty_count_as_missing() -> None:
    empty: Json = dict.fromkeys(NATIVE, None) | {"id": "7", "text": "", "created_at": "2017-10-15"}
    assert only(empty | {"lang": "", "location": " ", "in_reply_to": ""}, "native", Post) == Post(
        platform="native", post_id="7", created_at_ms=1508025600000, text=""
    )


def test_ignores_unknown_keys() -> None:
    assert only(NATIVE | {"likes": 3, "nested": {"a": [1]}}, "native", Post) == only(NATIVE, "native", Post)


def test_accepts_ids_with_platform_prefix() -> None:
    prefixed = NATIVE | {"id": "x:1", "in_reply_to": "x:2", "conversation_id": "x:3", "quoted": "y:4"}
    post = only(prefixed, "native", Post)
    assert (post.post_id, post.in_reply_to, post.conversation, post.quoted) == ("1", "2", "3", "y:4")


def test_lowercases_platform() -> None:
    assert only(NATIVE | {"platform": "X"}, "native", Post).platform == "x"


@pytest.mark.parametrize(
    ("change", "refused_as"),
    [
        ({"id": None}, "no-id"),
        ({"id": ""}, "no-id"),
        ({"id": "x:"}, "no-id"),
        ({"id": 1.5}, "wrong-type"),
        ({"id": True}, "wrong-type"),
        ({"id": "i" * 513}, "too-large"),
        ({"in_reply_to": "i" * 513}, "too-large"),
        ({"text": None}, "no-text"),
        ({"text": 5}, "wrong-type"),
        ({"created_at": None}, "no-time"),
        ({"created_at": "soon"}, "no-time"),
        ({"created_at": True}, "wrong-type"),
        ({"created_at": {"$date": 1}}, "wrong-type"),
        ({"platform": "two words"}, "wrong-type"),
        ({"platform": ""}, "wrong-type"),
        ({"platform": "p" * 33}, "wrong-type"),
        ({"coordinates": [41.15, -181.0]}, "wrong-type"),
        ({"hashtags": "MeToo"}, "wrong-type"),
        ({"location": ["Porto"]}, "wrong-type"),
    ],
)
def test_error_names_what_is_wrong_with_a_line(change: Json, refused_as: str) -> None:
    assert reason(NATIVE | change, "native") == refused_as
