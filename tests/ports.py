"""Free ports for tests that run in parallel.

A port that is free when picked can be taken before a server listens on it. So each port is given out once per run, to
the first process that asks: the claim is a file visible to all processes of the run.
"""

import os
from pathlib import Path
from typing import Final

from hashtide import ports

CLAIMED: Final = "TESTS_CLAIMED_PORTS"
"""The environment variable that names the folder of claims; tests/conftest.py sets it."""


def free_ports(count: int) -> tuple[int, ...]:
    """Distinct free ports that no other test of this run has."""
    claims, given = Path(os.environ[CLAIMED]), list[int]()
    while len(given) < count:
        (port,) = ports.free_ports(1)
        try:
            (claims / str(port)).touch(exist_ok=False)
        except FileExistsError:
            continue
        given.append(port)
    return tuple(given)
