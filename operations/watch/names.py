"""Display names of keys, and text that is safe to show. Pure.

All text from posts is hostile. HTML needs no escaping here: names are always shown as text.
"""

import unicodedata
from functools import lru_cache
from typing import Final, Literal

from babel import Locale

from hashtide.contract.names import UNKNOWN_REGION

Dimension = Literal["language", "region", "kind", "hashtag"]

LONGEST: Final = 48
"""Maximum length of a displayed name, in characters."""

JOINERS: Final = frozenset("\u200c\u200d")
"""Zero-width, but required in Persian, Hindi and many emoji (Unicode standard, 23.2, "Cursive connection")."""

UNKNOWN_LANGUAGES: Final = {"und": "undetermined", "zxx": "no words", "mul": "several languages"}

_english = Locale("en")


def shown(text: str) -> str:
    """The text on one short line, with invisible characters made visible.

    Controls, direction marks, overrides and isolates (UAX #9) and other invisible characters become ‹U+202E›, so that
    different hashtags look different. Right-to-left letters stay: isolate them where they are shown.
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
    """A key's English name (CLDR), safe to show: `pt` Portuguese, `IN` India, a hashtag with its #."""
    if dimension == "language":
        found = UNKNOWN_LANGUAGES.get(key) or _english.languages.get(key.replace("-", "_"))
        return shown(found or key)
    if dimension == "region":
        return "unknown" if key == UNKNOWN_REGION else shown(_english.territories.get(key) or key)
    return shown(f"#{key}") if dimension == "hashtag" else shown(key)
