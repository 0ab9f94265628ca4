"""The benchmark machine: pinning to cores, resource usage, and a description."""

import contextlib
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import psutil

ROOT: Final = Path(__file__).parents[2]
WORKER_CORE: Final = 0
SAMPLE_S: Final = 0.2
PACKAGES: Final = ("aiokafka", "kafka-python", "faust-streaming", "elasticsearch", "msgspec")


class Usage(msgspec.Struct):
    """Resources used by a process and its children."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0


def pin(pid: int, cores: Sequence[int]) -> None:
    """Pin a process's threads, and threads started later, to these cores. Does nothing except on Linux."""
    if not hasattr(os, "sched_setaffinity"):
        return
    for thread in psutil.Process(pid).threads():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, cores)


def other_cores() -> list[int]:
    """All cores except the worker's; on a one-core machine, that core."""
    return [core for core in range(os.cpu_count() or 1) if core != WORKER_CORE] or [WORKER_CORE]


@contextlib.contextmanager
def pinned(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, core: int | None = WORKER_CORE
) -> Iterator[tuple["subprocess.Popen[bytes]", Usage]]:
    """Run a process on one core, or on any; yields it and its resource usage. Kills it and its children at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    if core is not None:
        pin(process.pid, [core])  # before it starts threads or children
    usage, ended = Usage(), threading.Event()
    sampler = threading.Thread(target=_sample, args=(psutil.Process(process.pid), usage, ended), daemon=True)
    sampler.start()
    try:
        yield process, usage
    finally:
        ended.set()
        sampler.join()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _sample(root: psutil.Process, usage: Usage, ended: threading.Event) -> None:
    cpu_s: dict[int, float] = {}
    while not ended.wait(SAMPLE_S):
        memory = 0
        with contextlib.suppress(psutil.Error):
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error), process.oneshot():
                    times = process.cpu_times()
                    cpu_s[process.pid] = times.user + times.system
                    memory += process.memory_info().rss
        usage.cpu_s = sum(cpu_s.values())
        usage.peak_mb = max(usage.peak_mb, memory / (1 << 20))


def calibration_us() -> float:
    """CPU time of 1,000 iterations of a plain loop, in microseconds: the base of the ratios."""
    started = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number & 7
    return (time.process_time() - started) * 1000


def described() -> str:
    """Date, machine and versions, in one line."""
    memory_gb = psutil.virtual_memory().total / (1 << 30)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_cpu()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, "
        f"{platform.system()}, Python {platform.python_version()}, {packages}"
    )


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or sys.platform
