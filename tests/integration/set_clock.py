"""`hashtide`, whose log measures outages by a clock that a test sets: `python -m tests.integration.set_clock worker`.

TEST_CLOCK=PATH   the file that holds the time, in seconds. Each reading adds a byte to PATH.PID: an outage reads its
                  clock once for each try that failed.
"""

import os
from functools import partial
from pathlib import Path
from unittest.mock import patch

from hashtide import outages
from operations.cli import main as command_line


class Clock:
    """What the test does with the clock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(self, seconds: float) -> None:
        """It stands still at this time until it is set again."""
        new = self.path.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.path)

    def readings(self, pid: int) -> int:
        """How often a process has read it."""
        path = _readings(self.path, pid)
        return path.stat().st_size if path.exists() else 0


def _readings(path: Path, pid: int) -> Path:
    return path.with_name(f"{path.name}.{pid}")


def main(path: Path) -> None:
    """Run the command line with this clock."""

    def monotonic() -> float:
        with _readings(path, os.getpid()).open("ab") as file:
            file.write(b".")
        return float(path.read_text())

    with patch.object(outages, "Outage", partial(outages.Outage, monotonic=monotonic)):
        command_line.main()


if __name__ == "__main__":
    main(Path(os.environ["TEST_CLOCK"]))
