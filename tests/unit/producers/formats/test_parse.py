"""Common to all formats: detection, blank and broken lines, arrays, errors that quote no content."""

import pytest

from hashtide.contract.messages import Control, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats import FORMATS, parse
from tests.unit.producers.formats.fixtures import (
    JETSTREAM,
    JETSTREAM_V2,
    MASTODON,
    MASTODON_REBLOG,
    NATIVE,
    X_V1,
    X_V1_EXTENDED,
    X_V2,
    X_V2_EDITED,
    X_V2_RETWEET,
    Json,
    line,
    only,
    reason,
)

EVERY: list[tuple[str, Json]] = [
    ("native", NATIVE),
    ("native", {"id": 1, "text": "me too", "created_at": 1508100067}),
    ("x-v1", X_V1),
    ("x-v1", X_V1_EXTENDED),
    ("x-v1", {"created_at": "Sun Oct 15 20:41:07 +0000 2017", "id": 1, "full_text": "me too", "user": {"id": 2}}),
    ("x-v1", {"delete": {"status": {"id": 1}}}),
    ("x-v1", {"limit": {"track": 5}}),
    ("x-v1", {"statuses": [X_V1]}),
    ("x-v1", {"id": "tag:1", "objectType": "activity", "verb": "post", "postedTime": "2017-10-15T20:41:07Z"}),
    ("x-v2", X_V2),
    ("x-v2", X_V2["data"]),
    ("x-v2", X_V2_RETWEET),
    ("x-v2", X_V2_EDITED),
    ("x-v2", {"data": {"delete": {"tweet": {"id": "1"}}}}),
    ("x-v2", {"id": "1", "action": "delete", "created_at": "2019-09-06T17:25:54.667Z"}),
    ("x-v2", {"errors": [{"title": "operational-disconnect"}]}),
    ("mastodon", MASTODON),
    ("mastodon", MASTODON_REBLOG),
    ("mastodon", {"event": "delete", "payload": "7"}),
    ("jetstream", JETSTREAM),
    ("jetstream", JETSTREAM_V2),
    ("jetstream", {"$type": "error", "error": "ConsumerTooSlow"}),
]


@pytest.mark.parametrize(("format", "payload"), EVERY)
def test_auto_detects_each_payload(format: str, payload: Json) -> None:
    recognised, reported = parse(line(payload)), parse(line(payload), format)
    assert [repr(outcome) for outcome in recognised] == [repr(outcome) for outcome in reported]


@pytest.mark.parametrize("payload", [b":)", b":thump", b"event: delete", b"data: 7"])
def test_auto_detects_server_sent_events(payload: bytes) -> None:
    assert parse(payload) == parse(payload, "mastodon")


@pytest.mark.parametrize(
    "payload", [b"{}", b'{"text": "alone"}', b'{"some": "thing", "created_at": 1}', b"5", b'"text"', b"null", b"true"]
)
def test_refuses_json_of_unknown_format(payload: bytes) -> None:
    assert reason(payload, "auto") == "not-a-post"


@pytest.mark.parametrize("missing", ["id", "text", "created_at"])
def test_error_names_missing_key_of_native_line(missing: str) -> None:
    whole: Json = {"id": 1, "text": "me too", "created_at": 1508100067}
    rest = {key: value for key, value in whole.items() if key != missing}
    assert reason(rest, "auto") == {"id": "no-id", "text": "no-text", "created_at": "no-time"}[missing]


@pytest.mark.parametrize(
    ("format", "control"),
    [
        ("native", "blank"),
        ("auto", "blank"),
        ("x-v1", "keep-alive"),
        ("x-v2", "keep-alive"),
        ("mastodon", "keep-alive"),
        ("jetstream", "keep-alive"),
    ],
)
@pytest.mark.parametrize("payload", [b"", b"\n", b"\r\n", b"  \t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_blank_line_is_control(payload: bytes, format: str, control: str) -> None:
    assert parse(payload, format) == [Control(control)]


@pytest.mark.parametrize(("format", "payload"), EVERY)
def test_ignores_byte_order_mark_and_windows_line_ends(format: str, payload: Json) -> None:
    plain = line(payload)
    assert [repr(outcome) for outcome in parse(b"\xef\xbb\xbf" + plain + b"\r\n", format)] == [
        repr(outcome) for outcome in parse(plain, format)
    ]


@pytest.mark.parametrize(("format", "payload"), EVERY)
def test_truncated_line_is_not_json(format: str, payload: Json) -> None:
    whole = line(payload)
    for end in range(1, len(whole), 7):
        assert reason(whole[:end], format) == reason(whole[:end], "auto") == "not-json"


@pytest.mark.parametrize("format", ["auto", *FORMATS])
@pytest.mark.parametrize(
    "payload", [b"\xff\xfe{}", b'{"id":"\xff"}', b"{'id': 1}", b"id,text\n", b'{"a":' * 100_000, b"[" * 100_000]
)
def test_every_format_refuses_invalid_json(payload: bytes, format: str) -> None:
    assert reason(payload, format) == "not-json"


@pytest.mark.parametrize("format", ["auto", *FORMATS])
def test_refuses_invalid_utf8_in_unused_fields(format: str) -> None:
    assert reason(line(NATIVE).replace(b'"id"', b'"x":"\xff","id"'), format) == "not-json"


@pytest.mark.parametrize("format", ["auto", *FORMATS])
def test_refuses_payload_above_one_mebibyte_without_parsing(format: str) -> None:
    assert reason(b" " * (1 << 20) + b"{", format) == "too-large"


def test_array_is_parsed_as_its_elements() -> None:
    outcomes = parse(line([X_V1, MASTODON, {"id": 1}, [], X_V2_EDITED, {"delete": {"status": {"id": 1}}}]))
    assert [getattr(outcome, "reason", type(outcome)) for outcome in outcomes] == [
        Post,
        Post,
        "not-a-post",
        "not-a-post",
        PostEdit,
        PostDelete,
    ]
    assert parse(b"[]") == [Control("empty-page")]


def test_keeps_text_cut_within_an_emoji() -> None:
    cut = line(NATIVE).replace(b"Me too.", rb"Me too \ud83d.")
    assert only(cut, "auto", Post).text.startswith("Me too �. It took")


def test_error_quotes_nothing_of_the_post() -> None:
    for change in ({"text": {"secret": 1}}, {"created_at": "secret"}, {"platform": "Secret Words"}, {"id": ["secret"]}):
        assert "secret" not in only(NATIVE | change, "native", InvalidPost).detail.lower()
