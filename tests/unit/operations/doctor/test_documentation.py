"""docs/doctor.md tells of every check, and of no other; and --json has the keys that it says."""

import re

import msgspec
from click.testing import CliRunner

from operations.cli.doctor import doctor
from operations.doctor import examine
from operations.doctor.findings import STATES
from tests.paths import ROOT

DOCUMENT = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
IN_ORDER = (
    "settings",
    "versions",
    *examine.OF_SETTINGS,
    examine.CONNECTIONS[0],
    *examine.OF_KAFKA,
    examine.CONNECTIONS[1],
    *examine.OF_ELASTICSEARCH,
)


def first_column(part: str) -> list[str]:
    """What the rows of a section's tables begin with, of those that begin with code."""
    (section,) = re.findall(rf"^## {part}$(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_every_check_is_explained_in_its_order() -> None:
    explained = first_column("This machine") + first_column("Kafka") + first_column("Elasticsearch")
    assert tuple(each for each in explained if each != "setup") == IN_ORDER


def test_what_json_holds_is_what_is_documented() -> None:
    wrong = {"HASHTIDE_KAFKA": "nowhere"}  # asks no server
    done = CliRunner().invoke(doctor, ["--json"], env=wrong)
    assert done.exit_code == 1
    reported = msgspec.json.decode(done.stdout)
    keys = [*reported, *reported["checks"][0]]
    assert keys == first_column("--json") == ["counts", "checks", "check", "state", "says", "do"]
    assert tuple(reported["counts"]) == STATES
    assert [each["check"] for each in reported["checks"]] == list(IN_ORDER)
    assert [each["state"] for each in reported["checks"]].count("wrong") == reported["counts"]["wrong"] == 1
