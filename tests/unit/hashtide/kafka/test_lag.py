"""Lag of a partition, for each combination of its offsets and its commit."""

import pytest

from hashtide.kafka.lag import lag


@pytest.mark.parametrize(
    ("case", "beginning", "end", "committed", "expected"),
    [
        ("committed within the log", 0, 100, 40, 60),
        ("all handled", 0, 100, 100, 0),
        ("never committed", 0, 100, None, 100),
        ("never committed, and the beginning removed by retention", 70, 100, None, 30),
        ("committed, and records after the commit removed by retention", 70, 100, 40, 30),
        ("empty", 0, 0, None, 0),
        ("emptied by retention", 100, 100, 40, 0),
        ("committed past the end, in an earlier incarnation of the topic", 0, 10, 500, 0),
    ],
)
def test_lag(case: str, beginning: int, end: int, committed: int | None, expected: int) -> None:
    assert lag(beginning, end, committed) == expected
