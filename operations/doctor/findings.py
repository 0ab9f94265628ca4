"""The result of a check: its state, what is wrong, and what to do."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

State = Literal["ok", "warning", "wrong", "not checked"]
"""ok: well. warning: look in the morning. wrong: counts are missing or wrong, or soon will be. not checked: unknown."""
STATES: Final[tuple[State, ...]] = ("wrong", "warning", "not checked", "ok")


class Finding(msgspec.Struct, frozen=True):
    """One line of output. A check may have several."""

    check: str
    state: State
    says: str
    do: str = ""
    """The remedy. Empty if all is well."""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def warning(check: str, says: str, do: str) -> Finding:
    """Nothing is lost or wrong yet."""
    return Finding(check, "warning", says, do)


def wrong(check: str, says: str, do: str) -> Finding:
    """Hashtide does not work, or will soon stop working."""
    return Finding(check, "wrong", says, do)


def not_checked(check: str, why: str, do: str = "") -> Finding:
    """The check could not run."""
    return Finding(check, "not checked", why, do)


def findings_or(found: list[Finding], otherwise: Finding) -> list[Finding]:
    """The findings; `otherwise` if there are none."""
    return found or [otherwise]


def tally(findings: Iterable[Finding]) -> dict[State, int]:
    """Number of findings per state."""
    counted = Counter(finding.state for finding in findings)
    return {state: counted[state] for state in STATES}
