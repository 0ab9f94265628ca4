"""A server's process, found in the process table by a mark on its command line.

A pid file is not reliable: it can be stale, pids are reused, and a process's start time changes when the clock is set.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

POLL_S: Final = 0.05


def mark(home: Path) -> str:
    """The argument that identifies the server of this home. For a JVM it is an ordinary property."""
    return f"-Dhashtide.home={home}"


def find(home: Path) -> psutil.Process | None:
    """The process of the server of this home, no matter who started it; None if there is none."""
    return next((process for process in psutil.process_iter() if runs(process, home)), None)


def runs(process: psutil.Process, home: Path) -> bool:
    """Whether this is still the process of the server of this home."""
    try:
        return mark(home) in process.cmdline()
    except psutil.Error:  # ended, a zombie, or another user's
        return False


def _is_alive(process: psutil.Process) -> bool:
    """Whether the process still exists. Unlike `runs`, true until its end: an ending process loses its command line
    before it closes its ports."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def terminate(home: Path) -> None:
    """Send SIGTERM to the server of this home, also if SIGSTOP has stopped it. Does not block."""
    if process := find(home):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()


def kill(home: Path) -> None:
    """Kill the server of this home with SIGKILL. Blocks until it has ended."""
    while process := find(home):
        with suppress(psutil.NoSuchProcess):
            process.kill()
        wait(home, 1.0)


def wait(home: Path, seconds: float) -> bool:
    """Wait up to `seconds` until the server of this home has ended; returns whether it has. Blocks. A zombie counts as
    ended."""
    process, deadline = find(home), time.monotonic() + seconds
    while process and _is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
