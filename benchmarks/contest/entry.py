"""Shared by all contestants: the task, the stopwatch, and the sink. Needs only msgspec and elasticsearch."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

from elasticsearch import Elasticsearch

from benchmarks.harness.job import Key

VARIABLE = "CONTEST_TASK"
FLINK_JAR = "CONTEST_FLINK_JAR"
"""Environment variable with the path of PyFlink's Kafka connector jar."""
BULK_DOCUMENTS = 5_000
FETCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Task:
    """One run."""

    brokers: str
    topic: str
    partitions: int
    messages: int
    """Number of messages in the topic."""
    counted: int
    """Number of increments that they make."""
    elasticsearch: str
    index: str
    group: str
    folder: str
    """For the system's files."""
    result: str
    """File for the result."""
    grace_ms: int
    """Allowed lateness, for systems with a watermark."""

    def variable(self) -> dict[str, str]:
        """For the environment of the contestant's process."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def given(cls) -> Self:
        """The task of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))


class Stopwatch:
    """Times from the first record received to the last one counted; then the sink, separately."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._counted: tuple[float, float] | None = None

    def first(self) -> None:
        """The first record was received. Later calls do nothing."""
        if self._first is None:
            self._first = time.perf_counter(), time.process_time()

    def counted(self) -> None:
        """The last record was counted."""
        self._counted = time.perf_counter(), time.process_time()

    def finish(self, task: Task, counts: Mapping[Key, int] | None, late: int = 0) -> None:
        """Write counts to the sink (None: already written), and the result to its file."""
        assert self._first is not None and self._counted is not None
        started = time.perf_counter()
        if counts is not None:
            write(task, counts)
        result = {
            "count_s": self._counted[0] - self._first[0],
            "cpu_s": self._counted[1] - self._first[1],
            "sink_s": time.perf_counter() - started,
            "late": late,
        }
        temporary = Path(task.result + ".aside")
        temporary.write_text(json.dumps(result))
        temporary.rename(task.result)


def write(task: Task, counts: Mapping[Key, int]) -> None:
    """Index all counts in bulks, with ids made from their keys. Raises RuntimeError if any is refused."""
    lines = _lines(counts)
    with Elasticsearch(task.elasticsearch, request_timeout=120) as client:
        while part := list(islice(lines, 2 * BULK_DOCUMENTS)):
            if client.bulk(operations=part, index=task.index, filter_path="errors")["errors"]:
                raise RuntimeError("Elasticsearch refused counts")


def _lines(counts: Mapping[Key, int]) -> Iterator[Any]:
    for (window_ms, tag, language, region), count in counts.items():
        yield {"index": {"_id": f"{window_ms}|{tag}|{language}|{region}"}}
        yield {"@timestamp": window_ms, "tag": tag, "language": language, "region": region, "count": count}
