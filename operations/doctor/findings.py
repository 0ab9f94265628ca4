"""What a check says: how it stands, what was seen, and what to do."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

State = Literal["ok", "warning", "wrong", "not checked"]
"""Well; somebody should look in the morning; counts are missing or wrong, or soon will be; nobody can tell."""
STATES: Final[tuple[State, ...]] = ("wrong", "warning", "not checked", "ok")


class Finding(msgspec.Struct, frozen=True):
    """One line of the answer. A check may have several."""

    check: str
    state: State
    says: str
    do: str = ""
    """What helps. Empty where all is well."""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def warning(check: str, says: str, do: str) -> Finding:
    """Nothing is lost or wrong yet."""
    return Finding(check, "warning", says, do)


def wrong(check: str, says: str, do: str) -> Finding:
    """Hashtide does not work like this, or not for long."""
    return Finding(check, "wrong", says, do)


def not_checked(check: str, why: str, do: str = "") -> Finding:
    """Nobody can tell."""
    return Finding(check, "not checked", why, do)


def unless(found: list[Finding], otherwise: Finding) -> list[Finding]:
    """What was found, or that all is well."""
    return found or [otherwise]


def tally(findings: Iterable[Finding]) -> dict[State, int]:
    """How many of each state."""
    counted = Counter(finding.state for finding in findings)
    return {state: counted[state] for state in STATES}
