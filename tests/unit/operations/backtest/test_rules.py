"""When an alert fires, and in which order rules are evaluated."""

import pytest

from operations.backtest.rules import Firing, PrometheusRule, firings, needed

MIN = 60_000


def fired(given: str, for_min: int = 0, keep_min: int = 0) -> list[tuple[int, int | None]]:
    """Starts and ends in minutes; `given` has a letter for each 5 minutes, # if the expression returns a result."""
    samples = {i * 5 * MIN: 1.0 for i, letter in enumerate(given) if letter == "#"}
    found = firings(samples, for_min * MIN, keep_min * MIN, 0, (len(given) - 1) * 5 * MIN)
    return [(each.start_ms // MIN, None if each.end_ms is None else each.end_ms // MIN) for each in found]


@pytest.mark.parametrize(
    ("given", "for_min", "keep_min", "expected"),
    [
        ("....", 0, 0, []),
        (".#..", 0, 0, [(5, 10)]),
        (".##.#.", 0, 0, [(5, 15), (20, 25)]),
        (".##", 0, 0, [(5, None)]),
        ("####.", 10, 0, [(10, 20)]),
        ("##.##.", 10, 0, []),
        ("#.......", 0, 15, [(0, 20)]),  # false from minute 5, resolved 15 minutes later
        ("#...#...", 0, 15, [(0, None)]),
        ("#..#.....", 0, 15, [(0, 35)]),
        ("#...#.....", 0, 10, [(0, 15), (20, 35)]),
        ("###.#####.", 10, 5, [(10, None)]),
        ("###..###..", 10, 5, [(10, 20), (35, 45)]),
    ],
)
def test_firing_begins_after_for_and_ends_after_keep_firing_for(
    given: str, for_min: int, keep_min: int, expected: list[tuple[int, int | None]]
) -> None:
    assert fired(given, for_min, keep_min) == expected


def rule(name: str, expr: str, alerting: bool = False) -> PrometheusRule:
    return PrometheusRule(name=name, expr=expr, labels=(), alerting=alerting)


def test_recording_rules_are_evaluated_after_the_rules_they_read() -> None:
    base, mean = rule("a:b:base", "sum(x)"), rule("a:b:mean", "avg_over_time(a:b:base[9m])")
    low, high = rule("a:b:part", "0 * a:b:mean"), rule("a:b:part", "max_over_time(a:b:mean[1d])")
    top, other = rule("a:b:top", "max(a:b:part)"), rule("a:b:other", "a:b:base")
    alert = rule("Alert", "a:b:mean > a:b:top", alerting=True)
    rounds = needed([base, mean, low, high, top, other, alert], [alert], {"a:b:base"})
    assert rounds == [[mean], [low, high], [top]]


def test_name_prefix_is_not_a_dependency() -> None:
    assert not rule("x", "a:b:part_of > 0").reads("a:b:part")


def test_refuses_circular_rules() -> None:
    first, second = rule("a", "b + 1"), rule("b", "a + 1")
    with pytest.raises(ValueError, match="depend on each other: a, b"):
        needed([first, second], [rule("Alert", "a > 1", alerting=True)], set())


def test_firing_without_end_is_still_firing() -> None:
    assert firings({0: 1.0}, 0, 0, 0, 0) == [Firing(0, None)]
