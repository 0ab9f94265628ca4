import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtide.times import DAY_MS
from stream_jobs.domain.windows import WINDOW_MS, Watermark, day, window_start_ms

YEAR_1_MS, YEAR_9999_MS = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("event_ms", "start_ms"),
    [
        (0, 0),
        (59_999, 0),
        (60_000, 60_000),
        (1_508_097_630_123, 1_508_097_600_000),
        (1_508_097_600_000, 1_508_097_600_000),
        (1_508_097_599_999, 1_508_097_540_000),
        (-1, -60_000),
        (-60_000, -60_000),
    ],
)
def test_window_starts_at_the_full_minute(event_ms: int, start_ms: int) -> None:
    assert window_start_ms(event_ms) == start_ms


@given(st.integers(YEAR_1_MS, YEAR_9999_MS))
def test_window_contains_its_event_and_is_within_one_day(event_ms: int) -> None:
    start_ms = window_start_ms(event_ms)
    assert start_ms <= event_ms < start_ms + WINDOW_MS
    assert start_ms % WINDOW_MS == 0
    assert day(start_ms) == day(event_ms) == day(start_ms + WINDOW_MS - 1)


@pytest.mark.parametrize(
    ("event_ms", "name"),
    [
        (0, "1970.01.01"),
        (-1, "1969.12.31"),
        (1_136_073_600_000, "2006.01.01"),
        (1_456_747_200_000, "2016.02.29"),
        (1_508_111_999_999, "2017.10.15"),
        (1_508_112_000_000, "2017.10.16"),
        (YEAR_9999_MS, "9999.12.31"),
    ],
)
def test_day_starts_at_midnight_utc(event_ms: int, name: str) -> None:
    assert day(event_ms) == name


def test_days_are_consecutive() -> None:
    names = [day(1_483_228_800_000 + n * DAY_MS) for n in range(365)]
    assert (names[0], names[31], names[-1]) == ("2017.01.01", "2017.02.01", "2017.12.31")
    assert names == sorted(set(names))


def test_watermark_closes_window_after_grace_time_and_never_moves_back() -> None:
    watermark = Watermark()
    watermark.advance(959_999)
    assert not watermark.closes(0, grace_ms=900_000)
    watermark.advance(960_000)
    assert watermark.closes(0, grace_ms=900_000)
    watermark.advance(0)
    assert watermark.closes(0, grace_ms=900_000)
    assert not watermark.closes(60_000, grace_ms=900_000)
