"""Place tables, read from package data and the time zone database. Reads files.

`make_place_table` makes the name table, shipped as `place_names.txt.xz`: one line per value, with the value and then
its keys, tab-separated. `domain/place_names.py` explains the values.
"""

import lzma
from importlib.resources import files
from typing import Final

TABLE: Final = "place_names.txt.xz"


def read_table() -> dict[str, str]:
    """Key -> value, for all names. Reads the shipped file: 0.2 s, 20 MB."""
    table: dict[str, str] = {}
    with (files(__package__) / TABLE).open("rb") as packed, lzma.open(packed) as lines:
        for line in lines:
            value, *keys = line.decode("utf-8").rstrip("\n").split("\t")
            table.update(dict.fromkeys(keys, value))
    return table


def write_table(table: dict[str, str]) -> bytes:
    """The file content for `read_table`. Deterministic."""
    keys_of: dict[str, list[str]] = {}
    for key in sorted(table):
        keys_of.setdefault(table[key], []).append(key)
    lines = ("\t".join((value, *keys_of[value])) for value in sorted(keys_of))
    return lzma.compress("\n".join(lines).encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)


def country_of_zone() -> dict[str, str]:
    """Time zone -> country, for every zone inside a country: `zone.tab` of the time zone database."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
