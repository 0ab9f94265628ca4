"""docs/abuse.md says what is bounded, and by how much: its table is held against the code and the settings."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from hashtide.settings import described
from producers.settings import ProducerSettings
from stream_jobs.settings import StreamSettings

UNITS = {"MiB": 1 << 20}
SETTINGS = {each.name: each.default for kind in (ProducerSettings, StreamSettings) for each in described(kind)}
ROW = re.compile(r"\| (?P<what>[^|]+) \| (?P<number>[\d,]+)(?: (?P<unit>\w+))? \| `(?P<name>[\w.]+)` \| [^|]+ \|")
TABLE = [
    found
    for line in (Path(__file__).parents[2] / "docs/abuse.md").read_text().splitlines()
    if (found := ROW.match(line))
]


def test_all_of_the_table_is_read() -> None:
    assert len(TABLE) == 31


@pytest.mark.parametrize("row", TABLE, ids=[row["name"] for row in TABLE])
def test_a_bound_is_what_the_page_says(row: re.Match[str]) -> None:
    said = int(row["number"].replace(",", "")) * UNITS.get(row["unit"], 1)
    if row["name"].startswith("HASHTIDE_"):
        assert str(SETTINGS[row["name"]]) == str(said)
    else:
        module, _, name = row["name"].rpartition(".")
        assert getattr(import_module(module), name) == said
