"""One run of one contestant: its topic and index, its process on one core, and a check of its counts."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.contest.entry import Task
from benchmarks.harness.machine import ROOT, pinned
from benchmarks.harness.posts import Truth, digest, hashtag_payloads, truth
from benchmarks.harness.servers import CONTEST, Servers, until

PARTITIONS: Final = 4
TIMEOUT_S: Final = 600.0


class Contestant(msgspec.Struct, frozen=True):
    """A system and how it is run."""

    name: str
    module: str
    """Module below `benchmarks`, with its arguments."""
    share: float = 1.0
    """Share of the posts. Slow systems get fewer, so that a round takes minutes."""
    grace_ms: int = 49 * 3_600_000
    """Allowed lateness. The default drops nothing."""
    python: Path = Path(sys.executable)
    variables: Mapping[str, str] = {}
    notes: str = ""


class Result(msgspec.Struct, frozen=True):
    """The result of a run."""

    messages: int
    count_s: float
    sink_s: float
    late: int
    missing: int
    """Increments missing from the counts; below 0: too many were counted."""
    exact: bool
    """Whether all counts are in Elasticsearch and correct."""
    cpu_s: float
    """CPU seconds of the process while it counted."""
    peak_mb: float


class ContestantFailed(Exception):
    """A contestant gave no result. The message has the end of its log."""


class Field:
    """The topics that contestants read, made on first use, and the correct result of each."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._truths: dict[int, Truth] = {}

    def topic(self, posts: int) -> tuple[str, Truth]:
        """A topic with this number of posts, and its correct result."""
        name = f"payloads-{posts}"
        if posts not in self._truths:
            messages = list(hashtag_payloads(posts))
            self._servers.fill(name, PARTITIONS, messages)
            self._truths[posts] = truth(value for _, value in messages)
        return name, self._truths[posts]


def run(servers: Servers, field: Field, contestant: Contestant, posts: int) -> Result:
    """Let a contestant count its share of the posts. Blocks. Raises ContestantFailed."""
    topic, true = field.topic(int(posts * contestant.share))
    servers.wipe()
    number = time.time_ns()
    index, folder = f"{CONTEST}-{number}", servers.folder / f"contest-{number}"
    servers.index(index)
    folder.mkdir()
    result = folder / "result.json"
    task = Task(
        brokers=servers.kafka,
        topic=topic,
        partitions=PARTITIONS,
        messages=true.messages,
        counted=true.counted,
        elasticsearch=servers.elasticsearch,
        index=index,
        group=f"contest-{number}",
        folder=str(folder),
        result=str(result),
        grace_ms=contestant.grace_ms,
    )
    module, *arguments = contestant.module.split()
    environment = servers.environment(group=task.group, metrics_port="0") | task.variable()
    environment |= {"PYTHONPATH": str(ROOT), **contestant.variables}
    log = folder / "log"
    command: tuple[str | Path, ...] = (contestant.python, "-m", f"benchmarks.{module}", *arguments)
    with pinned(command, environment, log, servers.core) as (process, usage):
        try:
            until(lambda: result.exists() or process.poll() is not None, TIMEOUT_S)
        except TimeoutError as error:
            raise ContestantFailed(f"{contestant.name}: {error}: {_end(log)}") from None
    if not result.exists():
        raise ContestantFailed(f"{contestant.name} ended without a result: {_end(log)}")
    report = json.loads(result.read_text())
    counts = servers.counts(f"{index},reply-volume-*")
    return Result(
        messages=true.messages,
        count_s=report["count_s"],
        sink_s=report["sink_s"],
        late=report["late"],
        missing=true.counted - sum(counts.values()),
        exact=digest(counts) == true.digest,
        cpu_s=report["cpu_s"],
        peak_mb=usage.peak_mb,
    )


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]
