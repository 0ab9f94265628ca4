"""Text in any script: character classes, the folded form for comparison, and words."""

import re
import unicodedata
from typing import Final

from idna.core import valid_contextj

_LOOKS: Final = frozenset((*range(0xFE00, 0xFE10), *range(0x20D0, 0x2100), *range(0xE0100, 0xE01F0)))
"""Marks that select an emoji's style. Not part of a word."""
# Han, kana, and the scripts of Thailand, Laos, Myanmar and Cambodia do not space words: each character counts as one.
_UNSPACED: Final = frozenset(
    (
        *range(0x0E00, 0x0F00), *range(0x1000, 0x10A0), *range(0x1780, 0x1800), *range(0x3040, 0x3100),
        *range(0x3400, 0xA000), *range(0xF900, 0xFB00), *range(0x20000, 0x323B0),
    )
)  # fmt: skip


# Default_Ignorable_Code_Point (DerivedCoreProperties.txt) without ZWNJ and ZWJ: fillers, variation selectors, tags,
# direction controls, and code points reserved for more of these.
_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ZWNJ, _ZWJ = _JOINERS = "\u200c\u200d"
_INVISIBLE: Final = re.compile(f"{_IGNORABLE.pattern[:-1]}{_JOINERS}]")
_AROUND: Final = 16


def _class_of(letters: list[int]) -> str:
    """These code points as ranges for a regular expression's [...].

    Unassigned points between two of them are included: new Unicode versions fill gaps with similar characters, and
    fewer ranges match faster.
    """
    ranges: list[list[int]] = []
    last = -1_000
    for point in letters:
        gap = range(last + 1, point)
        if not gap or (len(gap) < 256 and all(unicodedata.category(chr(between)) == "Cn" for between in gap)):
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
        last = point
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_POINTS: Final = (range(0x323B0), range(0xE0100, 0xE01F0))  # contain every assigned letter, mark and digit
_LETTER_POINTS: Final = [point for points in _POINTS for point in points if unicodedata.category(chr(point))[0] in "LM"]
_DIGIT_POINTS: Final = [point for points in _POINTS for point in points if unicodedata.category(chr(point)) == "Nd"]
LETTERS_AND_MARKS: Final = _class_of(_LETTER_POINTS)
DIGITS: Final = _class_of(_DIGIT_POINTS)
# Characters that follow a letter, before or after decomposition: marks, and the voicing marks of halfwidth kana.
_BEHIND_POINTS: Final = sorted({*(p for p in _LETTER_POINTS if unicodedata.category(chr(p))[0] == "M"), 0xFF9E, 0xFF9F})
_PILE: Final = f"{_class_of(_BEHIND_POINTS)}{_IGNORABLE.pattern[1:-1]}{_JOINERS}"
_MOST_MARKS: Final = 30
"""More marks than any language puts on a letter (UAX #15, 13, "Stream-Safe Text Format")."""
_PILED: Final = re.compile(f"([{_PILE}]{{{_MOST_MARKS}}})[{_PILE}]++")
"""A run of too many marks; the group is the part to keep. Normalisation sorts marks in quadratic time: 30 s for the
longest text of marks alone."""
_FEW_CHARS: Final = 1_000
"""Marks are not limited in texts up to this length. Most texts are shorter: marks cost them at most 2 ms, the search
for them 15 us."""
LETTERS_IN_WORDS: Final = _class_of([point for point in _LETTER_POINTS if point not in _LOOKS])
"""Letters and their marks, without the marks that select an emoji's style."""

# Each alternative starts with different characters, for speed: the pattern is tried at every character of every post.
_LINK: Final = r"[hH][tT][tT][pP][sS]?+://\S++|[wW]{3}\.\S++|(?:pic\.twitter\.com|t\.co)/\S++"
# @name, @name@server.example (Mastodon) and @name.server.example (Bluesky). Names are ASCII on all platforms.
_MENTION: Final = r"[@＠][A-Za-z0-9_]++(?:[.@-]++[A-Za-z0-9_]++)*+"
LINK_OR_MENTION: Final = re.compile(f"{_LINK}|{_MENTION}")

_IN_WORDS: Final = sorted({*_LETTER_POINTS, *_DIGIT_POINTS} - _LOOKS)
_WORD: Final = re.compile(
    f"[{_class_of([point for point in _IN_WORDS if point in _UNSPACED])}]"
    f"|[{_class_of([point for point in _IN_WORDS if point not in _UNSPACED])}]++"
)
del _LETTER_POINTS, _DIGIT_POINTS, _BEHIND_POINTS, _IN_WORDS, _LOOKS, _UNSPACED  # frees 22 MB


def fold(text: str) -> str:
    """Text in the form used for comparison: NFKC and casefold (Unicode Standard, 3.13, "Default Case Algorithms"),
    without invisible characters, and with one i for the four of Turkish, where the capital of ı is I. Accents stay.
    Idempotent.
    """
    if text.isascii():
        return text.lower()
    if _INVISIBLE.search(text):
        text = _visible(text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # NFKC again at the end: a letter that lost its dot may compose with the mark after it.
    return unicodedata.normalize("NFKC", folded.casefold().replace("i\u0307", "i").replace("ı", "i"))


def _visible(text: str) -> str:
    """Text without default ignorable characters, as in NFKC_Casefold. Joiners stay where they have a visible effect.

    ZWNJ and ZWJ change the shape of letters in Persian, Hindi and Sinhala, and join emoji families. The rules: UAX #31,
    2.3.1 (A1, A2, B), and RFC 5892, A.1 and A.2, which idna implements.
    """
    text = unicodedata.normalize("NFKC", _IGNORABLE.sub("", unicodedata.normalize("NFKC", text)))
    if _ZWNJ not in text and _ZWJ not in text:
        return text
    kept = [char for at, char in enumerate(text) if char not in _JOINERS or _shapes(text, at)]
    return "".join(kept)


def _shapes(text: str, at: int) -> bool:
    """Whether the joiner at `at` changes how its neighbours look."""
    before, behind = text[at - 1 : at], text[at + 1 : at + 2]
    if text[at] == _ZWJ and before and behind and unicodedata.category(behind) == "So":
        return unicodedata.category(before) in ("So", "Sk")  # Sk: an emoji's skin tone
    try:
        # Only the neighbourhood: beyond it idna looks only at marks, and a text may have very many joiners.
        return valid_contextj(text[max(0, at - _AROUND) : at + _AROUND], min(at, _AROUND))
    except ValueError:  # a code point that is not assigned yet
        return False


def words(text: str) -> str:
    """The words of a text, folded, each between two spaces: " me too ". Without links and mentions.

    Linear in the length of the text: in a long text, only the first marks of a long run of marks are read.
    """
    if "@" in text or "＠" in text or "." in text or "://" in text:  # otherwise none: saves 3 us on most replies
        text = LINK_OR_MENTION.sub(" ", text)
    if len(text) > _FEW_CHARS and not text.isascii():
        text = _PILED.sub(r"\1", text)
    return f" {' '.join(_WORD.findall(fold(text)))} "
