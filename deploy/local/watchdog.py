"""Cleans up when a stack's owner is killed: ends the servers and removes the folder.

    python -m deploy.local.watchdog FOLDER HOME...

The owner holds the other end of stdin and writes `DONE` after it has cleaned up itself. When it ends, for any reason,
the system closes the pipe.
"""

import shutil
import sys
import time
from pathlib import Path
from typing import Final

from deploy.local.process import kill

DONE: Final = b"done"
LATE_SERVER_S: Final = 0.5  # a server that was starting when the owner was killed appears within this time


def main(folder: Path, homes: list[Path]) -> None:
    """Blocks until stdin closes."""
    if sys.stdin.buffer.read() == DONE:
        return
    for _ in range(2):
        for home in homes:
            kill(home)
        time.sleep(LATE_SERVER_S)
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(home) for home in sys.argv[2:]])
