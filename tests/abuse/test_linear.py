"""Twice the text takes twice the time, and not four times: every regular expression, and every step that reads texts.

Found, not listed: a pattern that is new is tried, too. Only what took long is looked at twice, and then ratios of
processor time decide: 4 times the text takes 4 times as long if it is linear, 16 times if it is quadratic.
"""

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import hashtide
import operations
import producers
import stream_jobs
from hashtide.contract.messages import Post
from operations.terminal import isolated
from operations.watch.names import shown
from producers.formats import html_text
from producers.formats.x import without_cut_tag
from stream_jobs.domain import hashtags, language, text
from stream_jobs.domain.campaign import Campaign, Campaigns
from stream_jobs.loading import load_profiles, load_regions

SHORT: Final = 10_000
LONG: Final = 4 * SHORT
QUICK_S: Final = 0.05
"""For all a pattern can do with LONG characters; if it were quadratic it would take seconds."""
MOST: Final = 8.0

PIECES: Final = (
    "a", "A", "1", "_", "-", ".", " ", "\n", "#", "@", "/", ":", "'", "value '", "é", "ha", "kw", "RT ", "RT", "a.",
    "a-", "a'", "1.", "-1.11", "1.11, ", "a,", "a:1,", "//a", "http://", "https://a.b/(", "www.", "@a.", "&a", "&#",
    "(", "[", "no such index [", "1d", "00", "00:", "AB,", "ab,", "ab ", "a.b/", "/#", "# ", "，", "—", "— ", "x ",
    "to ", "{{a}} ", "\u0300", "\u0315\u0300", "\ufe0f#", "\u200d", "\ud83d", "ﾞ\u0315", "한", "مي\u200c", "🇦",
    "\U0001f3f4\U000e0067\U000e0062",
)  # fmt: skip
ENDS: Final = ("", "\x00", "!")

CUT: Final = {
    "stream_jobs.domain.profile": "reads 120 characters of a place",
    "stream_jobs.domain.region": "reads 120 characters of a place",
    "stream_jobs.domain.place_names": "reads 120 characters of a place",
    "stream_jobs.data.make_place_table": "makes the table of names, from data of ours",
}
"""Modules whose patterns never see a long text, and why."""


def modules() -> Iterator[str]:
    for package in (hashtide, producers, stream_jobs, operations):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name not in CUT and not found.name.endswith(".__main__"):  # importing that runs it
                yield found.name


USES: Final[dict[str, Callable[["re.Pattern[str]", str], Any]]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "sub": lambda pattern, text: pattern.sub("", text),
    "split": lambda pattern, text: pattern.split(text),
    "findall": lambda pattern, text: pattern.findall(text),
    "finditer": lambda pattern, text: list(pattern.finditer(text)),
}
Used = tuple["re.Pattern[str]", str]
"""A pattern, and how it is used: what `fullmatch` does at once may take `search` quadratic time."""


def used() -> set[Used]:
    """Every pattern with every use of it: of those that modules hold, of those that are written where they are used,
    and of those that values must match, which msgspec searches for."""
    found: set[Used] = set()
    for name in modules():
        module = importlib.import_module(name)
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(ast.Name("re"), use), args=[ast.Constant(str(pattern)), *_]):
                    found |= {(re.compile(pattern, re.DOTALL), use)} if use in USES else set()
                case ast.Attribute(ast.Name(held), use) if use in USES:
                    value = vars(module).get(held)
                    found |= {(value, use)} if isinstance(value, re.Pattern) else set()
                case ast.keyword("pattern", ast.Constant(str(pattern))):
                    found.add((re.compile(pattern), "search"))
    return found


PATTERNS: Final = sorted(used(), key=lambda each: (each[0].pattern, each[1]))


def taken_s(act: Callable[[str], Any], text: str) -> float:
    """Seconds of the processor, the least of three."""
    least = float("inf")
    for _ in range(3):
        started = time.process_time()
        act(text)
        least = min(least, time.process_time() - started)
        if least < QUICK_S:
            break
    return least


def is_linear(act: Callable[[str], Any], piece: str, end: str) -> bool:
    def of(length: int) -> str:
        return piece * (length // len(piece)) + end

    long_s = taken_s(act, of(LONG))
    return long_s < QUICK_S or long_s / taken_s(act, of(SHORT)) < MOST


def test_all_patterns_are_found() -> None:
    assert len(PATTERNS) >= 40
    assert {
        (hashtags._URL.pattern, "finditer"),
        (language._LAUGHTER.pattern, "sub"),
        (r"^[0-9a-f]{16}\Z", "search"),
        ("value '.*'", "sub"),
        ("([0-9]{1,5})d", "fullmatch"),
    } <= {(pattern.pattern, use) for pattern, use in PATTERNS}


@pytest.mark.parametrize(("pattern", "use"), PATTERNS, ids=[f"{p.pattern[:40]!r} {use}" for p, use in PATTERNS])
def test_a_pattern_takes_linear_time(pattern: "re.Pattern[str]", use: str) -> None:
    for piece in PIECES:
        for end in ENDS:
            assert is_linear(lambda text: USES[use](pattern, text), piece, end), (piece, end)


def post(text: str) -> Post:
    return Post(platform="x", post_id="1", created_at_ms=0, text=text, in_reply_to="1", location=text, lang=text)


CAMPAIGNS: Final = Campaigns([Campaign(name="a", roots=("x:1",), phrases=("a", "me too"))])
PROFILES: Final = load_profiles()
REGIONS: Final = load_regions()
STEPS: Final[dict[str, Callable[[str], Any]]] = {
    "hashtags of a text": lambda text: hashtags.of_post(post(f"#{text}")),
    "hashtags, repaired": lambda text: hashtags.of_post(post(f"# {text}"), repair=True),
    "a cut tag": lambda text: without_cut_tag(f"#{text}…", ()),
    "words": text.words,
    "campaigns": lambda text: CAMPAIGNS.match(post(text), ()),
    "clean": language.clean,
    "language code": language.normal_code,
    "profile": PROFILES.country,
    "region": lambda text: REGIONS.tag(None, text, text),
    "html": html_text.plain_text,
    "html, escaped": lambda text: html_text.plain_text(f"<p>{text}</p>&amp;"),
    "shown": shown,
    "isolated": isolated,
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_takes_linear_time(step: str) -> None:
    for piece in PIECES:
        for end in ENDS:
            if step.startswith("html") and "\x00" in end:
                continue  # no XML has it: lxml refuses it at once
            assert is_linear(STEPS[step], piece.replace("\ud83d", "\ufffd"), end), (piece, end)


def test_of_a_pile_of_marks_in_a_long_text_the_first_thirty_are_read() -> None:
    mark, long = "\u0335", "a " * 500
    read = text.words(long)
    assert text.words(f"{long}z{mark * 31} me") == f"{read}z{mark * 30} me "
    assert text.words(f"{long}z" + f"{mark}\u200b" * 40 + " me") == f"{read}z{mark * 15} me "
    assert text.words(f"{long}z{mark * 30}") == f"{read}z{mark * 30} "
    assert text.words(f"{long}me" + "\u200b" * 100 + " too") == f"{read}me too "
    assert text.words(f"{long}मुझे भी कहना है") == f"{read}मुझे भी कहना है "
    assert text.words(f"z{mark * 31} me") == f" z{mark * 31} me "
