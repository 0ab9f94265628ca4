"""Any bytes and any JSON give outcomes: never an exception, and never a string that can't be sent on."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.contract import Control, InvalidPost, decode, encode
from producers.formats import FORMATS, parse
from tests.unit.formats.fixtures import (
    JETSTREAM,
    JETSTREAM_V2,
    MASTODON,
    MASTODON_REBLOG,
    NATIVE,
    X_V1_EXTENDED,
    X_V2,
    X_V2_EDITED,
    X_V2_RETWEET,
    line,
)

NAMES = ["auto", *FORMATS]
VALID: dict[str, list[Any]] = {
    "native": [NATIVE],
    "x-v1": [X_V1_EXTENDED, {"delete": {"status": {"id": 1}, "timestamp_ms": "1"}}, {"limit": {"track": 1}}],
    "x-v2": [
        X_V2,
        X_V2_RETWEET,
        X_V2_EDITED,
        {"data": {"delete": {"tweet": {"id": "1"}, "event_at": "2022-12-23T12:34:56.789Z"}}},
        {"id": "1", "action": "delete", "redacted_at": "2022-12-23T12:34:56.789Z"},
    ],
    "mastodon": [MASTODON, MASTODON_REBLOG, {"event": "update", "payload": json.dumps(MASTODON)}],
    "jetstream": [JETSTREAM, JETSTREAM_V2],
}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(10**18), 1 << 63, 0]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(), max_size=20),  # lone surrogates too: json.dumps writes them as \\ud83d
    st.sampled_from(
        ["", " ", "2017-10-15T20:21:49Z", "9999-12-31T23:59:59-23:59", "#", "…", "<p>", "&#xD800;", "\x00"]
    ),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["id", "text", "coordinates", "data", "uri", "$type", "tweet"]), inner),
    ),
    max_leaves=8,
)


def check(payload: bytes, format: str) -> None:
    outcomes = parse(payload, format)
    assert outcomes
    for outcome in outcomes:
        if isinstance(outcome, InvalidPost):
            str(outcome).encode()
        elif not isinstance(outcome, Control):
            assert decode(encode(outcome)) == outcome


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, each in inner for deeper in paths(each, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with what lies at the path replaced, or taken away where `new` is the Ellipsis."""
    if not path:
        return new
    key, *rest = path
    copy = value.copy()
    if rest:
        copy[key] = changed(value[key], tuple(rest), new)
    elif new is ...:
        del copy[key]
    else:
        copy[key] = new
    return copy


@pytest.mark.parametrize("format", NAMES)
@settings(deadline=None)
@given(payload=st.binary(max_size=200))
def test_any_bytes_give_outcomes(format: str, payload: bytes) -> None:
    check(payload, format)


@pytest.mark.parametrize("format", NAMES)
@settings(deadline=None)
@given(value=JSON)
def test_any_json_gives_outcomes(format: str, value: Any) -> None:
    check(json.dumps(value).encode(), format)


@pytest.mark.parametrize("format", list(VALID))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_a_valid_payload_gives_outcomes(format: str, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(VALID[format]))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(value)))
        new = data.draw(st.one_of(JSON, st.just(...))) if path else data.draw(JSON)
        value = changed(value, path, new)
    payload = json.dumps(value).encode()
    check(payload, format)
    check(payload, "auto")


@pytest.mark.parametrize("format", list(VALID))
@settings(deadline=None)
@given(data=st.data())
def test_any_damaged_byte_of_a_valid_payload_gives_outcomes(format: str, data: st.DataObject) -> None:
    payload = bytearray(line(data.draw(st.sampled_from(VALID[format]))))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(payload), format)
    check(bytes(payload), "auto")


HTML = st.lists(st.sampled_from([*"<>/&;#x\"'= abp!-?[]", "<p>", "<br", "</a>", " class='quote-inline'", "\x00"]))


@settings(deadline=None)
@given(pieces=HTML)
def test_any_html_gives_a_text(pieces: list[str]) -> None:
    check(line(MASTODON | {"content": "".join(pieces)}), "mastodon")
