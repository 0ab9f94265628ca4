"""Run the alerting rules over past counts."""

import itertools
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from hashtide.errors import HashtideError
from hashtide.interrupts import sigterm_as_interrupt
from hashtide.times import iso
from operations.backtest.history import STEP_MS, Samples, SeriesLabels, TimeSeries
from operations.backtest.prometheus import answer, program, query_range, running
from operations.backtest.rules import Firing, PrometheusRule, firings, needed, rules_of

RULES: Final = Path(str(files("deploy") / "prometheus" / "rules"))
CAMPAIGN: Final = "campaign:hashtide_posts:increase5m"
LANGUAGE: Final = "campaign_language:hashtide_posts:increase5m"
REGION: Final = "campaign_region:hashtide_posts:increase5m"


class UnknownAlert(HashtideError, ValueError):
    """The rules have no such alert, or it can't be evaluated from these counts."""

    exit_status = 2


class Alert(msgspec.Struct, frozen=True):
    """One firing of an alert."""

    name: str
    labels: dict[str, str]
    start: str
    """ISO 8601, UTC: the sample at which it started to fire."""
    end: str | None
    """The sample at which it resolved; None if it still fires at the end of the counts."""
    peak: float
    """The highest 5-minute count while it fired."""
    peak_time: str


class Backtest(msgspec.Struct, frozen=True):
    """The alerts, ordered by start, and all series that were read or recorded."""

    alerts: list[Alert]
    series: list[TimeSeries]
    from_ms: int
    to_ms: int


def backtest(history: Sequence[TimeSeries], names: Sequence[str], rules: Path = RULES) -> Backtest:
    """Run these alerts over 5-minute counts; all series must share one time grid. Blocks for seconds.

    Leaves nothing behind, even after a signal. Raises NoPrometheus, UnknownAlert.
    """
    program("promtool"), program("prometheus")
    times = [at_ms for each in history for at_ms in (min(each.samples), max(each.samples))]
    from_ms, to_ms = min(times), max(times)
    given = {each.name for each in history}
    recorded = list(history)
    with sigterm_as_interrupt(), tempfile.TemporaryDirectory(prefix="hashtide-backtest-") as temporary:
        folder = Path(temporary) / "prometheus"
        rounds: list[list[PrometheusRule]] | None = None
        while True:
            with running(folder, recorded, rules if rounds is None else None) as client:
                if rounds is None:
                    all_ = rules_of(answer(client, "/api/v1/rules"))
                    wanted = _wanted(all_, names, given)
                    rounds = needed(all_, wanted, given)
                if not rounds:
                    evaluated = {rule: query_range(client, rule.expr, rule.name, from_ms, to_ms) for rule in wanted}
                    break
                for rule in rounds.pop(0):
                    recorded += [
                        msgspec.structs.replace(each, labels=_with(each.labels, rule))
                        for each in query_range(client, rule.expr, rule.name, from_ms, to_ms)
                    ]
            recorded.sort(key=lambda each: (each.name, each.labels))
    alerts = [
        _alert(rule, each, firing, history, to_ms)
        for rule, results in evaluated.items()
        for each in results
        for firing in firings(each.samples, rule.for_ms, rule.keep_firing_ms, from_ms, to_ms)
    ]
    return Backtest(sorted(alerts, key=lambda a: (a.start, a.name)), recorded, from_ms, to_ms)


def _wanted(rules: Sequence[PrometheusRule], names: Sequence[str], given: set[str]) -> list[PrometheusRule]:
    """The alerting rules with these names. Raises UnknownAlert if one needs counts that are not given."""
    possible: dict[str, PrometheusRule] = {}
    for rule in rules:
        reading = [rule, *itertools.chain(*needed(rules, [rule], given))]
        missing = any(each.name.endswith(":increase5m") for each in reading)  # counts that are not given
        if rule.alerting and not missing and any(each.reads(name) for each in reading for name in given):
            possible[rule.name] = rule
    for name in names:
        if name not in possible:
            raise UnknownAlert(f"alert {name!r} can't run on these counts; these can: {', '.join(sorted(possible))}")
    return [possible[name] for name in names]


def _with(labels: SeriesLabels, rule: PrometheusRule) -> SeriesLabels:
    return tuple(sorted({**dict(labels), **dict(rule.labels)}.items()))


def _alert(rule: PrometheusRule, fired: TimeSeries, firing: Firing, history: Sequence[TimeSeries], to_ms: int) -> Alert:
    """The alert, with the peak of the counts that share most labels with it."""
    labels = dict(fired.labels)
    counts = max(history, key=lambda each: sum(labels.get(key) == value for key, value in each.labels)).samples
    end_ms = to_ms + STEP_MS if firing.end_ms is None else firing.end_ms
    value, before_ms = _peak(counts, firing.start_ms, end_ms)
    return Alert(
        name=rule.name,
        labels={**labels, **dict(rule.labels)},
        start=iso(firing.start_ms),
        end=None if firing.end_ms is None else iso(firing.end_ms),
        peak=value,
        peak_time=iso(-before_ms),
    )


def _peak(counts: Samples, from_ms: int, to_ms: int) -> tuple[float, int]:
    """The highest count in [from_ms, to_ms) and its negated time; of equal counts the first."""
    return max(
        ((counts[at_ms], -at_ms) for at_ms in range(from_ms, to_ms, STEP_MS) if at_ms in counts),
        default=(0.0, -from_ms),
    )
