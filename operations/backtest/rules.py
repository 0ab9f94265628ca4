"""Prometheus' rules, their dependencies, and when an alert fires. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from operations.backtest.history import STEP_MS, Samples, SeriesLabels

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class PrometheusRule(msgspec.Struct, frozen=True):
    """A recording rule (`alerting` is False) or an alerting rule."""

    name: str
    expr: str
    labels: SeriesLabels
    alerting: bool
    for_ms: int = 0
    keep_firing_ms: int = 0

    def reads(self, name: str) -> bool:
        return name in NAME.findall(self.expr)


class Firing(msgspec.Struct, frozen=True):
    """The time in which an alert fired; `end_ms` is None if it still fires at the end of the counts."""

    start_ms: int
    end_ms: int | None


def rules_of(answer: Any) -> list[PrometheusRule]:
    """The rules in an answer of /api/v1/rules, in Prometheus' order of evaluation within a group."""
    return [
        PrometheusRule(
            name=each["name"],
            expr=each["query"],
            labels=tuple(sorted((each.get("labels") or {}).items())),
            alerting=each["type"] == "alerting",
            for_ms=round(each.get("duration", 0) * 1000),
            keep_firing_ms=round(each.get("keepFiringFor", 0) * 1000),
        )
        for group in answer["groups"]
        for each in group["rules"]
    ]


def needed(
    rules: Sequence[PrometheusRule], wanted: Sequence[PrometheusRule], given: set[str]
) -> list[list[PrometheusRule]]:
    """The recording rules that `wanted` depends on, in rounds: each reads only `given` names and earlier rounds.

    A name that no rule records has no samples. Raises ValueError for circular rules.
    """
    recording = [rule for rule in rules if not rule.alerting and rule.name not in given]
    all_: list[PrometheusRule] = []
    newest = list(wanted)
    while newest:
        newest = [rule for rule in recording if rule not in all_ and any(each.reads(rule.name) for each in newest)]
        all_ += newest
    rounds: list[list[PrometheusRule]] = []
    while all_:
        ready = [rule for rule in all_ if not any(rule.reads(other.name) for other in all_)]
        if not ready:
            raise ValueError(f"recording rules depend on each other: {', '.join(rule.name for rule in all_)}")
        rounds.append(ready)
        all_ = [rule for rule in all_ if rule not in ready]
    return rounds


def firings(samples: Samples, for_ms: int, keep_firing_ms: int, from_ms: int, to_ms: int) -> list[Firing]:
    """When an alert fires whose expression has results exactly at the samples' times.

    As in Prometheus (rules/alerting.go, AlertingRule.Eval), evaluated every 5 minutes: it fires when the expression has
    had results for `for_ms`; it resolves when the expression has had none for `keep_firing_ms`.
    """
    found: list[Firing] = []
    active_ms: int | None = None  # since when there are results
    fired_ms: int | None = None
    gone_ms: int | None = None  # while firing: since when there are none
    for now_ms in range(from_ms, to_ms + 1, STEP_MS):
        if now_ms in samples:
            gone_ms = None
            active_ms = now_ms if active_ms is None else active_ms
            if fired_ms is None and now_ms - active_ms >= for_ms:
                fired_ms = now_ms
        elif fired_ms is None:
            active_ms = None
        else:
            gone_ms = now_ms if gone_ms is None else gone_ms
            if now_ms - gone_ms >= keep_firing_ms:
                found.append(Firing(fired_ms, now_ms))
                active_ms = fired_ms = gone_ms = None
    if fired_ms is not None:
        found.append(Firing(fired_ms, None))
    return found
