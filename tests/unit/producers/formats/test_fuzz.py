"""Any bytes and any JSON give outcomes: never an exception, never a string that can't be published."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashtide.contract.messages import Control, decode, encode
from hashtide.contract.reasons import InvalidPost
from producers.formats import FORMATS, parse
from tests.abuse.values import PAYLOADS, places, tampered, values
from tests.unit.producers.formats.fixtures import MASTODON, line

NAMES = ["auto", *FORMATS]


def check(payload: bytes, format: str) -> None:
    outcomes = parse(payload, format)
    assert outcomes
    for outcome in outcomes:
        if isinstance(outcome, InvalidPost):
            str(outcome).encode()
        elif not isinstance(outcome, Control):
            assert decode(encode(outcome)) == outcome


@pytest.mark.parametrize("format", NAMES)
@settings(deadline=None)
@given(payload=st.binary(max_size=200))
def test_any_bytes_give_outcomes(format: str, payload: bytes) -> None:
    check(payload, format)


@pytest.mark.parametrize("format", NAMES)
@settings(deadline=None)
@given(value=values)
def test_any_json_gives_outcomes(format: str, value: Any) -> None:
    check(json.dumps(value).encode(), format)


@pytest.mark.parametrize("format", list(PAYLOADS))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_a_valid_payload_gives_outcomes(format: str, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(PAYLOADS[format]))
    for _ in range(data.draw(st.integers(1, 3))):
        new = data.draw(st.one_of(values, st.just(...)))
        value = tampered(value, data.draw(st.sampled_from(places(value))), new)
    payload = json.dumps(value).encode()
    check(payload, format)
    check(payload, "auto")


@pytest.mark.parametrize("format", list(PAYLOADS))
@settings(deadline=None)
@given(data=st.data())
def test_any_damaged_byte_of_a_valid_payload_gives_outcomes(format: str, data: st.DataObject) -> None:
    payload = bytearray(line(data.draw(st.sampled_from(PAYLOADS[format]))))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(payload), format)
    check(bytes(payload), "auto")


HTML = st.lists(st.sampled_from([*"<>/&;#x\"'= abp!-?[]", "<p>", "<br", "</a>", " class='quote-inline'", "\x00"]))


@settings(deadline=None)
@given(pieces=HTML)
def test_any_html_gives_a_text(pieces: list[str]) -> None:
    check(line(MASTODON | {"content": "".join(pieces)}), "mastodon")
