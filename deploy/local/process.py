"""A server's process, found in the table of processes by the mark that its command line carries.

No file with a pid: it can be stale, a pid is used again, and a process's start time moves when the clock is set.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

POLL_S: Final = 0.05


def mark(home: Path) -> str:
    """The argument by which a process is known as the server of this home. To a JVM it is a property like any other."""
    return f"-Dhashtide.home={home}"


def find(home: Path) -> psutil.Process | None:
    """The process of the server of this home, whoever started it, or None."""
    return next((process for process in psutil.process_iter() if runs(process, home)), None)


def runs(process: psutil.Process, home: Path) -> bool:
    """Whether this is, still, the process of the server of this home."""
    try:
        return mark(home) in process.cmdline()
    except psutil.Error:  # gone, a zombie, or somebody else's
        return False


def _is_alive(process: psutil.Process) -> bool:
    """Unlike `runs`, until the very end: a process that is ending loses its command line before it closes its ports."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def terminate(home: Path) -> None:
    """SIGTERM to the server of this home, which gets it even when it was stopped by SIGSTOP. Returns at once."""
    if process := find(home):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()


def kill(home: Path) -> None:
    """kill -9 to the server of this home. Blocks until it is gone."""
    while process := find(home):
        with suppress(psutil.NoSuchProcess):
            process.kill()
        wait(home, 1.0)


def wait(home: Path, seconds: float) -> bool:
    """Blocks until the server of this home is gone, or so long. Whether it is. A zombie, of any parent, is gone."""
    process, deadline = find(home), time.monotonic() + seconds
    while process and _is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
