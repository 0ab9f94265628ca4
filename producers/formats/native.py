"""The native format: one JSON object per line, for users' own data. docs/native-format.md is its user documentation.

Required: `id` (string or integer), `text`, `created_at` (ISO 8601, or seconds or milliseconds since the epoch).
Optional: `platform` (a short name; default `native`), `lang`, `author_id`, `location` (from the profile),
`place_country` (ISO 3166-1 alpha-2), `coordinates` ([longitude, latitude] or a GeoJSON Point), `in_reply_to`,
`conversation_id`, `quoted`, `reposted` (ids), `hashtags` (a list of strings; if missing, tags are searched in the
text). Other keys are ignored, and null equals a missing key.
"""

import re
from typing import Any, Final

import msgspec

from hashtide.contract.messages import Post
from hashtide.contract.reasons import InvalidPost
from producers.formats.payload import (
    Id,
    Outcome,
    Time,
    coordinates,
    decode,
    ident,
    optional_id,
    optional_text,
    required_text,
    tags,
    time_ms,
)

_PLATFORM: Final = re.compile("[a-z][a-z0-9_-]{0,31}")


class _NativeLine(msgspec.Struct, frozen=True):
    id: Id = None
    text: str | None = None
    created_at: Time = None
    platform: str | None = None
    lang: str | None = None
    author_id: Id = None
    location: str | None = None
    place_country: str | None = None
    coordinates: Any = None
    in_reply_to: Id = None
    conversation_id: Id = None
    quoted: Id = None
    reposted: Id = None
    hashtags: list[str] | None = None


_LINE: Final = msgspec.json.Decoder(_NativeLine)


def parse(payload: bytes) -> list[Outcome]:
    """The post in one line. Raises InvalidPost: not-json, wrong-type, no-id, no-time, no-text, too-large."""
    line = decode(_LINE, payload)
    platform = _platform(line.platform)

    def without_platform(value: Id, what: str) -> str | None:
        found = optional_id(value, what)
        return found.removeprefix(f"{platform}:") or None if found else None

    return [
        Post(
            platform=platform,
            post_id=ident(without_platform(line.id, "id")),
            created_at_ms=time_ms(line.created_at),
            text=required_text(line.text),
            author=optional_id(line.author_id, "author_id"),
            in_reply_to=without_platform(line.in_reply_to, "in_reply_to"),
            conversation=without_platform(line.conversation_id, "conversation_id"),
            quoted=without_platform(line.quoted, "quoted"),
            reposted=without_platform(line.reposted, "reposted"),
            hashtags=tags(line.hashtags),
            lang=optional_text(line.lang),
            coordinates=coordinates(line.coordinates),
            place_country=optional_text(line.place_country),
            location=optional_text(line.location),
        )
    ]


def _platform(name: str | None) -> str:
    if name is None:
        return "native"
    lowered = name.strip().lower()
    if not _PLATFORM.fullmatch(lowered):
        raise InvalidPost("wrong-type", "platform is not a short name: a letter, then up to 31 letters, digits, _ or -")
    return lowered
