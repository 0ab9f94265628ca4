"""What goes wrong at night: workers die, freeze, come and go, servers go away. Every count must be right in the end.

The scenarios are those of `make chaos`, in their short form. Copies, edits and deletions of posts come in each of them.
"""

import signal
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.chaos import servers as chaos_of_servers
from tests.chaos import sources as chaos_of_sources
from tests.chaos import workers as chaos_of_workers
from tests.chaos.trial import Trial, begin
from tests.integration.pipeline import Scraped
from tests.ports import free_ports


@pytest.fixture
def trial(environment: dict[str, str], tmp_path: Path, servers: Stack, request: pytest.FixtureRequest) -> Trial:
    """A trial that is the same each time."""
    return begin(environment, tmp_path, servers, request.node.name)


def test_workers_killed_between_ledger_counts_and_commit_lose_nothing_and_count_nothing_twice(trial: Trial) -> None:
    chaos_of_workers.die_at(trial, "after-create", "during-put", "before-commit")


def test_workers_that_join_and_leave_under_load_lose_nothing_and_leave_within_10_seconds(trial: Trial) -> None:
    chaos_of_workers.join_and_leave(trial, 1, 3, 1)


def test_a_frozen_worker_that_wakes_up_after_its_session_changes_nothing(trial: Trial) -> None:
    chaos_of_workers.freeze(trial, "before counts")  # the one moment with a write in hand for certain


def test_sigterm_ends_a_worker_within_10_seconds_also_while_elasticsearch_is_away(trial: Trial) -> None:
    pipeline, server = trial.pipeline, trial.servers.elasticsearch
    trial.send(12_000)  # so that there is some left when the server goes
    (port,) = free_ports(1)
    metrics = Scraped(port)
    with pipeline.process("worker", f"--metrics-port={port}") as worker:
        pipeline.reach(1)
        server.kill()
        try:
            pipeline.until(lambda: metrics.retries("connection") > 0)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=10) == 0, pipeline.log()
        finally:
            server.start()
            server.wait()
    with pipeline.worker():
        trial.end()


def test_elasticsearch_killed_or_read_only_holds_the_workers_up_and_loses_nothing(trial: Trial) -> None:
    chaos_of_servers.elasticsearch_goes_away(trial, "kill", "block of indices")


def test_elasticsearch_that_refuses_cuts_and_dawdles_loses_nothing_and_counts_nothing_twice(trial: Trial) -> None:
    chaos_of_servers.elasticsearch_has_bad_days(trial, messages=1_500, share=0.3)


def test_a_restart_of_kafka_loses_nothing(trial: Trial) -> None:
    chaos_of_servers.kafka_restarts(trial, "stop", crowd=1)


def test_messages_that_cannot_be_decoded_or_written_are_dead_letters_and_the_others_count(trial: Trial) -> None:
    chaos_of_sources.messages_are_none(trial, rounds=5)
