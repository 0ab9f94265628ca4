"""Latency of a post: `python -m benchmarks.latency`.

The worker has no backlog. Posts of the made-up campaign arrive at an even rate; ten per second carry a unique hashtag.
*Written*: from the call that publishes such a post until Elasticsearch acknowledges the bulk with its count to the
worker, which prints the time (benchmarks/ours.py, `stamped`). *Searchable*: until a search in hashtag-volume finds its
tag (refresh_interval is 1 s). We poll every POLL_S: the figures include half of it on average. Polling also costs CPU,
so the two are measured in separate runs. Posts are published with LINGER_MS. Posts never seen count as infinitely late.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec
from elasticsearch import ApiError
from kafka import KafkaProducer

from benchmarks.harness import posts as streams
from benchmarks.harness import table
from benchmarks.harness.servers import OURS, Servers, servers, until
from benchmarks.harness.table import Row
from benchmarks.ours import MARK
from benchmarks.product import STAMPED, drain, produce_campaign, worker
from hashtide.contract.messages import Post, encode, key
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.session import session

PART: Final = "latency"
HOW: Final = "All processes on all cores, including this benchmark; 4 partitions; acks=all, linger of 5 ms."
PARTITIONS: Final = 4
LINGER_MS: Final = 5
MARKS_A_SECOND: Final = 10
WARM_UP_S: Final = 15.0
WARM_UP_POSTS: Final = 100_000
POLL_S: Final = 0.05
GIVE_UP_S: Final = 30.0

What = Literal["written", "searchable"]
RUNS: Final[tuple[tuple[int, What], ...]] = ((200, "written"), (200, "searchable"), (2000, "searchable"))


class Mark(msgspec.Struct, frozen=True):
    """A post that we look for."""

    tag: str
    sent_s: float


Look = Callable[[Sequence[Mark]], Mapping[str, float]]
"""Finds marks: tag -> time of arrival, in seconds since the epoch, for those that have arrived."""


def measure(seconds: float, rounds: int) -> list[Row]:
    """Measure all rates in turn. Blocks."""
    found: dict[tuple[int, What], list[list[float]]] = {run: [] for run in RUNS}
    with servers(any_core=True) as them:
        them.setup(partitions=str(PARTITIONS))
        produce_campaign(them, WARM_UP_POSTS)
        drain(them)  # not measured: warms up the servers' JVMs
        them.renew(POSTS_RAW, PARTITIONS)
        them.wipe()
        with worker(them, STAMPED) as running, session(them.elasticsearch) as client:
            until(running.ready)
            looks: dict[What, Look] = {"written": partial(_written, running.log), "searchable": partial(_found, client)}
            for _ in range(rounds):
                for rate, what in RUNS:
                    them.wipe()
                    found[rate, what].append(_run(them, rate, looks[what], seconds))
    return [
        Row(
            PART,
            f"{rate:,} posts/s, publish to {what}, {name}",
            "ms",
            [1000 * quantile(latencies, part) for latencies in of_rounds],
            notes=f"{len(of_rounds[0])} posts looked for per round",
        )
        for (rate, what), of_rounds in found.items()
        for name, part in (("p50", 0.5), ("p99", 0.99))
    ]


def quantile(values: list[float], part: float) -> float:
    """The quantile `part` (0 to 1) of the values."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def _run(them: Servers, rate: int, look: Look, seconds: float) -> list[float]:
    """Latencies in seconds of the marked posts of one run, without the warm-up."""
    waiting: list[Mark] = []
    ended = threading.Event()
    publisher = threading.Thread(target=_publish, args=(them, rate, WARM_UP_S + seconds, waiting, ended), daemon=True)
    latencies: list[tuple[float, float]] = []
    publisher.start()
    started = time.time()
    deadline = started + WARM_UP_S + seconds + GIVE_UP_S
    while (waiting or not ended.is_set()) and time.time() < deadline:
        marks = list(waiting)
        arrived = look(marks) if marks else {}
        for mark in marks:
            if mark.tag in arrived:
                latencies.append((mark.sent_s, arrived[mark.tag] - mark.sent_s))
                waiting.remove(mark)
        time.sleep(POLL_S)
    ended.set()
    publisher.join()
    latencies += [(mark.sent_s, math.inf) for mark in waiting]
    return [latency for sent_s, latency in latencies if sent_s >= started + WARM_UP_S]


def _publish(them: Servers, rate: int, seconds: float, waiting: list[Mark], ended: threading.Event) -> None:
    """Publish at an even rate until all posts are sent or `ended` is set. Some posts get a unique tag."""
    producer: Any = KafkaProducer(bootstrap_servers=them.kafka, acks="all", compression_type="lz4", linger_ms=LINGER_MS)
    every = rate // MARKS_A_SECOND
    run = time.time_ns()
    started = time.monotonic()
    try:
        for number, post in enumerate(_posts(int(rate * seconds), run)):
            if ended.wait(max(0.0, started + number / rate - time.monotonic())):
                return
            now = time.time()
            changes: dict[str, Any] = {"created_at_ms": int(now * 1000)}
            if number % every == 0:
                tag = f"{MARK}{run}n{number}"
                changes |= {"text": f"#{tag}", "hashtags": None}
                waiting.append(Mark(tag, now))
            message: Post = msgspec.structs.replace(post, **changes)
            producer.send(POSTS_RAW, key=key(message), value=encode(message))
    finally:
        producer.close(timeout=GIVE_UP_S)
        ended.set()


def _posts(count: int, run: int) -> Iterator[Post]:
    """`count` posts of the campaign, without duplicates of an earlier run."""
    for number, post in enumerate(streams.contract_posts(count)):
        if number == count:
            return
        changed: Post = msgspec.structs.replace(post, post_id=f"{run}{number}", platform="bench")
        yield changed


def _written(log: Path, _: Sequence[Mark]) -> dict[str, float]:
    """Find marks in the worker's log."""
    lines = (line.split() for line in log.read_text(errors="replace").splitlines())
    return {words[1]: float(words[2]) for words in lines if len(words) == 3 and words[0] == MARK}


def _found(client: Any, marks: Sequence[Mark]) -> dict[str, float]:
    """Find marks with a search."""
    with contextlib.suppress(ApiError):  # 503: the index is just being created
        answer = client.search(
            index=OURS.split(",")[1],
            query={"terms": {"hashtag": [mark.tag for mark in marks]}},
            size=len(marks),
            source=["hashtag"],
        )
        return dict.fromkeys((hit["_source"]["hashtag"] for hit in answer["hits"]["hits"]), time.time())
    return {}


@click.command()
@click.option("--seconds", default=20.0, show_default=True, help="Length of each run, after its warm-up.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--write", is_flag=True, help="Write the result to docs/performance.md.")
def main(seconds: float, rounds: int, write: bool) -> None:
    """Measure the time from publishing a post until it is counted, and until a search finds it."""
    rows = measure(seconds, rounds)
    table.show(rows)
    if write:
        table.write(PART, rows, HOW)


if __name__ == "__main__":
    main()
