"""Hashtags: where one starts and ends (twitter-text's rules), and the form it is counted in."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from hashtide.contract.messages import Post
from stream_jobs.domain.text import DIGITS, LETTERS_AND_MARKS, fold

MAX_TAGS: Final = 100
"""Most distinct tags counted for one post. 280 characters hold at most 93 ("#a #b …"); more abuses a longer field."""
MAX_TAG_CHARS: Final = 279
"""Longest tag, as written and as counted: what fits into 280 characters after its '#'. A longer tag is dropped, not
cut: a cut tag is a different tag."""

_HASHES: Final = "#＃"
# Characters of a tag that are not letters, marks or digits: underscore, joiners, and punctuation inside Cyrillic,
# Hebrew, Japanese, Tibetan and Catalan words (twitter-text, "hashtagSpecialChars").
_SPECIAL: Final = "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"


_LETTER: Final = re.compile(f"[{LETTERS_AND_MARKS}]")
_TAG_CHARS: Final = LETTERS_AND_MARKS + DIGITS + _SPECIAL
_TAG: Final = re.compile(
    rf"[{_HASHES}](?![\ufe0f\u20e3])"  # not the keycap emoji
    rf"(?:(?<![&{_TAG_CHARS}].)|(?<=[\ufe0e\ufe0f].))"  # not an HTML entity (&#39;); not joined to a word, except emoji
    rf"([{_TAG_CHARS}]++)(?![{_HASHES}]|://)",
    re.DOTALL,
)
# A '#' belongs to a URL only after the URL's '/' or '?'. Quantifiers are possessive and a host name is tried only at
# its first character, so hostile text costs linear time. Any two or more letters are accepted as a top-level domain:
# the list changes every month.
_HOST_CHARS: Final = "a-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_PATH_CHARS: Final = _HOST_CHARS + "\u0300-\u036f\u1e00-\u1eff\u0400-\u04ff!*';:=+,.$/%#\\[\\]\u2013_~|&@-"
_URL: Final = re.compile(
    rf"(?<![{_HOST_CHARS}@＠${_HASHES}])"
    rf"(?:https?://[\w.-]++|(?<![./_-])(?:[{_HOST_CHARS}][{_HOST_CHARS}_-]*+\.)++(?:xn--[a-z0-9-]++|[a-z]{{2,63}}+))"
    r"(?![\w@+-])(?::[0-9]++)?"
    rf"(?:/(?:[{_PATH_CHARS}]|\([{_PATH_CHARS}]++\))*+)?"
    r"(?:\?[a-z0-9!?*'();:&=+$/%#\[\]_.,~|@-]*+)?",
    re.IGNORECASE,
)
_MAYBE_IN_URL: Final = re.compile(rf"[/?][^\s/?{_HASHES}]*+[{_HASHES}]")
_NOT_AT_END_OF_URL: Final = "!*';:,.$%[]~|&@?()"
# Scrapers that extract text from page elements put a space after '#'.
_SPLIT: Final = re.compile(rf"(?<![^\s])([{_HASHES}])[ \u00a0](?=[{_TAG_CHARS}])")


def extract(text: str, *, repair: bool = False) -> tuple[str, ...]:
    """The hashtags of `text` as written, without '#', in order, with repeats. Linear in the length of `text`.

    Follows twitter-text's conformance suite (`extract.yml`, hashtags): letters and marks of every script, at least one
    of them; no tag in a URL, joined to a word, or before "://". With `repair`, `# MeToo`, as some scrapers write it,
    is read as `#MeToo`.
    """
    if "#" not in text and "＃" not in text:
        return ()
    if repair:
        text = _SPLIT.sub(r"\1", text)
    tags = [match for match in _TAG.finditer(text) if _LETTER.search(match[1])]
    if tags and _MAYBE_IN_URL.search(text):
        tags = list(_outside_urls(tags, text))
    return tuple(match[1] for match in tags)


def _outside_urls(tags: list[re.Match[str]], text: str) -> Iterator[re.Match[str]]:
    """The tags that do not begin inside a URL. Punctuation at the end of a URL belongs to the sentence."""
    urls = ((found.start(), found.start() + len(found[0].rstrip(_NOT_AT_END_OF_URL))) for found in _URL.finditer(text))
    start, end = next(urls, (len(text), len(text)))
    for tag in tags:
        while end <= tag.start():
            start, end = next(urls, (len(text), len(text)))
        if tag.start() <= start:
            yield tag


@lru_cache(maxsize=16_384)
def counting_form(tag: str) -> str:
    """The form in which #MeToo, #METOO and ＃ＭｅＴｏｏ are one tag: `fold`, cached, because tags repeat."""
    return fold(tag)


def of_post(post: Post, *, repair: bool = False) -> tuple[str, ...]:
    """The distinct counting forms of a post's tags, in order: at most MAX_TAGS of at most MAX_TAG_CHARS characters.

    The platform's own list takes precedence, unless one of its tags is cut ("#FuoriSal…").
    """
    written = post.hashtags
    if written is None or any(tag.endswith("…") for tag in written):
        written = extract(post.text, repair=repair)
    forms: dict[str, None] = {}
    for tag in written:
        if (
            len(tag) <= MAX_TAG_CHARS
            and len(form := counting_form(tag.strip().lstrip(_HASHES))) <= MAX_TAG_CHARS
            and form
        ):
            forms[form] = None
            if len(forms) == MAX_TAGS:
                break
    return tuple(forms)
