"""What both versions of X's API share: plain texts, tags cut with an ellipsis, and the time in an id."""

import re
import unicodedata
from typing import Final

PLATFORM: Final = "x"

_RETWEET_PREFIX: Final = re.compile(r"RT @[A-Za-z0-9_]{1,20}: ")
_LAST_TAG: Final = re.compile(r"[#\uff03]([^\s#\uff03]+)$")
_JOINERS: Final = "_\u200c\u200d"
_SNOWFLAKE_EPOCH_MS: Final = (
    1_288_834_974_657  # "Twitter IDs (snowflake)": milliseconds since this, in the upper 42 bits
)
_SNOWFLAKE_BITS: Final = 63


def plain(text: str) -> str:
    """The text with `&`, `<` and `>` as they are: both APIs escape these three, and nothing else."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def cut_retweet(text: str, hashtags: tuple[str, ...] | None) -> tuple[str, tuple[str, ...] | None]:
    """What a retweet whose original is missing can still tell: its text and tags, without the one that was cut.

    Such a text is `RT @name: ` and the original's beginning, cut with "…" after 140 characters. A tag that touches
    the ellipsis may have been longer (`#FuoriSalvin…`), so it is no tag, though X lists it as one.
    """
    text = _RETWEET_PREFIX.sub("", text, count=1)
    head, ellipsis, tail = text.rpartition("…")
    if not ellipsis or (tail.strip() and not tail.lstrip().startswith("https://t.co/")):
        return text, hashtags
    last = _LAST_TAG.search(head)
    if not last or not all(map(_in_tags, last[1])):
        return text, hashtags
    if hashtags and hashtags[-1] == last[1]:
        hashtags = hashtags[:-1]
    return f"{head[: last.start()]}…{tail}", hashtags


def _in_tags(char: str) -> bool:
    return char.isalnum() or char in _JOINERS or unicodedata.category(char)[0] == "M"  # marks: vowels of मीटू


def snowflake_second_ms(post_id: str) -> int | None:
    """When the post of this id was made, cut to the second as `created_at` is; None where the id does not tell."""
    if not (post_id.isascii() and post_id.isdigit() and len(post_id) <= 19) or int(post_id) >> _SNOWFLAKE_BITS:
        return None
    since = int(post_id) >> 22
    return (since + _SNOWFLAKE_EPOCH_MS) // 1000 * 1000 if since else None
