"""Producers die, posts come at odd times, messages are no messages: scenarios with a size, as those of workers."""

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from typing import Final

import msgspec

from hashtide.clock import wall_clock_ms
from hashtide.contract.bounds import EARLIEST_MS
from hashtide.contract.messages import Post, encode
from hashtide.contract.names import HASHTAG_VOLUME, POSTS, POSTS_RAW
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.settings import load
from producers import formats
from producers.publisher import Publisher
from producers.settings import ProducerSettings
from producers.sources.follow import position_name
from producers.synthetic import campaign
from stream_jobs.documents.keys import count_keys
from tests.chaos.posts import HOUR_MS, START_MS, mixed, posts
from tests.chaos.trial import Trial
from tests.chaos.workers import FAULTY
from tests.integration.pipeline import ENDS_S
from tests.integration.truth import accepted

DAY_MS: Final = 24 * HOUR_MS
MONTH_MS: Final = 30 * DAY_MS
FEBRUARY_28_MS: Final = 1_456_659_015_000  # 2016-02-28T11:30:15Z
FEBRUARY_29_MS: Final = 1_456_745_415_000  # 2016-02-29T11:30:15Z

SECOND_CAMPAIGN: Final = """\
name = "believe"
title = "Believe them"
tags = ["BelieveWomen", "WeToo"]
phrases = ["thank you"]
phrases_anywhere = true
"""


def producers_are_killed(trial: Trial, times: int) -> None:
    """kill -9 in the middle of a file, and of one that grows; started again each time, and in the end left alone."""
    pipeline = trial.pipeline
    whole, growing = _lines(trial, START_MS + MONTH_MS), _lines(trial, START_MS + 2 * MONTH_MS)
    trial.expect(whole, "replay")
    trial.expect(growing, "live")
    path = pipeline.folder / "whole.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in whole))
    produce = ("produce", "file", str(path), "--format=native")
    with pipeline.worker():
        for _ in range(times):
            _kill_after(trial, trial.draw.randint(500, 3_000), *produce, "--speed=900")
        pipeline.hashtide(*produce)
        with _grows(trial, growing, over_s=3 * times) as path:
            follow = ("produce", "file", str(path), "--format=native", "--follow")
            for _ in range(times):
                _kill_after(trial, trial.draw.randint(1, 500), *follow)
            with pipeline.process(*follow) as producer:
                pipeline.until(lambda: _read(trial, path) == sum(len(line) + 1 for line in growing))
                producer.send_signal(signal.SIGTERM)
                assert producer.wait(timeout=ENDS_S) == 0, pipeline.log()
        trial.happened["messages of producers"] = pipeline.length(POSTS_RAW)
        trial.end()
    assert trial.happened["messages of producers"] > sum(map(_valid, (*whole, *growing)))  # and some of them twice


def _lines(trial: Trial, start_ms: int) -> list[bytes]:
    return list(campaign.payloads(5_000, trial.draw.getrandbits(32), start_ms, 1))


def _valid(line: bytes) -> bool:
    return any(isinstance(outcome, Post) for outcome in formats.parse(line, "native"))


def _kill_after(trial: Trial, messages: int, *words: str) -> None:
    """Start a producer and kill it once it has sent so many messages; it must not have come to its end by then."""
    pipeline = trial.pipeline
    before = pipeline.length(POSTS_RAW)
    with pipeline.process(*words) as producer:
        pipeline.until(lambda: pipeline.length(POSTS_RAW) >= before + messages)
        assert producer.poll() is None, pipeline.log()
    trial.happened["kills of producers"] += 1


