"""Hashtags: where one starts and ends (twitter-text's rules), and the form under which it's counted."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from hashtide.contract.messages import Post
from stream_jobs.domain.text import DIGITS, LETTERS_AND_MARKS, fold

MAX_TAGS: Final = 100
"""Distinct tags of one post that count. 280 characters hold at most 93 ("#a #b …"); more is abuse of a longer field."""
MAX_TAG_CHARS: Final = 279
"""Longest tag, as written and as counted: what fits into 280 characters behind its '#'. A longer one is dropped, not
cut, because a cut tag is another tag."""

_HASHES: Final = "#＃"
# Characters of a tag that are neither letters, marks nor digits: underscore, joiners, and punctuation inside words of
# Cyrillic, Hebrew, Japanese, Tibetan and Catalan (twitter-text, "hashtagSpecialChars").
_SPECIAL: Final = "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"


_LETTER: Final = re.compile(f"[{LETTERS_AND_MARKS}]")
_TAG_CHARS: Final = LETTERS_AND_MARKS + DIGITS + _SPECIAL
_TAG: Final = re.compile(
    rf"[{_HASHES}](?![\ufe0f\u20e3])"  # not the keycap emoji
    rf"(?:(?<![&{_TAG_CHARS}].)|(?<=[\ufe0e\ufe0f].))"  # no HTML entity (&#39;), not glued to a word, but to an emoji
    rf"([{_TAG_CHARS}]++)(?![{_HASHES}]|://)",
    re.DOTALL,
)
# A '#' belongs to a URL only behind the URL's '/' or '?'. Quantifiers are possessive and a name is tried at its first
# character only, so hostile text costs linear time. Any two letters or more pass for a top-level domain: the list
# changes every month.
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
# Scrapers that read the page's text out of its elements put a space behind '#'.
_SPLIT: Final = re.compile(rf"(?<![^\s])([{_HASHES}])[ \u00a0](?=[{_TAG_CHARS}])")


def extract(text: str, *, repair: bool = False) -> tuple[str, ...]:
    """The hashtags of `text` as written, without '#', in order, repeats included. Linear in the length of `text`.

    The rules are those of twitter-text's conformance suite (its `extract.yml`, hashtags): letters and marks of every
    script, at least one of them; none in a URL, glued to a word, or before "://". With `repair`, `# MeToo` as some
    scrapers write it counts as `#MeToo`.
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
    """The tags that don't begin inside a URL. Punctuation that ends a URL belongs to the sentence around it."""
    urls = ((found.start(), found.start() + len(found[0].rstrip(_NOT_AT_END_OF_URL))) for found in _URL.finditer(text))
    start, end = next(urls, (len(text), len(text)))
    for tag in tags:
        while end <= tag.start():
            start, end = next(urls, (len(text), len(text)))
        if tag.start() <= start:
            yield tag


@lru_cache(maxsize=16_384)
def counting_form(tag: str) -> str:
    """The form that makes #MeToo, #METOO and ＃ＭｅＴｏｏ one tag: `fold`, remembered, because tags repeat."""
    return fold(tag)


def of_post(post: Post, *, repair: bool = False) -> tuple[str, ...]:
    """The distinct counting forms of a post's tags, in order, at most MAX_TAGS of at most MAX_TAG_CHARS characters.

    The platform's own list wins where it gave one and none of its tags is cut ("#FuoriSal…").
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
