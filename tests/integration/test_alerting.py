"""From a spike in the worker's counters to a notification, through the shipped rules and the shipped routing."""

import time
from pathlib import Path
from typing import Final

from tests.integration.alerting import alertmanager, until, webhook
from tests.integration.prometheus import STEP_S, Prometheus, Series, exporter

PAST_S: Final = 26 * 3600
WINDOW_S: Final = 300
"""What the rules of a spike look at."""
SPIKE_S: Final = 60
SETTLED_S: Final = 4.0


def campaign(name: str, start_s: int, spike_s: tuple[int, int] | None = None) -> list[Series]:
    """A campaign that has a reply in 6 seconds, half of them in Spanish; in a spike, 60 a second, all in Spanish."""

    def calm(at_s: float) -> float:
        return (at_s - start_s) / 6

    def more(at_s: float) -> float:
        if spike_s is None:
            return 0.0
        return 60 * (min(max(at_s, spike_s[0]), spike_s[1]) - spike_s[0])

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


def test_a_spike_is_told_once_and_resolves(tmp_path: Path) -> None:
    (tmp_path / "alertmanager").mkdir()
    with webhook() as (notified, hook), alertmanager(tmp_path / "alertmanager", hook) as alerts_to:
        series: list[Series] = []
        with exporter(series) as target:
            prometheus, now_s = with_a_spike(tmp_path, series, target, alerts_to)
            time.sleep(max(0.0, now_s + 0.5 - time.time()))
            with prometheus.live():
                until(lambda: notified.of("ReplyVolumeSpike", "firing"), "the notification")
                assert {campaign for name, campaign in prometheus.firing() if name == "ReplyVolumeSpike"} == {"metoo"}
                until(lambda: notified.of("ReplyVolumeSpike", "resolved"), "that it resolves")
                time.sleep(SETTLED_S)
    (firing,), (resolved,) = notified.of("ReplyVolumeSpike", "firing"), notified.of("ReplyVolumeSpike", "resolved")
    assert firing["receiver"] == resolved["receiver"] == "on-call"
    assert firing["groupLabels"] == resolved["groupLabels"] == {"campaign": "metoo"}
    (spike, *_) = [alert for alert in firing["alerts"] if alert["labels"]["alertname"] == "ReplyVolumeSpike"]
    assert spike["labels"]["severity"] == "page"
    assert "metoo" in spike["annotations"]["summary"]
    assert all(alert["labels"].get("campaign") != "timesup" for each in notified.all for alert in each["alerts"])


def with_a_spike(folder: Path, series: list[Series], target: int, alerts_to: str) -> tuple[Prometheus, int]:
    """A Prometheus that has seen a spike, whose end is still in the window at the moment that comes with it.

    That moment is ahead, for the past takes a while to write: again, with more time, where it took longer.
    """
    allowed_s = 8
    while True:
        now_s = int(time.time()) + allowed_s
        start_s, over_s = now_s - PAST_S, now_s - WINDOW_S + 2 * STEP_S
        series[:] = campaign("metoo", start_s, (over_s - SPIKE_S, over_s)) + campaign("timesup", start_s)
        prometheus = Prometheus(folder / f"prometheus-{allowed_s}", target, alerts_to.removeprefix("http://"))
        prometheus.past(series, start_s, now_s)
        if time.time() < now_s:
            return prometheus, now_s
        allowed_s *= 2
