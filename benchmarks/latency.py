"""How long a post takes: `python -m benchmarks.latency`.

A worker with nothing behind it; posts of the made-up campaign come at an even rate, and ten a second of
them carry a hashtag that no other has. *Searchable*: from the call that publishes such a post until a search in
hashtag-volume finds its tag (refresh_interval is 1 s). *Written*: until its count document can be read by its id,
which Elasticsearch answers without a refresh, so this is the bulk's acknowledgement, seen from outside. We look every
WRITTEN_POLL_S or SEARCH_POLL_S, and that, half of it on average, is in the figures. Posts are published with LINGER_MS.
What never came is infinitely late.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import click
import msgspec
from elasticsearch import ApiError
from kafka import KafkaProducer

from benchmarks import posts as streams
from benchmarks import table
from benchmarks.product import drain, produce_campaign, worker
from benchmarks.servers import OURS, Servers, servers, until
from benchmarks.table import Row
from producers.contract import POSTS_RAW, Post, encode, key
from stream_jobs import topics
from stream_jobs.domain.windows import window_start_ms
from stream_jobs.sinks import documents
from stream_jobs.sinks.documents import HASHTAG_VOLUME, HashtagKey
from stream_jobs.sinks.indices import session
from stream_jobs.topics import POSTS_ENRICHED

PART: Final = "latency"
HOW: Final = "Everything on all cores, this benchmark too; 4 partitions; acks=all, linger of 5 ms."
PARTITIONS: Final = 4
LINGER_MS: Final = 5
MARKS_A_SECOND: Final = 10
WARM_UP_S: Final = 15.0
WARM_UP_POSTS: Final = 100_000
WRITTEN_POLL_S: Final = 0.02  # looked for every 5 ms, the looking alone took a core
SEARCH_POLL_S: Final = 0.05
GIVE_UP_S: Final = 30.0

What = Literal["written", "searchable"]
RUNS: Final[tuple[tuple[int, What], ...]] = ((200, "written"), (200, "searchable"), (2000, "searchable"))


class Mark(msgspec.Struct, frozen=True):
    """A post that is looked for."""

    tag: str
    sent_s: float
    window_ms: int


Look = Callable[[list[Mark]], set[str]]
"""Which of these tags are there now."""


def measure(seconds: float, rounds: int) -> list[Row]:
    """All rates, in turns. Blocks."""
    found: dict[tuple[int, What], list[list[float]]] = {run: [] for run in RUNS}
    with servers(any_core=True) as them:
        them.setup(partitions=str(PARTITIONS))
        produce_campaign(them, WARM_UP_POSTS, streams.SEED)
        drain(them, PARTITIONS)  # not measured: the servers' JVMs get warm
        them.renew(POSTS_RAW, PARTITIONS)
        them.renew(POSTS_ENRICHED, PARTITIONS)
        them.wipe()
        with worker(them) as running:
            until(running.ready)
            topic_id = topics.check(them.settings())[POSTS_ENRICHED].id
            for _ in range(rounds):
                for rate, what in RUNS:
                    them.wipe()
                    found[rate, what].append(_run(them, topic_id, rate, what, seconds))
    return [
        Row(
            PART,
            f"{rate:,} posts/s, publish to {what}, {name}",
            "ms",
            [1000 * quantile(latencies, part) for latencies in of_rounds],
            notes=f"{len(of_rounds[0])} posts looked for, a round",
        )
        for (rate, what), of_rounds in found.items()
        for name, part in (("p50", 0.5), ("p99", 0.99))
    ]


def quantile(values: list[float], part: float) -> float:
    """The value that such a part of all are not above."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def _run(them: Servers, topic_id: str, rate: int, what: What, seconds: float) -> list[float]:
    """Latencies in seconds of the marked posts of one run, but for those of the warm-up."""
    waiting: list[Mark] = []
    ended = threading.Event()
    publisher = threading.Thread(target=_publish, args=(them, rate, WARM_UP_S + seconds, waiting, ended), daemon=True)
    latencies: list[tuple[float, float]] = []
    with session(them.elasticsearch) as client:
        look = _written(client, topic_id) if what == "written" else _searchable(client)
        poll_s = WRITTEN_POLL_S if what == "written" else SEARCH_POLL_S
        publisher.start()
        started = time.time()
        deadline = started + WARM_UP_S + seconds + GIVE_UP_S
        while (waiting or not ended.is_set()) and time.time() < deadline:
            marks = list(waiting)
            there: set[str] = set()
            with contextlib.suppress(ApiError):  # 503: an index that is just being made
                there = look(marks) if marks else set()
            now = time.time()
            for mark in marks:
                if mark.tag in there:
                    latencies.append((mark.sent_s, now - mark.sent_s))
                    waiting.remove(mark)
            time.sleep(poll_s)
    ended.set()
    publisher.join()
    latencies += [(mark.sent_s, math.inf) for mark in waiting]
    return [latency for sent_s, latency in latencies if sent_s >= started + WARM_UP_S]


def _publish(them: Servers, rate: int, seconds: float, waiting: list[Mark], ended: threading.Event) -> None:
    """Publish at an even rate, until all is sent or it is asked to end; now and then a post with a tag of its own."""
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
                tag = f"mark{run}n{number}"
                changes |= {"text": f"#{tag}", "hashtags": None}
                waiting.append(Mark(tag, now, window_start_ms(int(now * 1000))))
            message: Post = msgspec.structs.replace(post, **changes)
            producer.send(POSTS_RAW, key=key(message), value=encode(message))
    finally:
        producer.close(timeout=GIVE_UP_S)
        ended.set()


def _posts(count: int, run: int) -> Iterator[Post]:
    """So many posts of the campaign, none of them a duplicate of an earlier run's."""
    for number, post in enumerate(streams.contract_posts(count)):
        if number == count:
            return
        changed: Post = msgspec.structs.replace(post, post_id=f"{run}{number}", platform="bench")
        yield changed


def _written(client: Any, topic_id: str) -> Look:
    """By reading count documents by their ids, in whichever partition they may be."""

    def look(marks: list[Mark]) -> set[str]:
        refs = {
            (ref.index, ref.id): mark.tag
            for mark in marks
            for partition in range(PARTITIONS)
            for ref in [documents.count_ref(_key(mark), topic_id, partition)]
        }
        docs = [{"_index": index, "_id": id_, "_source": False} for index, id_ in refs]
        answer = client.mget(docs=docs)
        return {refs[item["_index"], item["_id"]] for item in answer["docs"] if item.get("found")}

    return look


def _key(mark: Mark) -> HashtagKey:
    return HashtagKey(HASHTAG_VOLUME, mark.window_ms, (), "bench", "synthetic", mark.tag)


def _searchable(client: Any) -> Look:
    """By a search for all of them."""

    def look(marks: list[Mark]) -> set[str]:
        answer = client.search(
            index=OURS.split(",")[1],
            query={"terms": {"hashtag": [mark.tag for mark in marks]}},
            size=len(marks),
            source=["hashtag"],
        )
        return {hit["_source"]["hashtag"] for hit in answer["hits"]["hits"]}

    return look


@click.command()
@click.option("--seconds", default=20.0, show_default=True, help="How long each run is, after its warm-up.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--write", is_flag=True, help="Put the result into docs/performance.md.")
def main(seconds: float, rounds: int, write: bool) -> None:
    """How long a post takes from its publishing until it is counted, and until a search finds it."""
    rows = measure(seconds, rounds)
    table.show(rows)
    if write:
        table.write(PART, rows, HOW)


if __name__ == "__main__":
    main()
