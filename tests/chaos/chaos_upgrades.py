"""Versions side by side, and another group."""

from tests.chaos import upgrades
from tests.chaos.trial import Trial
from tests.chaos.upgrades import NEWER, TODAY


def test_workers_of_two_versions_take_each_others_place_under_load(trial: Trial) -> None:
    upgrades.roll(trial, TODAY, NEWER, TODAY, NEWER, NEWER, TODAY)


def test_another_group_handles_everything_again_and_changes_no_count(trial: Trial) -> None:
    upgrades.another_group(trial, messages=1_000)


def test_a_message_of_a_newer_schema_stops_an_old_worker_and_waits_for_a_newer_one(trial: Trial) -> None:
    upgrades.newer_messages(trial)
