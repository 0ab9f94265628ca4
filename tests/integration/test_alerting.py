"""From a spike in the worker's counters to a notification, through the shipped rules and the shipped routing."""

import time
from pathlib import Path
from typing import Final

from tests.integration.alerting import alertmanager, until, webhook
from tests.integration.prometheus import Prometheus, Series, exporter

HOUR_S: Final = 3600
WINDOW_S: Final = 300
SETTLED_S: Final = 5.0


def campaign(name: str, start_s: int, spike_s: tuple[int, int] | None = None) -> list[Series]:
    """A campaign that has a reply in 6 seconds, half of them in Spanish; in a spike, 20 a second, all in Spanish."""

    def calm(at_s: float) -> float:
        return (at_s - start_s) / 6

    def more(at_s: float) -> float:
        if spike_s is None:
            return 0.0
        return 20 * (min(max(at_s, spike_s[0]), spike_s[1]) - spike_s[0])

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
    now_s = int(time.time())
    start_s = now_s - 26 * HOUR_S
    # It began long enough ago for a rule that waits, and leaves the window of five minutes soon: then it is over.
    over_s = now_s - WINDOW_S + 35
    series = campaign("metoo", start_s, (over_s - 60, over_s)) + campaign("timesup", start_s)
    (tmp_path / "alertmanager").mkdir()
    with (
        webhook() as (notified, hook),
        alertmanager(tmp_path / "alertmanager", hook) as alerts_to,
        exporter(series) as target,
    ):
        prometheus = Prometheus(tmp_path / "prometheus", target, alerts_to.removeprefix("http://"))
        prometheus.past(series, start_s, now_s)
        with prometheus.live():
            until(lambda: notified.of("ReplyVolumeSpike", "firing"), "the notification")
            assert {campaign for name, campaign in prometheus.firing() if name == "ReplyVolumeSpike"} == {"metoo"}
            until(lambda: notified.of("ReplyVolumeSpike", "resolved"), "that it resolves", 90)
            time.sleep(SETTLED_S)
    (firing,), (resolved,) = notified.of("ReplyVolumeSpike", "firing"), notified.of("ReplyVolumeSpike", "resolved")
    assert firing["receiver"] == resolved["receiver"] == "on-call"
    assert firing["groupLabels"] == resolved["groupLabels"] == {"campaign": "metoo"}
    (spike, *_) = [alert for alert in firing["alerts"] if alert["labels"]["alertname"] == "ReplyVolumeSpike"]
    assert spike["labels"]["severity"] == "page"
    assert "metoo" in spike["annotations"]["summary"]
    assert all(alert["labels"].get("campaign") != "timesup" for each in notified.all for alert in each["alerts"])
