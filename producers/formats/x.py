"""Shared by both versions of X's API: plain texts, tags cut by an ellipsis, and the time in an id."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import msgspec

from hashtide.contract.messages import Post, PostEdit

PLATFORM: Final = "x"

Tags = tuple[str, ...] | None

_RETWEET_PREFIX: Final = re.compile(r"RT @[A-Za-z0-9_]{1,20}: ")
_LAST_TAG: Final = re.compile(r"[#\uff03]([^\s#\uff03]+)$")
_JOINERS: Final = "_\u200c\u200d"
_SNOWFLAKE_EPOCH_MS: Final = 1_288_834_974_657  # "Twitter IDs (snowflake)": the upper 42 bits are ms since this
_SNOWFLAKE_BITS: Final = 63


def plain(text: str) -> str:
    """The text with `&`, `<` and `>` unescaped: both APIs escape only these three."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def shown(text: str, display_range: Sequence[int] | None) -> str:
    """The part that X shows: without the leading mentions of a reply and the link to the post's own pictures.

    `display_range` counts code points of the escaped text; an invalid range is ignored.
    """
    match display_range:
        case [start, end] if 0 <= start <= end <= len(text):
            return text[start:end]
    return text


def without_retweet_prefix(text: str) -> str:
    """The text of a retweet without `RT @name: `."""
    return _RETWEET_PREFIX.sub("", text, count=1)


def without_cut_tag(text: str, hashtags: Tags) -> tuple[str, Tags]:
    """Text and tags of a text that X has cut, without the tag that was cut.

    A cut text ends with "…", sometimes followed by a link. A tag that touches the ellipsis may have been longer
    (`#FuoriSalvin…`), so it does not count, although X lists it.
    """
    head, ellipsis, tail = text.rpartition("…")
    if not ellipsis or (tail.strip() and not tail.lstrip().startswith("https://t.co/")):
        return text, hashtags
    last = _LAST_TAG.search(head)
    if not last or not all(map(_in_tags, last[1])):
        return text, hashtags
    if hashtags and hashtags[-1] == last[1]:
        hashtags = hashtags[:-1]
    return f"{head[: last.start()]}…{tail}", hashtags


def as_version(post: Post, first: str | None) -> Post | PostEdit:
    """The post itself, or an edit of the post `first`, if that is the id of an earlier version.

    X makes an edit a new tweet with its own id and time. The time of the first version is in its id; if it is not (X
    has edits since 2022, and ids with times since 2010), the time of the edit is used.
    """
    if first is None or first == post.post_id:
        return post
    first_ms = snowflake_second_ms(first)
    version = msgspec.structs.replace(
        post,
        post_id=first,
        created_at_ms=post.created_at_ms if first_ms is None else first_ms,
        conversation=first if post.conversation == post.post_id else post.conversation,
    )
    return PostEdit(post=version, edited_at_ms=post.created_at_ms)


def _in_tags(char: str) -> bool:
    return char.isalnum() or char in _JOINERS or unicodedata.category(char)[0] == "M"  # marks: vowels of मीटू


def snowflake_second_ms(post_id: str) -> int | None:
    """Creation time of the post with this id, cut to the second like `created_at`; None if the id holds no time."""
    if not (post_id.isascii() and post_id.isdigit() and len(post_id) <= 19) or int(post_id) >> _SNOWFLAKE_BITS:
        return None
    since = int(post_id) >> 22
    return (since + _SNOWFLAKE_EPOCH_MS) // 1000 * 1000 if since else None
