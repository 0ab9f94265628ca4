"""What goes wrong at night: workers die, freeze, come and go, servers go away. Every count must be right in the end."""

import signal
import time
from collections import Counter
from typing import Any

import pytest

from deploy.local.stack import Stack
from producers.run import wall_clock_ms
from producers.sources import campaign
from stream_jobs.app import load_campaigns
from stream_jobs.domain.enrich import Enricher
from stream_jobs.settings import StreamSettings
from tests.integration.pipeline import Pipeline
from tests.integration.truth import truth

POSTS, SEED, START_MS = 8_000, 11, 1_508_112_000_000
MESSAGES = POSTS + POSTS // 100  # with the duplicates
PRODUCE = ("produce", "campaign", f"--posts={POSTS}", f"--seed={SEED}", "--start=2017-10-16")


@pytest.fixture(scope="module")
def expected() -> Counter[tuple[Any, ...]]:
    """The count of every key; of posts, 8,000."""
    counts = truth(
        campaign.payloads(POSTS, SEED, START_MS),
        Enricher(load_campaigns(StreamSettings())),
        now_ms=wall_clock_ms(),
        origin="synthetic",
    )
    assert sum(count for key, count in counts.items() if key[0] == "reply-volume") == 8_000
    return counts


@pytest.fixture
def pipeline(pipeline: Pipeline) -> Pipeline:
    """Small batches, so that a failure meets many of them."""
    pipeline.environment["HASHTIDE_FETCH_BYTES"] = "16384"
    return pipeline


def test_killed_workers_lose_nothing_and_count_nothing_twice(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]]
) -> None:
    pipeline.hashtide(*PRODUCE)
    for counted in (1, 2_000, 4_000):
        with pipeline.process("worker", "--metrics-port=0") as worker:
            pipeline.reach(counted)
            worker.send_signal(signal.SIGKILL)
    with pipeline.worker():
        pipeline.settle()
    assert pipeline.sums() == expected


def test_workers_that_join_and_leave_under_load_lose_nothing(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]]
) -> None:
    with pipeline.process(*PRODUCE), pipeline.worker():
        pipeline.reach(1)
        with pipeline.worker(), pipeline.worker():
            pipeline.until(lambda: pipeline.workers() == 3)
        pipeline.settle(MESSAGES)
    assert pipeline.sums() == expected


def test_sigterm_ends_a_busy_worker_within_10_seconds_and_loses_nothing(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]]
) -> None:
    pipeline.hashtide(*PRODUCE)
    with pipeline.process("worker", "--metrics-port=0") as worker:
        pipeline.reach(1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0, pipeline.log()
    with pipeline.worker():
        pipeline.settle()
    assert pipeline.sums() == expected


def test_a_frozen_worker_that_wakes_up_after_its_session_changes_nothing(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]]
) -> None:
    pipeline.hashtide(*PRODUCE)
    with pipeline.process("worker", "--metrics-port=0") as frozen:
        pipeline.reach(1)
        frozen.send_signal(signal.SIGSTOP)
        with pipeline.worker():
            pipeline.settle()  # after the frozen one's session has ended, and the rebalance
            frozen.send_signal(signal.SIGCONT)
            time.sleep(3)  # it finishes what it had in hand
            frozen.send_signal(signal.SIGTERM)
            frozen.wait(timeout=30)
    assert pipeline.sums() == expected


def test_elasticsearch_away_for_a_while_holds_the_workers_up_and_loses_nothing(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]], servers: Stack
) -> None:
    with pipeline.process(*PRODUCE), pipeline.worker():
        pipeline.reach(1)
        servers.elasticsearch.kill()
        pipeline.until(lambda: "Elasticsearch does not do" in pipeline.log())
        servers.elasticsearch.start()
        pipeline.settle(MESSAGES)
    assert pipeline.sums() == expected


def test_sigterm_ends_a_worker_within_10_seconds_also_while_elasticsearch_is_away(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]], servers: Stack
) -> None:
    pipeline.hashtide(*PRODUCE)
    with pipeline.process("worker", "--metrics-port=0") as worker:
        pipeline.reach(1)
        servers.elasticsearch.kill()
        pipeline.until(lambda: "Elasticsearch does not do" in pipeline.log())
        worker.send_signal(signal.SIGTERM)
        try:
            assert worker.wait(timeout=10) == 0, pipeline.log()
        finally:
            servers.elasticsearch.start()
            servers.elasticsearch.wait()
    with pipeline.worker():
        pipeline.settle()
    assert pipeline.sums() == expected


def test_a_restart_of_kafka_loses_nothing(
    pipeline: Pipeline, expected: Counter[tuple[Any, ...]], servers: Stack
) -> None:
    with pipeline.process(*PRODUCE), pipeline.worker():
        pipeline.reach(1)
        servers.kafka.stop()
        servers.kafka.start()
        servers.kafka.wait()
        pipeline.settle(MESSAGES)
    assert pipeline.sums() == expected
