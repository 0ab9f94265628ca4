"""Names of places: the key under which a spelling is looked up, and the table from keys to countries.

The table is made by `make_place_table` and shipped as `place_names.txt.xz`: one line for each value, the value first,
then its keys, tab-separated. A value is what a name can mean:

    2GB CA US    countries, likeliest first; the digit is how much the name is worth on its own
    2?GE US      the same, but none of them is likely enough without more to go by

Worth: 3 a country or a name that is nothing else, 2 a state, province or large city, 1 a smaller city.
"""

import lzma
import re
import unicodedata
from importlib.resources import files
from typing import Final

TABLE: Final = "place_names.txt.xz"

_DROPPED: Final = re.compile("[\u0300-\u036f\u064b-\u0655\u0640'’ʻ`´.]")
_SPACED: Final = re.compile(r"[\s_\-‐–—,]+")
_SAME: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d", "ə": "e"}
    | {"ٱ": "ا"} | {"ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ۀ": "ه", "ە": "ه"}
)  # fmt: skip


def key_of(name: str) -> str:
    """The key of a name: small letters without accents, dots and apostrophes; one form for each letter of Arabic."""
    if name.isascii():
        return " ".join(_SPACED.sub(" ", _DROPPED.sub("", name.lower().replace("&", " and "))).split())
    folded = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold().translate(_SAME)
    return " ".join(_SPACED.sub(" ", unicodedata.normalize("NFC", _DROPPED.sub("", folded))).split())


def read_table() -> dict[str, str]:
    """All keys with their values. Reads the shipped file: 0.2 s, 20 MB."""
    table: dict[str, str] = {}
    with (files(__package__) / TABLE).open("rb") as packed, lzma.open(packed) as lines:
        for line in lines:
            value, *keys = line.decode("utf-8").rstrip("\n").split("\t")
            table.update(dict.fromkeys(keys, value))
    return table


def write_table(table: dict[str, str]) -> bytes:
    """The bytes of the file that `read_table` reads, the same for the same table."""
    keys_of: dict[str, list[str]] = {}
    for key in sorted(table):
        keys_of.setdefault(table[key], []).append(key)
    lines = ("\t".join((value, *keys_of[value])) for value in sorted(keys_of))
    return lzma.compress("\n".join(lines).encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)
