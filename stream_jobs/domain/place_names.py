"""The look-up key of a place name.

The table (`data/places.py`) maps keys to values. A value lists what a name can mean:

    2GB CA US    countries, most likely first; the digit is the name's worth on its own
    2?GE US      the same, but no country is likely enough without further evidence

Worth: 3 a country or a name with no other meaning, 2 a state, province or large city, 1 a smaller city.
"""

import re
import unicodedata
from typing import Final

_DROPPED: Final = re.compile("[\u0300-\u036f\u064b-\u0655\u0640'’ʻ`´.]")
_SPACED: Final = re.compile(r"[\s_\-‐–—,]+")
_SAME: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d", "ə": "e"}
    | {"ٱ": "ا"} | {"ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ۀ": "ه", "ە": "ه"}
)  # fmt: skip


def key_of(name: str) -> str:
    """The key of a name: lower case, without accents, dots and apostrophes; one form for each Arabic letter."""
    if name.isascii():
        return " ".join(_SPACED.sub(" ", _DROPPED.sub("", name.lower().replace("&", " and "))).split())
    folded = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold().translate(_SAME)
    return " ".join(_SPACED.sub(" ", unicodedata.normalize("NFC", _DROPPED.sub("", folded))).split())
