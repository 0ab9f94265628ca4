"""PyFlink: a bounded read of the topic in batch mode, a Python table function, GROUP BY, counts through files."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment  # type: ignore[import-not-found]
from pyflink.table.udf import udtf  # type: ignore[import-not-found]

from benchmarks.contest.entry import FLINK_JAR, Stopwatch, Task
from benchmarks.harness import job

POSTS = """
    CREATE TABLE posts (payload BYTES) WITH (
        'connector' = 'kafka', 'format' = 'raw', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
        'properties.group.id' = '{group}',
        'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')
"""
COUNTS = """
    CREATE TABLE counts (window_ms BIGINT, tag STRING, lang STRING, region STRING, total BIGINT) WITH (
        'connector' = 'filesystem', 'format' = 'json', 'path' = 'file://{path}')
"""
COUNT = """
    INSERT INTO counts SELECT window_ms, tag, lang, region, COUNT(*)
    FROM posts, LATERAL TABLE(increments(payload)) AS increment(window_ms, tag, lang, region)
    GROUP BY window_ms, tag, lang, region
"""


def increments(payload: bytes) -> Iterator[job.Key]:
    """Flink's table function."""
    yield from job.keys(bytes(payload))


def main() -> None:
    """Count the topic."""
    task, watch = Task.given(), Stopwatch()
    tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    options = tables.get_config()
    options.set("pipeline.jars", f"file://{os.environ[FLINK_JAR]}")
    options.set("parallelism.default", "1")
    options.set("python.fn-execution.bundle.size", "10000")
    types = [DataTypes.BIGINT(), DataTypes.STRING(), DataTypes.STRING(), DataTypes.STRING()]
    tables.create_temporary_function("increments", udtf(increments, result_types=types))
    path = Path(task.folder) / "counts"
    tables.execute_sql(POSTS.format(topic=task.topic, brokers=task.brokers, group=task.group))
    tables.execute_sql(COUNTS.format(path=path))
    watch.first()  # includes the job's submission, 1-2 s: the JVM does not report the first record
    tables.execute_sql(COUNT).wait()
    watch.counted()
    counts: dict[job.Key, int] = {}
    for file in path.iterdir():
        for line in file.read_text().splitlines():
            row = json.loads(line)
            counts[row["window_ms"], row["tag"], row["lang"], row["region"]] = row["total"]
    watch.finish(task, counts)


if __name__ == "__main__":
    main()
