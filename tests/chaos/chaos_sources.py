"""Producers die, posts come at odd times, and messages are no messages."""

from tests.chaos import sources
from tests.chaos.trial import Trial


def test_producers_killed_in_the_middle_of_files(trial: Trial) -> None:
    sources.producers_are_killed(trial, times=5)


def test_posts_late_backwards_all_at_once_and_by_clocks_that_jump(trial: Trial) -> None:
    sources.posts_come_at_odd_times(trial, messages=20_000)


def test_messages_that_cannot_be_decoded_or_written(trial: Trial) -> None:
    sources.messages_are_none(trial, rounds=20)
