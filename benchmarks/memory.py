"""Memory of a worker with a large backlog, and its start time: `python -m benchmarks.memory --posts N`.

Uses separate servers. Measures the start with one post in the pipeline (median of several starts). Then fills posts.raw
with N posts, lets one worker with default settings process them for at most `--seconds`, and samples its RSS. All posts
have different texts, a few have coordinates, and none has a language: caches fill up, and all data is loaded.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import click
import psutil
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.harness import table
from benchmarks.harness.table import Row
from benchmarks.quality.sets import languages, profiles
from deploy.local import stack
from hashtide.contract.messages import Post, encode
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch import templates
from hashtide.kafka import topics
from hashtide.ports import free_ports
from hashtide.settings import load
from stream_jobs.settings import StreamSettings

PART: Final = "memory"
HOW: Final = "One worker with default settings and all 4 partitions, Kafka and Elasticsearch on the same machine."
DIFFERENT = 200_000
"""Posts that differ in more than id and time: more than any of the worker's caches can hold."""
START_MS = 1_508_025_600_000  # 2017-10-15T00:00:00Z
SPAN_MS = 48 * 60 * 60 * 1000
ID, TIME = "0" * 15, 1_000_000_000_000  # placeholders
POLL_S = 0.05
SAMPLE_S = 1.0
MIB = 1 << 20

Halves = tuple[bytes, bytes]


class Start(NamedTuple):
    """Seconds from a worker's exec until it has partitions and until its first post is counted, and its CPU seconds."""

    assigned: float
    counted: float
    cpu: float


class Sample(NamedTuple):
    """A worker's state at one time."""

    at_s: float
    counted: int
    rss: int


@click.command()
@click.option("--posts", default=500_000, show_default=True, help="Backlog of posts.")
@click.option("--seconds", default=3600.0, show_default=True, help="Longest time to process them.")
@click.option("--starts", default=3, show_default=True, help="Number of starts to measure.")
@click.option("--write", is_flag=True, help="Write the result to docs/performance.md.")
def main(posts: int, seconds: float, starts: int, write: bool) -> None:
    """Measure the memory of a worker with a large backlog, and its start time."""
    rows = measure(posts, seconds, starts)
    table.show(rows)
    if write:
        table.write(PART, rows, HOW)


def measure(posts: int, seconds: float, starts: int) -> list[Row]:
    """Measure both. Blocks."""
    with tempfile.TemporaryDirectory(prefix="hashtide-memory-") as name:
        folder = Path(name)
        say("starting Kafka and Elasticsearch")
        with stack.running(folder / "stack") as addresses:
            environment = clean_environment(folder) | {
                "HASHTIDE_KAFKA": addresses.kafka,
                "HASHTIDE_ELASTICSEARCH": addresses.elasticsearch,
                "HASHTIDE_STATE_DIR": str(folder / "state"),
            }
            settings = load(StreamSettings, environment)
            topics.setup(settings)
            templates.setup(settings.elasticsearch)
            asyncio.run(fill(settings, pool(1), 1))
            started = [start(environment, folder) for _ in range(starts + 1)][1:]  # the first start compiles bytecode
            asyncio.run(fill(settings, pool(DIFFERENT), posts))
            with worker(environment, folder) as (process, port):
                samples = list(watch(process, port, posts, seconds))
                peak = peak_rss(process.pid) or max(each.rss for each in samples)
    last = samples[-1]
    notes = f"{posts:,} posts behind; {last.counted:,} counted in {last.at_s:.0f} s"
    rows = [
        Row(PART, "start: partitions assigned", "s", [each.assigned for each in started]),
        Row(PART, "start: first post counted", "s", [each.counted for each in started]),
        Row(PART, "start: processor time until then", "s", [each.cpu for each in started]),
    ]
    for share in (0.1, 0.5, 1.0):
        then = next(each for each in samples if each.counted >= share * last.counted)
        rows.append(Row(PART, f"RSS at {share:.0%} of the posts counted", "MiB", [then.rss / MIB]))
    return [*rows, Row(PART, "RSS at its highest", "MiB", [peak / MIB], notes=notes)]


