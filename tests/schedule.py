"""How a run in parallel (`pytest -n 4`) is shared out: long tests first, and short ones file by file.

A worker of pytest-xdist starts a stack of its own when its first test asks for one, so nothing here is needed for a
right result. It is about time: the last worker should end when the others do.
"""

from pathlib import PurePath
from typing import Final

from xdist.scheduler import LoadScopeScheduling

SINGLE: Final = (
    "test_outage_logs.py",
    "test_failures.py",
    "test_end_to_end.py",
    "test_dlq.py",
    "test_retention.py",
    "test_local_stack.py",
    "test_upgrades.py",
    "test_alerting.py",
    "test_privacy.py",
    "test_metrics.py",
    "test_sources.py",
    "test_verify.py",
)
"""Files of tests/integration whose tests are long and share nothing but the stack: any worker may take any of them."""

TIERS: Final = ("integration", "contract", "abuse", "unit")
"""From the slowest to the fastest."""


def rank(nodeid: str) -> tuple[int, int]:
    """Where a test stands in the run: the lower, the earlier."""
    path = PurePath(nodeid.partition("::")[0])
    tier = TIERS.index(path.parts[1]) if path.parts[1] in TIERS else len(TIERS)
    return tier, SINGLE.index(path.name) if tier == 0 and path.name in SINGLE else len(SINGLE)


def unit_of_work(nodeid: str) -> str:
    """What one worker takes as a whole: a test of its own, or a file."""
    return nodeid if rank(nodeid) < (0, len(SINGLE)) else nodeid.partition("::")[0]


class LongestFirst(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Units of work in the order of the collection, which is that of `rank`: each to the next worker that is free."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of_work(nodeid)
