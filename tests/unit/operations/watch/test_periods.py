"""The period that is shown: literal input and output."""

from datetime import UTC, datetime

import pytest

from operations.watch.periods import MOST_STEPS, SPANS, Span, duration, period, step_name

NOW = "2017-10-16T20:00:30"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def reported(span: Span, oldest: str, newest: str, now: str = NOW) -> tuple[str, str, int]:
    found = period(span, ms(oldest), ms(newest), ms(now))
    from_, to = (datetime.fromtimestamp(at / 1000, UTC).strftime("%d %H:%M") for at in (found.from_ms, found.to_ms))
    return from_, to, found.step_ms // 60_000


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("15m", ("16 19:46", "16 20:01", 1)),
        ("1h", ("16 19:01", "16 20:01", 1)),
        ("6h", ("16 14:00", "16 20:01", 5)),
        ("48h", ("14 20:00", "16 20:01", 30)),
        ("all", ("15 08:00", "16 20:00", 30)),
    ],
)
def test_span_ends_with_current_minute(span: Span, expected: tuple[str, str, int]) -> None:
    assert reported(span, "2017-10-15T08:10:00", "2017-10-16T19:59:00") == expected


def test_span_ends_with_newest_data_if_data_is_old() -> None:
    assert reported("1h", "2017-10-14T08:00:00", "2017-10-16T18:59:00") == ("16 18:00", "16 19:00", 1)
    assert reported("1h", "2017-10-14T08:00:00", "2017-10-16T19:01:00") == ("16 19:01", "16 20:01", 1)
    assert reported("15m", "2017-10-14T08:00:00", "2017-10-16T18:59:00", "2026-01-01T00:00:00") == (
        "16 18:45",
        "16 19:00",
        1,
    )


def test_shows_counts_ahead_of_local_clock() -> None:
    assert reported("15m", "2017-10-16T19:00:00", "2017-10-16T20:03:00") == ("16 19:49", "16 20:04", 1)


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize(
    "oldest", ["2017-10-16T19:59:00", "2017-10-15T00:00:00", "2017-01-01T00:07:00", "2006-01-01T00:00:00"]
)
def test_number_of_steps_is_bounded(span: Span, oldest: str) -> None:
    found = period(span, ms(oldest), ms("2017-10-16T19:59:00"), ms(NOW))
    assert 1 <= len(found.starts) <= MOST_STEPS + 1
    assert found.from_ms % found.step_ms == 0
    assert found.starts[0] == found.from_ms


@pytest.mark.parametrize(
    ("length_ms", "expected"),
    [
        (-5, "0 s"),
        (40_900, "40 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2 days"),
        (283_824_000_000, "9 years"),
    ],
)
def test_duration_text(length_ms: int, expected: str) -> None:
    assert duration(length_ms) == expected


def test_step_text() -> None:
    assert [step_name(minutes * 60_000) for minutes in (1, 5, 60, 360, 1440, 10_080)] == [
        "minute",
        "5 min",
        "hour",
        "6 h",
        "day",
        "7 days",
    ]
