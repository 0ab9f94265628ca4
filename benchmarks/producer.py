"""Posts per second into Kafka: `python -m benchmarks.producer`.

Compares `hashtide produce file` with all its work (parsing, validation, hashing the author, serialising,
acknowledgements), the publisher alone, and the bare clients with encoded bytes. Each is a process on one core; Kafka
has the others. All are idempotent, with acks=all, lz4, and the product's linger and batch size. Every run is checked
against the topic's end offsets.
"""

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from benchmarks.contest.environments import NotMade, environment
from benchmarks.harness import posts as streams
from benchmarks.harness import table
from benchmarks.harness.machine import pinned
from benchmarks.harness.servers import Servers, servers
from benchmarks.harness.table import Row
from benchmarks.product import HASHTIDE
from hashtide.contract.messages import encode
from hashtide.contract.names import POSTS_RAW
from hashtide.kafka.offsets import Offsets

PART: Final = "producer"
HOW: Final = "Each process on core 0, Kafka on the others; 4 partitions; ratios: to the first row."
PARTITIONS: Final = 4
TIMEOUT_S: Final = 600.0
CONFLUENT: Final = ("confluent-kafka==2.16.1", "msgspec>=0.20,<0.23")


class Way(msgspec.Struct, frozen=True):
    """A way of sending, and the number of messages that it sends."""

    name: str
    command: tuple[str | Path, ...]
    expected: int


def measure(posts: int, rounds: int, *, peers: bool = False) -> list[Row]:
    """Measure all ways in turn. Blocks."""
    rates: defaultdict[str, list[float]] = defaultdict(list)
    notes: dict[str, str] = {}
    failures: dict[str, str] = {}
    with servers() as them:
        them.setup(partitions=str(PARTITIONS))
        ways = _ways(them, posts, peers, failures)
        for _ in range(rounds):
            for way in ways:
                seconds, note = _run(them, way)
                rates[way.name].append(way.expected / seconds)
                notes[way.name] = note
    base = statistics.median(rates[ways[0].name])
    rows = [Row(PART, name, "posts/s", values, base, notes[name]) for name, values in rates.items()]
    return rows + [Row(PART, name, "posts/s", [], notes=why) for name, why in failures.items()]


def _ways(them: Servers, posts: int, peers: bool, failures: dict[str, str]) -> list[Way]:
    native = _file(them, "native.jsonl", list(streams.lines(posts)))
    x_v2 = _file(them, "x-v2.jsonl", [payload for _, payload in streams.x_payloads(posts)])
    stream = list(streams.contract_posts(posts))
    ready = _file(them, "contract.jsonl", [encode(post) for post in stream])
    arguments = (str(ready), them.kafka)
    send = (sys.executable, "-m", "benchmarks.harness.send")
    ways = [
        Way("kafka-python alone", (*send, "kafka-python", *arguments), len(stream) + 1),
        Way("the product's publisher", (*send, "publisher", *arguments), len(stream) + 1),
        Way("hashtide produce file, native", (*HASHTIDE, "produce", "file", str(native)), len(stream)),
        Way("hashtide produce file, X v2", (*HASHTIDE, "produce", "file", str(x_v2)), len(stream)),
    ]
    if peers:
        try:
            python = environment("confluent", CONFLUENT)
            ways.append(
                Way(
                    "confluent-kafka alone",
                    (python, "-m", "benchmarks.harness.send", "confluent", *arguments),
                    len(stream) + 1,
                )
            )
        except NotMade as error:
            failures["confluent-kafka alone"] = str(error)
    return ways


def _run(them: Servers, way: Way) -> tuple[float, str]:
    """Seconds, as reported by the process, and notes."""
    them.renew(POSTS_RAW, PARTITIONS)
    log = them.folder / "producer.log"
    with pinned(way.command, them.environment(), log) as (process, usage):
        process.wait(TIMEOUT_S)
    report = _report(log)
    with Offsets(them.settings()) as offsets:
        sent = sum(offsets.ends(POSTS_RAW).values())
    true = "all sent" if sent == way.expected else f"WRONG: {sent:,} of {way.expected:,} in Kafka"
    cpu = f"{report['cpu_s'] / sent * 1e6:.0f} us of CPU per post, " if "cpu_s" in report else ""
    return report["seconds"], f"{cpu}{usage.peak_mb:.0f} MB, {true}"


def _report(log: Path) -> Mapping[str, float]:
    """The last JSON line of a log. Raises ValueError, with the end of the log, if there is none."""
    lines = log.read_text(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith("{"):
            report: Mapping[str, float] = json.loads(line)
            return report
    raise ValueError("no result: " + "\n".join(lines[-5:]))


def _file(them: Servers, name: str, lines: Sequence[bytes]) -> Path:
    path = them.folder / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@click.command()
@click.option("--posts", default=100_000, show_default=True, help="Number of posts.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--peers", is_flag=True, help="Include confluent-kafka, in its own environment.")
@click.option("--write", is_flag=True, help="Write the result to docs/performance.md.")
def main(posts: int, rounds: int, peers: bool, write: bool) -> None:
    """Measure posts per second into Kafka, by the product and by bare clients."""
    rows = measure(posts, rounds, peers=peers)
    table.show(rows)
    if write:
        table.write(PART, rows, HOW)


if __name__ == "__main__":
    main()
