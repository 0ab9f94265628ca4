"""The machine under the benchmarks: who runs on which core, what a process took, and what it all was."""

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
    """What a process and its children took."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0


def pin(pid: int, cores: Sequence[int]) -> None:
    """Keep all threads of a process on these cores, and those that they will start. Does nothing but on Linux."""
    if not hasattr(os, "sched_setaffinity"):
        return
    for thread in psutil.Process(pid).threads():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, cores)


def other_cores() -> list[int]:
    """All cores but the worker's; on a machine with one, that one."""
    return [core for core in range(os.cpu_count() or 1) if core != WORKER_CORE] or [WORKER_CORE]


@contextlib.contextmanager
def pinned(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, core: int | None = WORKER_CORE
) -> Iterator[tuple["subprocess.Popen[bytes]", Usage]]:
    """A process on one core, or any, and what it takes while it runs. Leaving kills it, and all that it started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    if core is not None:
        pin(process.pid, [core])  # before it has started a thread or a child
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
    """Processor time of a thousand turns of a plain loop: what other figures are put into relation to."""
    started = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number & 7
    return (time.process_time() - started) * 1000


def described() -> str:
    """The machine, the versions and the day, in a line."""
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
