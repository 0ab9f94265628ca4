"""Hostile values: JSON of any shape, payloads of platforms that were tampered with, and the payloads themselves."""

import json
from typing import Any, Final

from hypothesis import strategies as st

from tests.unit.producers.formats.fixtures import (
    JETSTREAM,
    JETSTREAM_V2,
    MASTODON,
    MASTODON_REBLOG,
    NATIVE,
    X_V1_EXTENDED,
    X_V2,
    X_V2_EDITED,
    X_V2_RETWEET,
)

PAYLOADS: Final[dict[str, list[Any]]] = {
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
    "jetstream": [JETSTREAM, JETSTREAM_V2, {"error": "ConsumerTooSlow"}],
}

FIELDS: Final = ("id", "text", "uri", "type", "$type", "data", "tweet", "coordinates")
NASTY: Final = (
    "", " ", "\x00", "\ud83d", "\U0010ffff", "\u202e\u200d\u200b\ufeff", "\x1b[2J\x9b31m", "[/red][link=x]", "{{7*7}}",
    "*", "_id", "a.b.c", "../../etc/passwd", "<script>", "%s%n", "#", "＃", "…", "a" * 3_000, "#a " * 300, "é" * 600,
    "-0", "NaN", "9" * 5_000, "1e999", "9999-12-31T23:59:59-23:59", "0001-01-01", "2017-10-15T20:21:49Z", "true",
    "<p>", "&#xD800;",
)  # fmt: skip
NUMBERS: Final = (
    0,
    -1,
    1 << 31,
    1 << 53,
    (1 << 63) - 1,
    1 << 63,
    1 << 64,
    -(1 << 63),
    -(10**18),
    -(10**30),
    10**30,
    1e308,
    -0.0,
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(), max_size=20),
    st.sampled_from(NASTY),
    st.sampled_from(NUMBERS),
)


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


values = st.one_of(
    st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), inner),
        ),
        max_leaves=8,
    ),
    st.sampled_from([40, 400]).map(_nested),
    st.sampled_from(NASTY).map(lambda text: [text] * 500),
)
"""Any JSON value, and what Python makes of it beside that: NaN, infinities, halves of surrogate pairs."""


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value within a value, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(deeper for key, each in inner for deeper in places(each, (*way, key)))]


def tampered(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    """The value with another at that place, or with none there where `new` is the Ellipsis."""
    if not way:
        return {} if new is ... else new
    key, *rest = way
    copy = value.copy()
    if rest:
        copy[key] = tampered(value[key], tuple(rest), new)
    elif new is ...:
        del copy[key]
    else:
        copy[key] = new
    return copy


@st.composite
def payloads(draw: st.DrawFn, format: str) -> bytes:
    """A platform's payload, with fields lost, changed, doubled, or moved to where others belong; perhaps in a list."""
    value = draw(st.sampled_from(PAYLOADS[format]))
    for _ in range(draw(st.integers(1, 4))):
        way = draw(st.sampled_from(places(value)))
        elsewhere = _at(value, draw(st.sampled_from(places(value))))
        new = draw(st.one_of(values, st.just(...), st.just(elsewhere)))
        value = tampered(value, way, new)
    data = json.dumps(value).encode()
    match draw(st.integers(0, 7)):
        case 0:
            data = b"[%s, 1, %s]" % (data, data)
        case 1:  # a key twice
            data = data.replace(b"{", b'{"id": [], "text": 1, ', 1)
        case 2:
            at = draw(st.integers(0, len(data)))
            data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 3)) :]
    return data


def _at(value: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        value = value[key]
    return value
