"""One run of one contestant: its topic and index, its process on one core, and whether its counts are true."""

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
from hashtide.contract.names import POSTS_ENRICHED

PARTITIONS: Final = 4
TIMEOUT_S: Final = 600.0


class Contestant(msgspec.Struct, frozen=True):
    """A system, and how it is run."""

    name: str
    module: str
    """Below `benchmarks`, with its arguments."""
    share: float = 1.0
    """Of the posts: slow ones get fewer, so that a round takes minutes."""
    grace_ms: int = 49 * 3_600_000
    """Lateness that it is told to allow; by default all that there is."""
    python: Path = Path(sys.executable)
    variables: Mapping[str, str] = {}
    notes: str = ""


class Result(msgspec.Struct, frozen=True):
    """What came of a run."""

    messages: int
    count_s: float
    sink_s: float
    late: int
    missing: int
    """Increments that are in no count; below 0: too many."""
    exact: bool
    """Whether Elasticsearch holds every count, and each is right."""
    cpu_s: float
    """Of the process itself, while it counted."""
    peak_mb: float


class ContestantFailed(Exception):
    """A contestant gave no result. The message has the end of its log."""


class Field:
    """The topics that contestants read, made where they are first asked for, and the truth about each."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._truths: dict[int, Truth] = {}

    def topic(self, posts: int) -> tuple[str, Truth]:
        """A topic of so many posts, and what must come out of it."""
        name = f"payloads-{posts}"
        if posts not in self._truths:
            messages = list(hashtag_payloads(posts))
            self._servers.fill(name, PARTITIONS, messages)
            self._truths[posts] = truth(value for _, value in messages)
        return name, self._truths[posts]


def run(servers: Servers, field: Field, contestant: Contestant, posts: int) -> Result:
    """Have a contestant count its share of the posts. Blocks. Raises ContestantFailed."""
    topic, true = field.topic(int(posts * contestant.share))
    servers.wipe()
    servers.renew(POSTS_ENRICHED, PARTITIONS)
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
    said = json.loads(result.read_text())
    counts = servers.counts(f"{index},reply-volume-*")
    return Result(
        messages=true.messages,
        count_s=said["count_s"],
        sink_s=said["sink_s"],
        late=said["late"],
        missing=true.counted - sum(counts.values()),
        exact=digest(counts) == true.digest,
        cpu_s=said["cpu_s"],
        peak_mb=usage.peak_mb,
    )


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]
