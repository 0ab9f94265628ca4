"""What cleans up when a stack's owner is killed: ends the servers and removes the folder.

    python -m deploy.local.watchdog FOLDER HOME...

The owner holds the other end of stdin and writes `DONE` when it has cleaned up itself. However it ends, the system
closes that pipe.
"""

import shutil
import sys
import time
from pathlib import Path
from typing import Final

from deploy.local.process import kill

DONE: Final = b"done"
LATECOMER_S: Final = 0.5  # a server that the owner was just starting when it was killed shows within this time


def main(folder: Path, homes: list[Path]) -> None:
    """Blocks until stdin closes."""
    if sys.stdin.buffer.read() == DONE:
        return
    for _ in range(2):
        for home in homes:
            kill(home)
        time.sleep(LATECOMER_S)
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(home) for home in sys.argv[2:]])
