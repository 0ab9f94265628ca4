"""JSON, ids, times and coordinates, as read by every format."""

from datetime import UTC, datetime

import msgspec
import pytest

from hashtide.contract.reasons import InvalidPost
from producers.formats.payload import body, coordinates, decode, ident, optional_id, tags, time_ms

ANY = msgspec.json.Decoder(dict[str, str])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2017-10-15T20:21:49Z", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        ("2017-10-15T20:21:49.000Z", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        ("2017-10-15T22:21:49.123456+02:00", datetime(2017, 10, 15, 20, 21, 49, 123_000, tzinfo=UTC)),
        ("2017-10-15 20:21:49", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        ("2017-10-15", datetime(2017, 10, 15, tzinfo=UTC)),
        ("20171015T202149Z", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        (" 2017-10-15T20:21:49Z ", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        ("Sun Oct 15 20:21:49 +0000 2017", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        (1508098909, datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        (1508098909.5, datetime(2017, 10, 15, 20, 21, 49, 500_000, tzinfo=UTC)),
        (1508098909500, datetime(2017, 10, 15, 20, 21, 49, 500_000, tzinfo=UTC)),
        ("1508098909", datetime(2017, 10, 15, 20, 21, 49, tzinfo=UTC)),
        ("1508098909500", datetime(2017, 10, 15, 20, 21, 49, 500_000, tzinfo=UTC)),
        ("1969-12-31T23:59:59.999Z", datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_reads_every_time_format(written: str | int | float, meant: datetime) -> None:
    assert time_ms(written) == int(meant.timestamp() * 1000)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "yesterday",
        "2017-13-01T00:00:00Z",
        "Sun Xxx 15 20:21:49 +0000 2017",
        "Sun Oct 32 20:21:49 +0000 2017",
        "Sun Oct 15 20:21:49 +0200 2017",
        "9" * 5000,
        "٢٠١٧",
        10**30,
        -(10**30),
        1.7e308,
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_error_names_invalid_time(written: str | int | float | None) -> None:
    with pytest.raises(InvalidPost) as refused:
        time_ms(written)
    assert refused.value.reason == "no-time"


def test_lone_surrogate_becomes_replacement_character() -> None:
    assert decode(ANY, rb'{"a": "cut \ud83d", "b": "\ude00", "c": "\ud83d\ude00"}') == {
        "a": "cut �",
        "b": "�",
        "c": "😀",
    }


def test_last_duplicate_key_wins() -> None:
    assert decode(ANY, b'{"a": "first", "a": "second"}') == {"a": "second"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a": "half a li',
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\xbd"}',
        b'{"a": "x"} {"a": "y"}',
        b'{"\\ud83d":' + b"[" * 200_000,
        b'{"a": "\\ud83d", "b": Infinity}',
        b"{'a': 'b'}",
    ],
)
def test_refuses_invalid_json(data: bytes) -> None:
    with pytest.raises(InvalidPost) as refused:
        decode(ANY, data)
    assert refused.value.reason == "not-json"


def test_error_for_wrong_type_names_path_but_not_value() -> None:
    with pytest.raises(InvalidPost) as refused:
        decode(ANY, b'{"a": {"secret": "private words"}}')
    assert refused.value.reason == "wrong-type"
    assert "Expected `str`, got `object`" in refused.value.detail
    assert "private" not in refused.value.detail


def test_strips_byte_order_mark_and_line_ends() -> None:
    assert body(b'\xef\xbb\xbf{"a": 1}\r\n') == b'{"a": 1}'


def test_converts_ids_to_strings() -> None:
    assert ident(919659438700670976) == "919659438700670976"
    assert ident(" 007 ") == "007"


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_empty_id_is_none(missing: str | None) -> None:
    assert optional_id(missing, "id") is None
    with pytest.raises(InvalidPost, match="no-id: uri is missing or empty"):
        ident(missing, "uri")


def test_refuses_id_above_512_characters() -> None:
    assert ident("x" * 512) == "x" * 512
    with pytest.raises(InvalidPost, match="too-large: id has more than 512 characters"):
        ident("x" * 513)


@pytest.mark.parametrize(
    ("value", "position"),
    [
        ([-8.61, 41.15], (-8.61, 41.15)),
        ([-8, 41], (-8.0, 41.0)),
        ([-8.61, 41.15, 90.0], (-8.61, 41.15)),
        ({"type": "Point", "coordinates": [-8.61, 41.15]}, (-8.61, 41.15)),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_coordinates_are_longitude_then_latitude(value: object, position: tuple[float, float] | None) -> None:
    assert coordinates(value) == position


@pytest.mark.parametrize("value", [[41.15], ["-8.61", "41.15"], [True, False], [34.05, -118.24], "-8.61,41.15", 5])
def test_refuses_invalid_coordinates(value: object) -> None:
    with pytest.raises(InvalidPost, match="wrong-type: coordinates"):
        coordinates(value)


def test_tags_have_no_hash_sign() -> None:
    assert tags(["MeToo", "#YoTambien", "＃私も", " MoiAussi ", "", "#"]) == ("MeToo", "YoTambien", "私も", "MoiAussi")
    assert tags([]) == ()
    assert tags(None) is None
