"""Workers die, freeze, come and go."""

from tests.chaos import workers
from tests.chaos.faulty_worker import POINTS
from tests.chaos.trial import Trial


def test_workers_that_die_between_ledger_counts_and_commit(trial: Trial) -> None:
    workers.die_at(trial, *POINTS)


def test_workers_killed_at_random_moments(trial: Trial) -> None:
    workers.are_killed(trial, times=20, crowd=2)


def test_workers_that_join_and_leave_under_load(trial: Trial) -> None:
    workers.join_and_leave(trial, 1, 3, 2, 1)


def test_frozen_workers_that_wake_up_and_write_on(trial: Trial) -> None:
    workers.freeze(trial, "before ledger", "after ledger", "before counts", "after counts")
