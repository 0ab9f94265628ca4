"""What keys are called, and text that is safe to show. Pure.

Everything that comes out of a post is hostile. HTML is no concern here: whoever shows a name shows it as text.
"""

import unicodedata
from functools import lru_cache
from typing import Final, Literal

from babel import Locale

from hashtide.contract.names import UNKNOWN_REGION

Dimension = Literal["language", "region", "kind", "hashtag"]

LONGEST: Final = 48
"""Characters of a name that are shown."""

JOINERS: Final = frozenset("\u200c\u200d")
"""Zero-width, and letters of Persian, Hindi and many emoji need them (Unicode standard, 23.2, "Cursive connection")."""

UNKNOWN_LANGUAGES: Final = {"und": "undetermined", "zxx": "no words", "mul": "several languages"}

_english = Locale("en")


def shown(text: str) -> str:
    """The text in one short line, without the characters that draw nothing and change what stands around them.

    Controls, direction marks, overrides and isolates (UAX #9) and other invisible ones become ‹U+202E›: two tags that
    differ stay different for the eye. Letters that run right to left stay as they are, to be isolated where shown.
    """
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return "".join(_visible(character) for character in cut)


@lru_cache(maxsize=4096)
def _visible(character: str) -> str:
    if character in JOINERS:
        return character
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return f"‹U+{ord(character):04X}›"
    return character


@lru_cache(maxsize=4096)
def name(dimension: Dimension, key: str) -> str:
    """What a key is called in English (CLDR), safe to show: `pt` Portuguese, `IN` India, a tag with its #."""
    if dimension == "language":
        found = UNKNOWN_LANGUAGES.get(key) or _english.languages.get(key.replace("-", "_"))
        return shown(found or key)
    if dimension == "region":
        return "unknown" if key == UNKNOWN_REGION else shown(_english.territories.get(key) or key)
    return shown(f"#{key}") if dimension == "hashtag" else shown(key)
