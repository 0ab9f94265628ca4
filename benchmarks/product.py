"""The real product, timed from outside: a worker on one core, and its committed offsets."""

import contextlib
import http.client
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.harness.machine import WORKER_CORE, Usage, pinned
from benchmarks.harness.posts import HOURS, SEED
from benchmarks.harness.servers import Servers, until
from hashtide.contract.names import POSTS_RAW
from hashtide.kafka.offsets import Offsets
from hashtide.ports import free_ports

HASHTIDE = (sys.executable, "-m", "operations.cli")
WORKER = (*HASHTIDE, "worker")
STAMPED = (sys.executable, "-m", "benchmarks.ours", "stamped")
NO_LEDGER = (sys.executable, "-m", "benchmarks.ours", "no-ledger")

SETTLE_S = 900.0
POLL_S = 0.1


class Drained(msgspec.Struct, frozen=True):
    """The result of processing a backlog."""

    seconds: float
    """From the first worker's assignment to the last commit."""
    cpu_s: float
    """CPU seconds of all workers in that time."""
    peak_mb: float
    """Sum of all workers' peak memory."""


class WorkerFailed(Exception):
    """A worker ended before its work was done. The message has its log."""


def produce_campaign(servers: Servers, posts: int, hours: int = HOURS) -> None:
    """Write a made-up campaign to posts.raw with `hashtide produce campaign`. Blocks."""
    command = (*HASHTIDE, "produce", "campaign", f"--posts={posts}", f"--seed={SEED}", f"--hours={hours}")
    subprocess.run(command, env=servers.environment(), check=True, capture_output=True)


def drain(
    servers: Servers, *, command: Sequence[str] = WORKER, cores: Sequence[int | None] = (WORKER_CORE,), **settings: str
) -> Drained:
    """Process all of posts.raw into an empty Elasticsearch, with one worker for each of `cores`. Blocks.

    Raises WorkerFailed, TimeoutError.
    """
    servers.wipe()
    settings["group"] = f"bench-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as running, Offsets(servers.settings(**settings)) as offsets:
        workers = [running.enter_context(worker(servers, command, core, **settings)) for core in cores]
        until(lambda: any(each.ready() for each in workers), timeout_s=SETTLE_S, poll_s=0.02)
        started, cpu_before_s = time.monotonic(), sum(each.usage.cpu_s for each in workers)

        def done() -> bool:
            for each in workers:
                each.check()
            return offsets.behind(POSTS_RAW) == 0

        until(done, SETTLE_S, POLL_S)
        seconds = time.monotonic() - started
        usages = [each.usage for each in workers]
        cpu_s = sum(usage.cpu_s for usage in usages) - cpu_before_s
        return Drained(seconds, cpu_s, sum(usage.peak_mb for usage in usages))


class Worker:
    """A running worker."""

    def __init__(self, process: "subprocess.Popen[bytes]", usage: Usage, port: int, log: Path) -> None:
        self.usage = usage
        self._process, self._port, self.log = process, port, log

    def ready(self) -> bool:
        """Whether it has partitions. Raises WorkerFailed."""
        self.check()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def check(self) -> None:
        """Raise WorkerFailed if it has ended."""
        if self._process.poll() is not None:
            raise WorkerFailed(self.log.read_text(errors="replace")[-2000:])


@contextlib.contextmanager
def worker(
    servers: Servers, command: Sequence[str] = WORKER, core: int | None = WORKER_CORE, **settings: str
) -> Iterator[Worker]:
    """Run a worker on one core, or on any. Kills it at the end."""
    (port,) = free_ports(1)
    log = servers.folder / f"worker-{port}.log"
    environment = servers.environment(metrics_port=str(port), **settings)
    with pinned(command, environment, log, core) as (process, usage):
        yield Worker(process, usage, port, log)
