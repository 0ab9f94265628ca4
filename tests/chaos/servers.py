"""Elasticsearch and Kafka go away, refuse, lose, and are slow: scenarios with a size, as those of workers."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal

from hashtide.contract.names import POSTS_RAW
from stream_jobs.store.elasticsearch import REQUEST_TIMEOUT_S
from tests.chaos.trial import Trial, through
from tests.fakes.unruly import (
    Fault,
    Unruly,
    answers,
    any_of,
    cuts,
    cuts_anywhere,
    in_background,
    keeps_silent,
    shard_away,
    some,
    too_large_from,
    turns_away,
)
from tests.integration.pipeline import PATTERN, away

STANDS_STILL: Final = ("Elasticsearch request failed",)  # what a worker logs while it waits
BLOCKED: Final = ("cluster_block_exception", "read-only")  # of some documents, of a whole request


Away = Literal["kill", "block of indices", "block of the cluster"]


def elasticsearch_goes_away(trial: Trial, *ways: Away) -> None:
    """Under load, it is killed (-9) and started again, or blocks writes, as it does when a disk is full.

    The worker waits, says so, commits nothing, and goes on when that is over.
    """
    pipeline = trial.pipeline
    with pipeline.worker() as worker:
        with trial.load(per_s=200):
            for way in ways:
                pipeline.advance(by=trial.draw.randint(1, 1_000))
                says = BLOCKED if "block" in way else STANDS_STILL
                before = pipeline.says(*says)
                with away(trial.servers.elasticsearch) if way == "kill" else _blocked(trial, way):
                    pipeline.until_it_says(*says, more_than=before)
                    sent = pipeline.length(POSTS_RAW)
                    pipeline.stand_still()
                    assert pipeline.length(POSTS_RAW) > sent
                    assert worker.poll() is None, pipeline.log()
                trial.happened[way] += 1
            pipeline.advance(by=1)
        trial.end()


@contextlib.contextmanager
def _blocked(trial: Trial, way: Away) -> Iterator[None]:
    def block(on: bool | None) -> None:
        with trial.pipeline.elasticsearch() as client:
            if way == "block of indices":
                settings = {"index.blocks.read_only_allow_delete": on}
                client.indices.put_settings(
                    index=PATTERN, settings=settings, ignore_unavailable=True, allow_no_indices=True
                )
            else:
                client.cluster.put_settings(persistent={"cluster.blocks.read_only_allow_delete": on})

    block(True)
    try:
        yield
    finally:
        block(None)


def elasticsearch_has_bad_days(trial: Trial, messages: int, share: float, silences: int = 0) -> None:
    """Of all bulks and reads, a share is refused, cut off, lost or slow, in whole or in part.

    A silence is an answer that comes when the client has given up.
    """
    pipeline, draw = trial.pipeline, trial.draw
    faults: dict[str, Fault] = {
        "answers 429": answers(429),
        "answers 503": answers(503),
        "429 for documents": some(lambda *places: turns_away(429, *places), draw),
        "503 for documents": some(lambda *places: turns_away(503, *places), draw),
        "answers 413": too_large_from(2),
        "cuts before": cuts(documents=0),
        "cuts in the middle": cuts_anywhere(draw),
        "cuts after": cuts(),
        "cuts in the answer": cuts(of_answer=25),
        "slow": keeps_silent(draw.uniform(0.2, 0.5), does=True),
        "slow and not done": keeps_silent(draw.uniform(0.2, 0.5), does=False),
        "shards away": shard_away(),
    }
    happened: Counter[str] = Counter()
    with in_background(Unruly(trial.servers.addresses.elasticsearch)) as proxy:
        proxy.always = any_of(faults, share, draw, happened)
        with pipeline.worker(**through(proxy)):
            trial.send(messages // 2)
            pipeline.advance(by=1)
            proxy.faults = [keeps_silent(REQUEST_TIMEOUT_S + 1, does=True)] * silences
            trial.send(messages // 2)
            pipeline.settle()
            assert proxy.faults == []
            trial.happened["silences"] += silences
            proxy.always = None  # the worker may end in peace
            trial.happened += happened
            trial.end()
    assert happened.keys() == faults.keys()


def kafka_restarts(trial: Trial, *ways: Literal["stop", "kill"], crowd: int) -> None:
    """While a producer sends and workers work, the broker is stopped, or killed with -9, and started again."""
    pipeline, server = trial.pipeline, trial.servers.kafka
    with contextlib.ExitStack() as stack:
        for _ in range(crowd):
            stack.enter_context(pipeline.worker())
        with trial.load(per_s=300):
            for way in ways:
                pipeline.advance(by=trial.draw.randint(1, 1_000))
                (server.stop if way == "stop" else server.kill)()
                time.sleep(trial.draw.uniform(0, 3))
                server.start()
                server.wait()
                trial.happened[f"restarts by {way}"] += 1
                pipeline.advance(by=1)
        trial.end()
