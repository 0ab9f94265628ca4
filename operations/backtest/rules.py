"""Rules as Prometheus has read them, what they need of each other, and when an alert is told. All pure."""

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
    """An alert from when it began to fire until it was resolved; None while it still fires at the end of history."""

    start_ms: int
    end_ms: int | None


def rules_of(answer: Any) -> list[PrometheusRule]:
    """The rules in the answer of /api/v1/rules, in the order in which Prometheus evaluates those of a group."""
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
    """The recording rules that `wanted` rests on, in rounds: each reads only `given` names and those of rounds before.

    A name that no rule records has no samples in history, and is not there for those that read it.
    """
    recording = [rule for rule in rules if not rule.alerting and rule.name not in given]
    all_: list[PrometheusRule] = []
    front = list(wanted)
    while front:
        front = [rule for rule in recording if rule not in all_ and any(each.reads(rule.name) for each in front)]
        all_ += front
    rounds: list[list[PrometheusRule]] = []
    while all_:
        ready = [rule for rule in all_ if not any(rule.reads(other.name) for other in all_)]
        if not ready:
            raise ValueError(f"recording rules rest on each other: {', '.join(rule.name for rule in all_)}")
        rounds.append(ready)
        all_ = [rule for rule in all_ if rule not in ready]
    return rounds


def firings(samples: Samples, for_ms: int, keep_firing_ms: int, from_ms: int, to_ms: int) -> list[Firing]:
    """When an alert fires whose expression gives something at these times, and nothing in between.

    As in Prometheus (rules/alerting.go, AlertingRule.Eval), evaluated every 5 minutes: it fires when the expression has
    given something for `for_ms`; it is resolved when the expression gives nothing, and has not for `keep_firing_ms`.
    """
    found: list[Firing] = []
    active_ms: int | None = None  # since when the expression gives something
    fired_ms: int | None = None
    gone_ms: int | None = None  # since when it gives nothing, while firing
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