@contextlib.contextmanager
def _grows(trial: Trial, lines: list[bytes], over_s: float) -> Iterator[Path]:
    """A file that grows, by pieces that end anywhere. Leaving waits until all is written."""
    path, data, pieces = trial.pipeline.folder / "growing.jsonl", b"".join(line + b"\n" for line in lines), 50

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            for i in range(pieces):
                file.write(data[i * len(data) // pieces : (i + 1) * len(data) // pieces])
                time.sleep(over_s / pieces)

    with ThreadPoolExecutor(1) as pool:
        growing = pool.submit(grow)
        yield path
        growing.result()


def _read(trial: Trial, path: Path) -> int:
    """How many bytes of a followed file a producer has sent and noted."""
    state = Path(trial.pipeline.environment["HASHTIDE_STATE_DIR"])
    position = state / "positions" / f"{position_name(path)}.json"
    return int(msgspec.json.decode(position.read_bytes())["place"]["offset"]) if position.exists() else 0


def posts_come_at_odd_times(trial: Trial, messages: int) -> None:
    """48 hours at once and backwards, then as much again that is up to a week late, or of another year.

    Two campaigns, three workers, and their clocks jump.
    """
    pipeline, draw = trial.pipeline, trial.draw
    folder = pipeline.folder / "campaigns"
    folder.mkdir()
    (folder / "metoo.toml").write_bytes((files("stream_jobs.data") / "campaigns" / "metoo.toml").read_bytes())
    (folder / "believe.toml").write_text(SECOND_CAMPAIGN)
    pipeline.environment["HASHTIDE_CAMPAIGNS"] = str(folder)

    payloads = campaign.payloads(messages, draw.getrandbits(32), START_MS, 48, duplicate_every=0)
    known = list(accepted(payloads, now_ms=wall_clock_ms(), origin="backfill"))
    on_time, late = known[::2], [_odd(post, draw) for post in known[1::2]]
    draw.shuffle(late)
    with contextlib.ExitStack() as stack:
        for number in range(3):
            stack.enter_context(pipeline.worker(module=FAULTY, TEST_CLOCK=f"{trial.seed}/{number}"))
        trial.publish(mixed(reversed(on_time), draw, pipeline.settings.partitions))
        pipeline.settle()
        trial.publish(mixed(late, draw, pipeline.settings.partitions))
        trial.end()
    counts = pipeline.documents("reply-volume-*")
    trial.happened["corrected documents"] = sum(count["status"] == "corrected" for count in counts)
    trial.happened["documents of both campaigns"] = sum(len(count["campaign"]) == 2 for count in counts)
    assert trial.happened["corrected documents"] > 0
    assert trial.happened["documents of both campaigns"] > 0


def _odd(post: Post, draw: random.Random) -> Post:
    kind = draw.random()
    if kind < 0.5:
        return post
    if kind < 0.9:
        return msgspec.structs.replace(post, created_at_ms=post.created_at_ms - draw.randrange(7 * DAY_MS))
    odd_ms = draw.choice((EARLIEST_MS, EARLIEST_MS + 59_999, 1_330_473_600_000, wall_clock_ms() + 60_000))
    return msgspec.structs.replace(post, created_at_ms=odd_ms)


def messages_are_none(trial: Trial, rounds: int) -> None:
    """Between good ones: what can't be decoded, and what Elasticsearch refuses, as a whole or in one count alone.

    All of it must be in posts.dead, with the reason and its position in posts.raw. A post refused in one count is in
    the others.
    """
    pipeline, draw = trial.pipeline, trial.draw
    enricher = trial.enricher()
    good = posts(f"{trial.seed}/good", start_ms=START_MS + MONTH_MS)
    dead: Counter[tuple[str, bytes]] = Counter()
    with pipeline.worker():
        pipeline.assemble(1)  # with such an index there, no worker starts
        _refuse_hashtags(trial, f"{HASHTAG_VOLUME}-2016.02.29")
        _refuse_hashtags(trial, f"{POSTS}-2016.02.28")
        with trial.load(per_s=500), Publisher(load(ProducerSettings, pipeline.environment)) as publisher:
            for _ in range(rounds):
                pipeline.advance(by=draw.randint(1, 100))
                garbled = draw.choice((b"", b"{", b"\xff\xfe", b'{"type":"post"}', b"[" * 100_000))
                whole = msgspec.structs.replace(next(good), created_at_ms=FEBRUARY_28_MS, hashtags=("spanner",))
                spanner = msgspec.structs.replace(next(good), created_at_ms=FEBRUARY_29_MS, hashtags=("spanner",))
                dead["undecodable", garbled] += 1
                dead["refused-by-elasticsearch", encode(whole)] += 1
                dead["refused-by-elasticsearch", encode(spanner)] += 1
                between = list(islice(good, 4))
                trial.expect_keys(chain.from_iterable(count_keys(enricher.enrich(post)) for post in between))
                trial.expect_keys(key for key in count_keys(enricher.enrich(spanner)) if key.family != HASHTAG_VOLUME)
                a, b, c, d = map(encode, between)
                partition = draw.randrange(pipeline.settings.partitions)
                for value in (a, garbled, b, encode(whole), c, encode(spanner), d):
                    publisher.send(POSTS_RAW, None, value, partition)
        trial.end()
    assert _dead_records(trial) == dead
    trial.happened["dead letters"] = dead.total()


def _dead_records(trial: Trial) -> Counter[tuple[str, bytes]]:
    """Reason and bytes of the records that the dead letters name; the letters themselves hold no bytes."""
    letters = trial.pipeline.dead_letters().values()
    assert {(letter.source, letter.payload) for letter in letters} == {(POSTS_RAW, b"")}
    id_ = topics.check(trial.pipeline.settings)[POSTS_RAW].id
    with Offsets(trial.pipeline.settings) as offsets:
        values = {f"{id_}:{each.partition}:{each.offset}": each.value for each in offsets.records(POSTS_RAW)}
    return Counter((letter.reason, values[letter.position]) for letter in letters)


def _refuse_hashtags(trial: Trial, index: str) -> None:
    """Have an index hold hashtags as numbers, as a mapping of somebody else's might."""
    with trial.pipeline.elasticsearch() as client:
        client.indices.create(index=index, mappings={"properties": {"hashtag": {"type": "long"}}})
