"""From a spike in the worker's counters to a notification, through the shipped rules and the shipped routing."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.integration.alerting import alertmanager, until, webhook
from tests.integration.prometheus import Prometheus, Series, exporter

CALM_S: Final = 5400
"""How long campaigns are calm before: more than the hour without which the rules say nothing."""
SETTLED: Final = 3
"""Evaluations in which nothing else may come about."""
SPIKE: Final = "ReplyVolumeSpike"


def campaign(name: str, start_s: float, spike_s: tuple[float, float] = (0, 0)) -> list[Series]:
    """A campaign that has a reply in 6 seconds, half of them in Spanish; in a spike, 3 a second, all in Spanish."""

    def calm(at_s: float) -> float:
        return (at_s - start_s) / 6

    def more(at_s: float) -> float:
        return 3 * (min(max(at_s, spike_s[0]), spike_s[1]) - spike_s[0])

    def series(metric: str, value: float, spiking: float, **labels: str) -> Series:
        return Series(
            f"hashtide_campaign_{metric}_total",
            {"campaign": name, **labels},
            lambda at_s: float(int(calm(at_s) * value) + int(more(at_s) * spiking)),
        )

    return [
        series("posts", 1, 1, platform="x", kind="reply"),
        series("posts", 0.1, 0, platform="x", kind="original"),
        series("posts", 0, 0, platform="mastodon", kind="reply"),
        series("language_posts", 0.5, 0, language="en"),
        series("language_posts", 0.6, 1, language="es"),
        series("region_posts", 0.5, 0, region="US"),
        series("region_posts", 0.6, 1, region="MX"),
    ]


def test_a_spike_is_reported_once_and_resolves(tmp_path: Path) -> None:
    """First Prometheus meets a campaign ten minutes into a spike; then, as the rule goes on firing for an hour, one
    whose spike ended longer ago than that: what the Prometheus that ran all the while would have come to."""
    (tmp_path / "alertmanager").mkdir()
    with webhook() as (notified, hook), alertmanager(tmp_path / "alertmanager", hook) as alerts_to:
        with in_a_campaign(tmp_path / "during", alerts_to, began_s=600, ended_s=-600) as prometheus:
            until(lambda: notified.of(SPIKE, "firing"), "the notification")
            until(lambda: {name for name, _ in prometheus.firing()} >= {"LanguageSpike", "RegionSpike"}, "the others")
            prometheus.evaluates(SETTLED)
            assert {campaign for _, campaign in prometheus.firing()} == {"metoo"}
        with in_a_campaign(tmp_path / "after", alerts_to, began_s=5400, ended_s=4500) as prometheus:
            until(lambda: prometheus.evaluated(SPIKE), "that the rule is looked at")
            until(lambda: notified.of(SPIKE, "resolved"), "that it resolves")
            prometheus.evaluates(SETTLED)
            assert prometheus.firing() == set()
    (firing,), (resolved,) = notified.of(SPIKE, "firing"), notified.of(SPIKE, "resolved")
    assert firing["receiver"] == resolved["receiver"] == "on-call"
    assert firing["groupLabels"] == resolved["groupLabels"] == {"campaign": "metoo"}
    (spike,) = firing["alerts"]
    assert spike["labels"] == {"alertname": SPIKE, "campaign": "metoo", "severity": "page"}
    assert "metoo" in spike["annotations"]["summary"]
    assert spike["annotations"]["runbook_url"].endswith("#replyvolumespike")
    tickets = [alert["labels"] for each in notified.all if each["receiver"] == "team" for alert in each["alerts"]]
    assert {(t["alertname"], t["campaign"], t.get("language"), t.get("region")) for t in tickets} == {
        ("LanguageSpike", "metoo", "es", None),
        ("RegionSpike", "metoo", None, "MX"),
    }


@contextlib.contextmanager
def in_a_campaign(folder: Path, alerts_to: str, *, began_s: int, ended_s: int) -> Iterator[Prometheus]:
    """A Prometheus that has seen a calm campaign and one that spikes from so many seconds ago to so many, or ahead."""
    now_s = int(time.time())
    start_s = now_s - CALM_S - began_s
    series = campaign("metoo", start_s, (now_s - began_s, now_s - ended_s)) + campaign("timesup", start_s)
    with exporter(series) as target:
        prometheus = Prometheus(folder, target, alerts_to.removeprefix("http://"))
        prometheus.past(series, start_s, now_s)
        with prometheus.live():
            yield prometheus
