"""The contest's job, the same for all contestants: the counts that a post of X adds to. Cheap on purpose.

It is simple, so that the contest compares the systems, not the tagging. Pure. Needs only msgspec and pycld2:
contestants import it in their own environments.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
import pycld2

WINDOW_MS: Final = 60_000

Key = tuple[int, str, str, str]
"""A count: the window's start in ms since the epoch, hashtag, language, region."""

_TAG: Final = re.compile(r"#(\w+)")
_NO_LANGUAGE: Final = frozenset({None, "und", "zxx", "art", "qam", "qct", "qht", "qme", "qst"})
_COUNTRIES: Final = {
    "argentina": "AR", "australia": "AU", "bangladesh": "BD", "brasil": "BR", "brazil": "BR", "canada": "CA",
    "deutschland": "DE", "germany": "DE", "berlin": "DE", "egypt": "EG", "españa": "ES", "spain": "ES", "madrid": "ES",
    "france": "FR", "paris": "FR", "england": "GB", "london": "GB", "scotland": "GB", "uk": "GB", "ghana": "GH",
    "india": "IN", "mumbai": "IN", "indonesia": "ID", "jakarta": "ID", "ireland": "IE", "italia": "IT", "italy": "IT",
    "roma": "IT", "japan": "JP", "日本": "JP", "東京": "JP", "kenya": "KE", "korea": "KR", "서울": "KR", "méxico": "MX",
    "mexico": "MX", "nigeria": "NG", "lagos": "NG", "nederland": "NL", "norge": "NO", "pakistan": "PK", "polska": "PL",
    "portugal": "PT", "россия": "RU", "москва": "RU", "sverige": "SE", "sweden": "SE", "türkiye": "TR",
    "istanbul": "TR", "south africa": "ZA", "ca": "US", "ny": "US", "nyc": "US", "texas": "US", "usa": "US",
    "los angeles": "US",
}  # fmt: skip

_decode: Final = msgspec.json.Decoder().decode


def keys(payload: bytes) -> list[Key]:
    """The counts that an X API v2 payload increments: one for each distinct hashtag; none if it is not a post."""
    try:
        return _keys(_decode(payload))
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def event_ms(payload: bytes) -> int | None:
    """The post's creation time, for systems that need it before the job; None if it is not a post."""
    try:
        return _created_ms(_decode(payload)["data"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def joined(key: Key) -> str:
    """The key without the window, as one text: systems partition by it."""
    return "|".join(key[1:])


def split(window_ms: int, text: str) -> Key:
    """The key from its window and the text of `joined`."""
    tag, language, region = text.split("|")
    return window_ms, tag, language, region


def _keys(document: Any) -> list[Key]:
    post = document["data"]
    tags = {tag.casefold() for tag in _TAG.findall(post["text"])}
    if not tags:
        return []
    created_ms = _created_ms(post)
    window_ms = created_ms - created_ms % WINDOW_MS
    language = post.get("lang")
    if language in _NO_LANGUAGE:
        language = _detected(post["text"])
    region = "ZZ"
    for user in document.get("includes", {}).get("users", ()):
        if user["id"] == post["author_id"]:
            region = _region(user.get("location", ""))
    return [(window_ms, tag, language, region) for tag in sorted(tags)]


def _detected(text: str) -> str:
    try:
        language = pycld2.detect(text.replace("#", " "), bestEffort=True)[2][0][1]
    except pycld2.error:  # an unknown character
        return "und"
    return "und" if language == "un" else language


def _created_ms(post: Any) -> int:
    return int(datetime.fromisoformat(post["created_at"]).timestamp() * 1000)


@lru_cache(maxsize=65_536)
def _region(location: str) -> str:
    for part in reversed(location.casefold().split(",")):
        if country := _COUNTRIES.get(part.strip()):
            return country
    return "ZZ"
