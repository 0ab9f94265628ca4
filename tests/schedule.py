"""The schedule of a parallel run (`pytest -n 4`): long tests first, then short ones file by file.

A worker of pytest-xdist starts its own stack when its first test needs one, so results do not depend on this module. It
only saves time: all workers should finish at about the same time.
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
"""Files of tests/integration with long tests that share only the stack: any worker can run any of them."""

TIERS: Final = ("integration", "contract", "abuse", "unit")
"""From the slowest to the fastest."""


def rank(nodeid: str) -> tuple[int, int]:
    """The position of a test in the run: lower is earlier."""
    path = PurePath(nodeid.partition("::")[0])
    tier = TIERS.index(path.parts[1]) if path.parts[1] in TIERS else len(TIERS)
    return tier, SINGLE.index(path.name) if tier == 0 and path.name in SINGLE else len(SINGLE)


def unit_of_work(nodeid: str) -> str:
    """The unit that one worker runs as a whole: a single test, or a file."""
    return nodeid if rank(nodeid) < (0, len(SINGLE)) else nodeid.partition("::")[0]


class LongestFirst(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Assigns units of work in collection order, which is the order of `rank`, to the next free worker."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of_work(nodeid)
