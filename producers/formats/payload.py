"""Shared by all formats: reads JSON from hostile bytes, and ids, times and texts from JSON.

Every function is pure, never blocks, and raises only InvalidPost. A format declares the part of its platform's shape
that it reads as msgspec Structs; everything else is skipped unread.
"""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from hashtide.contract.bounds import LATEST_MS, MAX_ID_CHARS, MAX_PARTS, MAX_TEXT_CHARS
from hashtide.contract.messages import Parsed, problem
from hashtide.contract.reasons import InvalidPost

Outcome = Parsed | InvalidPost
"""The result for a payload or a part of it. An InvalidPost is a value here, in order among the valid parts."""

T = TypeVar("T")

Id = str | int | None
"""An id in JSON: platforms write strings and integers. Floats have already lost digits, and are refused."""

Time = str | int | float | None

ABSENT: Final = msgspec.Raw(b"")
"""The default of Raw fields: a missing key."""

_BOM: Final = b"\xef\xbb\xbf"
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_RAW_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST_MS: Final = -62_135_596_800_000  # 0001-01-01: the first that a datetime holds, and the first ISO 8601 year
_MILLISECONDS_FROM: Final = 100_000_000_000  # as seconds the year 5138, as milliseconds 1973: no post is in between
_MONTHS: Final = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}


def body(payload: bytes) -> bytes:
    """The payload without byte order mark, line end, and surrounding blanks."""
    return payload.removeprefix(_BOM).strip(b" \t\r\n")


def require_utf8(data: bytes) -> None:
    """Raise InvalidPost("not-json") if the bytes are not UTF-8, even in parts that no format reads."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise InvalidPost("not-json", f"not UTF-8 at byte {error.start}") from None


def decode(decoder: msgspec.json.Decoder[T], data: bytes | msgspec.Raw) -> T:
    """Decode JSON. Of a duplicate key the last value counts (RFC 8259, section 4, leaves the choice).

    Half of a surrogate pair (`"\\ud83d"`: a text cut within an emoji) becomes U+FFFD.
    Raises InvalidPost: not-json, wrong-type.
    """
    try:
        try:
            return decoder.decode(data)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return decoder.decode(_without_lone_surrogates(bytes(data)))
    except msgspec.ValidationError as error:
        raise InvalidPost("wrong-type", problem(error)) from None
    except (ValueError, RecursionError) as error:
        raise InvalidPost("not-json", str(error) if isinstance(error, msgspec.DecodeError) else "") from None


def _without_lone_surrogates(data: bytes) -> str:
    """The same JSON with U+FFFD for lone surrogates. Raises ValueError if it is not JSON anyway."""
    if b"\\u" not in data:
        raise ValueError
    return _LONE_SURROGATE.sub("\ufffd", json.dumps(json.loads(data.decode()), ensure_ascii=False))


def items(data: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The elements of a JSON array, not decoded. Raises InvalidPost: not-json, wrong-type, too-large."""
    found = decode(_RAW_LIST, data)
    if len(found) > MAX_PARTS:
        raise InvalidPost("too-large", f"a list of {len(found)}, of {MAX_PARTS} allowed")
    return found


def is_absent(data: msgspec.Raw) -> bool:
    """Whether a Raw field is missing or null."""
    return bytes(data) in (b"", b"null")


def ident(value: Id, what: str = "id") -> str:
    """A required id. Raises InvalidPost: no-id, too-large."""
    found = optional_id(value, what)
    if found is None:
        raise InvalidPost("no-id", f"{what} is missing or empty")
    return found


def optional_id(value: Id, what: str) -> str | None:
    """An id as a string; None if it is missing or empty. Raises InvalidPost: too-large."""
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else str(value)
    if len(text) > MAX_ID_CHARS:
        raise InvalidPost("too-large", f"{what} has more than {MAX_ID_CHARS} characters")
    return text or None


def required_text(value: str | None, what: str = "text") -> str:
    """A text that is required, but may be empty: some posts are only a picture.

    Raises InvalidPost: no-text, too-large.
    """
    if value is None:
        raise InvalidPost("no-text", f"{what} is missing")
    if len(value) > MAX_TEXT_CHARS:
        raise InvalidPost("too-large", f"{what} has more than {MAX_TEXT_CHARS} characters")
    return value


def optional_text(value: str | None) -> str | None:
    """A text without surrounding blanks; None if nothing is left."""
    return (value.strip() or None) if value else None


def time_ms(value: Time, what: str = "created_at") -> int:
    """A time in milliseconds since the epoch, UTC.

    Accepts ISO 8601 (without an offset: UTC), the form of X API v1 (`Sun Oct 15 20:21:49 +0000 2017`), and seconds or
    milliseconds since the epoch, as a number or as digits in a string. Raises InvalidPost: no-time.
    """
    if value is None or value == "":
        raise InvalidPost("no-time", f"{what} is missing")
    try:
        ms = _text_ms(value.strip()) if isinstance(value, str) else _number_ms(value)
    except (ValueError, OverflowError):
        raise InvalidPost("no-time", f"{what} is not a time in a known form") from None
    if not _FIRST_MS <= ms <= LATEST_MS:
        raise InvalidPost("no-time", f"{what} is outside the years 1 to 9999")
    return ms


def _text_ms(text: str) -> int:
    if text.isascii() and text.isdigit():
        return _number_ms(int(text))
    if len(text) == 30 and text[19:26] == " +0000 ":  # X API v1, in ISO 8601's order
        text = f"{text[26:]}-{_MONTHS.get(text[4:7])}-{text[8:10]}T{text[11:19]}+00:00"
    when = datetime.fromisoformat(text)
    return _datetime_ms(when if when.tzinfo else when.replace(tzinfo=UTC))


def _datetime_ms(when: datetime) -> int:
    return (when - _EPOCH) // _MILLISECOND


def _number_ms(number: int | float) -> int:
    return math.floor(number if abs(number) >= _MILLISECONDS_FROM else number * 1000)


def coordinates(value: Any) -> tuple[float, float] | None:
    """(longitude, latitude) of a GeoJSON position or Point; None if there is none.

    Raises InvalidPost("wrong-type") if it is not a position on earth, for instance if the two are swapped.
    """
    if isinstance(value, dict):
        value = value.get("coordinates")
    if value is None or value == []:
        return None
    match value:
        case [int() | float() as longitude, int() | float() as latitude, *_] if not isinstance(
            longitude, bool
        ) and not isinstance(latitude, bool):
            if abs(longitude) <= 180 and abs(latitude) <= 90:
                return float(longitude), float(latitude)
    raise InvalidPost("wrong-type", "coordinates are not [longitude, latitude] in degrees")


def dig(value: Any, *keys: str) -> Any:
    """The value at `keys` in nested objects; None if any key is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def tags(names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Hashtags as written, without '#' and blanks; None if the platform gave no list."""
    if names is None:
        return None
    bare = (name.strip().lstrip("#\uff03") for name in names)
    return tuple(name for name in bare if name)
