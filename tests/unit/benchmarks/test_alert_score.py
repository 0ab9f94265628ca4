"""The score of benchmarks/alerts: for alerts, false alarms and silence."""

import pytest

from benchmarks.alerts.score import scaled, score, worth
from benchmarks.alerts.series import REGIMES, make


def test_alert_scores_most_at_window_start_and_nothing_at_its_end() -> None:
    assert [round(worth(start, (100, 200)), 2) for start in (100, 150, 190, 200)] == [0.99, 0.85, 0.24, 0.0]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ([], -2.0),
        ([200, 600], 0.99 * 2),
        ([200, 210, 220, 600], 0.99 * 2),  # more in the same window cost nothing
        ([200], 0.99 - 1),
        ([200, 400, 600, 800], 0.99 * 2 - 0.2),
        ([10, 149, 200, 600], 0.99 * 2),  # the first 15 % are not scored
    ],
)
def test_first_alert_in_a_window_counts_and_false_alarm_costs_a_tenth(starts: list[float], expected: float) -> None:
    total, windows = score(starts, [(200, 300), (600, 700)], 1000)
    assert (round(total, 1), windows) == (round(expected, 1), 2)


def test_silence_scores_0_and_perfection_100() -> None:
    assert (scaled(-3.0, 3), scaled(3.0, 3)) == (0.0, 100.0)


def test_same_seed_gives_same_series() -> None:
    one, again, other = (make(REGIMES["quiet"], seed) for seed in (7, 7, 8))
    assert one.values.tolist() == again.values.tolist() and one.events == again.events
    assert one.values.tolist() != other.values.tolist()
