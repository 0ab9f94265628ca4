"""What every contestant shares: its task, its stopwatch, and the sink. Needs msgspec and elasticsearch alone."""

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
"""Environment variable with the path of the jar of PyFlink's Kafka connector."""
BULK_DOCUMENTS = 5_000
FETCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Task:
    """One run."""

    brokers: str
    topic: str
    partitions: int
    messages: int
    """How many the topic holds."""
    counted: int
    """How many increments they make."""
    elasticsearch: str
    index: str
    group: str
    folder: str
    """For whatever the system keeps on disk."""
    result: str
    """File for the result."""
    grace_ms: int
    """Lateness that systems with a watermark are to allow."""

    def variable(self) -> dict[str, str]:
        """For the environment of the contestant's process."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def given(cls) -> Self:
        """The task of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))


class Stopwatch:
    """From the first record in hand to the last one counted; then the sink, timed apart."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._counted: tuple[float, float] | None = None

    def first(self) -> None:
        """The first record is in hand. Called again, nothing."""
        if self._first is None:
            self._first = time.perf_counter(), time.process_time()

    def counted(self) -> None:
        """The last record is counted."""
        self._counted = time.perf_counter(), time.process_time()

    def finish(self, task: Task, counts: Mapping[Key, int] | None, late: int = 0) -> None:
        """Write counts to the sink (None: they are there already), and the result to its file."""
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
        aside = Path(task.result + ".aside")
        aside.write_text(json.dumps(result))
        aside.rename(task.result)


def write(task: Task, counts: Mapping[Key, int]) -> None:
    """Index every count, in bulks, under an id made of its key. Raises RuntimeError where any is refused."""
    lines = _lines(counts)
    with Elasticsearch(task.elasticsearch, request_timeout=120) as client:
        while part := list(islice(lines, 2 * BULK_DOCUMENTS)):
            if client.bulk(operations=part, index=task.index, filter_path="errors")["errors"]:
                raise RuntimeError("Elasticsearch refused counts")


def _lines(counts: Mapping[Key, int]) -> Iterator[Any]:
    for (window_ms, tag, language, region), count in counts.items():
        yield {"index": {"_id": f"{window_ms}|{tag}|{language}|{region}"}}
        yield {"@timestamp": window_ms, "tag": tag, "language": language, "region": region, "count": count}
