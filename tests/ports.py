"""Free ports for tests that run beside each other.

A port that is free when it is picked can be taken before a server listens there. So each is given away once a run, to
whichever of its processes asks first: the claim is a file that all of them see.
"""

import os
from pathlib import Path
from typing import Final

from hashtide import ports

CLAIMED: Final = "TESTS_CLAIMED_PORTS"
"""The environment variable that names the folder of claims; tests/conftest.py sets it."""


def free_ports(count: int) -> tuple[int, ...]:
    """Different ports that are free, and that no other test of this run was given."""
    claims, given = Path(os.environ[CLAIMED]), list[int]()
    while len(given) < count:
        (port,) = ports.free_ports(1)
        try:
            (claims / str(port)).touch(exist_ok=False)
        except FileExistsError:
            continue
        given.append(port)
    return tuple(given)
