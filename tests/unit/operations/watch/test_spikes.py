"""The usual rate, spikes and their drivers: bins of five minutes in, literal results out."""

import pytest

from operations.watch.spikes import Bins, Driver, Spike, drivers, newest_spike, usual

BIN = 300_000
END = 1_508_184_000_000  # 2017-10-16T20:00:00Z


def spike(*counts: int) -> Spike | None:
    return newest_spike(Bins(END, counts))


def test_usual_is_the_median_of_the_day_before() -> None:
    assert usual([1] * 6 + [9] * 6 + [1000], 12) == 5.0
    assert usual([1000] * 10 + [7] * 288 + [8], 298) == 7.0


def test_no_usual_rate_from_less_than_an_hour() -> None:
    assert usual([5] * 11, 11) is None
    assert usual([5] * 12, 12) == 5.0
    assert spike(*[0] * 11, 10_000) is None


def test_spike_is_twice_the_usual_and_twenty_posts_more() -> None:
    assert spike(*[20] * 12, 39) is None
    assert spike(*[20] * 12, 40) == Spike(
        from_ms=END - BIN,
        to_ms=END,
        peak_ms=END - BIN,
        peak=40,
        usual=20.0,
        goes_on=True,
        before_from_ms=END - 2 * BIN,
    )
    assert spike(*[1] * 12, 20) is None  # twenty times the usual, but too few posts
    assert spike(*[1] * 12, 21) is not None


def test_spike_above_usual_of_zero_has_no_factor() -> None:
    found = spike(*[0] * 12, 20)
    assert found is not None
    assert found.times is None


def test_spike_continues_through_two_quiet_bins_and_ends_at_third() -> None:
    found = spike(*[10] * 24, 50, 10, 10, 60, 10, 10)
    assert found is not None
    assert (found.from_ms, found.to_ms) == (END - 6 * BIN, END - 2 * BIN)
    assert (found.peak_ms, found.peak, found.usual, found.times) == (END - 3 * BIN, 60, 10.0, 6.0)
    assert found.goes_on
    assert found.before_from_ms == END - 10 * BIN
    ended = spike(*[10] * 24, 50, 10, 10, 60, 10, 10, 10)
    assert ended is not None
    assert not ended.goes_on


def test_returns_newest_spike_not_highest() -> None:
    found = spike(*[10] * 24, 900, *[10] * 6, 40, *[10] * 4)
    assert found is not None
    assert (found.from_ms, found.peak) == (END - 5 * BIN, 40)


def test_sustained_high_level_becomes_usual() -> None:
    found = spike(*[10] * 24, *[100] * 60)
    assert found is not None
    assert (found.to_ms - found.from_ms) // BIN == 24
    assert not found.goes_on


def test_early_spike_is_compared_with_available_history() -> None:
    found = spike(*[10] * 12, *[100] * 12)
    assert found is not None
    assert found.before_from_ms == END - 24 * BIN
    longer = spike(*[10] * 13, *[100] * 13, *[50] * 2)
    assert longer is not None
    assert longer.before_from_ms == END - 28 * BIN


def of(from_ms: int, to_ms: int, before_from_ms: int) -> Spike:
    return Spike(from_ms, to_ms, from_ms, 100, 10.0, True, before_from_ms)


def test_drivers_are_keys_with_largest_growth_in_posts() -> None:
    counts = {"en": (900, 1_800), "it": (1, 40), "sv": (50, 30), "fr": (10, 400), "de": (5, 305), "nl": (7, 7)}
    assert drivers(of(200, 300, 100), counts) == (
        Driver("en", 900.0, 1_800),
        Driver("fr", 10.0, 400),
        Driver("de", 5.0, 305),
    )


def test_drivers_with_equal_growth_are_ordered_by_key() -> None:
    assert [driver.key for driver in drivers(of(200, 300, 100), {"b": (0, 5), "a": (1, 6)})] == ["a", "b"]


@pytest.mark.parametrize(
    ("before_from_ms", "expected"),
    [(100, 30.0), (150, 60.0), (200, 0.0)],
    ids=["as long", "half as long: scaled", "nothing before"],
)
def test_scales_time_before_to_length_of_spike(before_from_ms: int, expected: float) -> None:
    assert drivers(of(200, 300, before_from_ms), {"en": (30, 100)}) == (Driver("en", expected, 100),)