def pool(size: int) -> list[Halves]:
    """Different encoded posts, each split where its id and time are inserted."""
    chance = random.Random(7)
    texts, places = [text.split() for _, text in languages()], [text for _, text in profiles()]
    mark = f'"post_id":"{ID}","created_at_ms":{TIME}'.encode()
    halves: list[Halves] = []
    for number in range(size):
        one, other = chance.choice(texts), chance.choice(texts)  # halves of two
        words = (*one[: len(one) // 2 + 1], *other[len(other) // 2 :])
        post = Post(
            platform="x",
            post_id=ID,
            created_at_ms=TIME,
            text=f"{' '.join(words)} #MeToo #tag{int(5000 * chance.random() ** 3)} {number}",
            author=f"{chance.getrandbits(256):064x}",
            in_reply_to=ID if chance.random() < 0.5 else None,
            location=f"{chance.choice(places)} {number}" if chance.random() < 0.6 else None,
            coordinates=(chance.uniform(-180, 180), chance.uniform(-60, 70)) if chance.random() < 0.01 else None,
            source="campaign",
        )
        before, _, after = encode(post).partition(mark)
        halves.append((before, after))
    return halves


async def fill(settings: StreamSettings, halves: list[Halves], posts: int) -> None:
    """Write `posts` posts to posts.raw, in order of time, alternating between partitions."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, compression_type="lz4", max_batch_size=settings.fetch_bytes // 4
    )
    await producer.start()
    builders = {partition: producer.create_batch() for partition in range(settings.partitions)}
    first = random.getrandbits(40) << 20  # ids differ between fills
    for number in range(posts):
        partition, (before, after) = number % settings.partitions, halves[number % len(halves)]
        post_id = b"%d" % (first + number)
        value = b'%b"post_id":"%b","created_at_ms":%d%b' % (
            before, post_id, START_MS + number * SPAN_MS // posts, after
        )  # fmt: skip
        if builders[partition].append(key=b"x:" + post_id, value=value, timestamp=None) is None:
            await producer.send_batch(builders[partition], POSTS_RAW, partition=partition)
            builders[partition] = producer.create_batch()
            builders[partition].append(key=b"x:" + post_id, value=value, timestamp=None)
        if number % 250_000 == 0:
            say(f"{number:,} posts written")
    for partition, builder in builders.items():
        if builder.record_count():
            await producer.send_batch(builder, POSTS_RAW, partition=partition)
    await producer.stop()


@contextmanager
def worker(environment: dict[str, str], folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run `hashtide worker`; yields the process and its metrics port. Stops it with SIGTERM at the end."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "operations.cli", "worker", f"--metrics-port={port}"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        yield process, port
        if process.poll() is not None:
            sys.exit(f"the worker ended:\n{(folder / 'worker.log').read_text()}")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()


def start(environment: dict[str, str], folder: Path) -> Start:
    """Start and stop a worker in a new consumer group, so that it processes the one existing post."""
    began = time.monotonic()
    assigned = None
    group = {"HASHTIDE_GROUP": f"start-{began}"}
    with worker(environment | group, folder) as (process, port):
        while not (now := metrics(port)).get("batches"):
            if assigned is None and now.get("assigned"):
                assigned = time.monotonic() - began
            if process.poll() is not None or time.monotonic() - began > 60:
                sys.exit(f"the worker did not start:\n{(folder / 'worker.log').read_text()}")
            time.sleep(POLL_S)
        counted = time.monotonic() - began
        times = psutil.Process(process.pid).cpu_times()
    measured = Start(assigned or counted, counted, times.user + times.system)
    say(f"start: assigned {measured.assigned:.1f} s, counted {measured.counted:.1f} s, CPU {measured.cpu:.1f} s")
    return measured


def watch(process: "subprocess.Popen[bytes]", port: int, posts: int, seconds: float) -> Iterator[Sample]:
    """Samples, one per second, until all posts are counted, or until `seconds` after the first one was counted."""
    seen, began, handled = psutil.Process(process.pid), time.monotonic(), 0
    while handled < posts and time.monotonic() - began < seconds and process.poll() is None:
        time.sleep(SAMPLE_S)
        now = metrics(port)
        handled = int(now.get("counted", 0))
        if not handled:
            began = time.monotonic()
        sample = Sample(time.monotonic() - began, handled, seen.memory_info().rss)
        say(
            f"{sample.at_s:5.0f} s  {handled:>10,} counted  {now.get('cached', 0):>8,.0f} counts in memory  "
            f"{sample.rss / MIB:>5.0f} MiB"
        )
        yield sample


def metrics(port: int) -> dict[str, float]:
    """A worker's metrics; empty while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, TimeoutError):
        return {}
    named = {
        "hashtide_assigned_partitions": "assigned",
        "hashtide_counted_posts_total": "counted",
        "hashtide_cached_counts": "cached",
        "hashtide_batch_records_count": "batches",
    }
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for name, _, value, *_ in family.samples:
            if short := named.get(name):
                found[short] = found.get(short, 0) + value
    return found


def peak_rss(pid: int) -> int | None:
    """The highest RSS of a process so far, in bytes, also between samples. None without /proc."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def clean_environment(folder: Path) -> dict[str, str]:
    """Our environment without settings, and with bytecode caching, as in a real installation."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return ours | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
