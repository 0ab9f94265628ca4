"""Text of every script: classes of characters, the form in which it's compared, its words."""

import re
import unicodedata
from typing import Final


def class_of(*categories: str, without: str = "") -> str:
    """The characters of these Unicode categories, as ranges for a regular expression's [...]. `without` is ranges too.

    Unassigned points between two of them count as theirs: a new Unicode version fills gaps with the like, and fewer
    ranges are tested faster.
    """
    ranges: list[list[int]] = []
    gap = True
    left_out = re.compile(f"[{without}]").match if without else lambda _: None
    for point in (*range(0x323B0), *range(0xE0100, 0xE01F0)):  # every assigned letter, mark and digit lies in these
        category = "" if left_out(chr(point)) else unicodedata.category(chr(point))
        if category in categories and gap:
            ranges.append([point, point])
            gap = False
        elif category in categories:
            ranges[-1][1] = point
        elif category != "Cn":
            gap = True
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


LETTERS_AND_MARKS: Final = class_of("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me")
DIGITS: Final = class_of("Nd")
LETTERS_IN_WORDS: Final = class_of(
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", without="\ufe00-\ufe0f\u20d0-\u20ff\U000e0100-\U000e01ef"
)
"""Letters and their marks, without the marks that choose an emoji's look."""

# Written so that each alternative starts with other characters: it is tried at every character of every post.
_LINK: Final = r"[hH][tT][tT][pP][sS]?+://\S++|[wW]{3}\.\S++|(?:pic\.twitter\.com|t\.co)/\S++"
# @name, and Mastodon's and Bluesky's @name@server.example and @name.server.example. Names are ASCII on all of them.
_MENTION: Final = r"[@＠][A-Za-z0-9_]++(?:[.@-]++[A-Za-z0-9_]++)*+"
LINK_OR_MENTION: Final = re.compile(f"{_LINK}|{_MENTION}")

# Han, kana, and the scripts of Thailand, Laos, Myanmar and Cambodia put no space between words: a character is a word.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[{LETTERS_IN_WORDS}{DIGITS}])++")


def fold(text: str) -> str:
    """Text in the form in which it is compared: NFKC and casefold (Unicode Standard, 3.13, "Default Case Algorithms"),
    and one i for the four of Turkish, where the capital of ı is I. Accents stay. Folding twice changes nothing.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # NFKC again at the end: what lost its dot may compose with the mark behind it.
    return unicodedata.normalize("NFKC", folded.casefold().replace("i\u0307", "i").replace("ı", "i"))


def words(text: str) -> str:
    """The words of a text, folded, each between two spaces: " me too ". Links and mentions are no words."""
    return f" {' '.join(_WORD.findall(fold(LINK_OR_MENTION.sub(' ', text))))} "
