"""Plot of a backtest: counts, baselines and thresholds, and when alerts fired."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hashtide.extras import require
from operations.backtest.history import STEP_MS, Samples
from operations.backtest.run import Backtest


def plot(result: Backtest, path: Path, title: str) -> None:
    """Write a PNG with one plot for each series of counts that has alerts, or for all if none has; at most 8.

    Raises NotInstalled, OSError.
    """
    require("backtest", ("matplotlib",), "--plot")
    from matplotlib.figure import Figure

    counts = [each for each in result.series if each.name.endswith(":increase5m")]
    alerting = [each for each in counts if any(dict(each.labels).items() <= a.labels.items() for a in result.alerts)]
    shown = (alerting or counts)[:8]
    figure = Figure(figsize=(16, 4.5 * len(shown)), layout="constrained")
    for axes, each in zip(figure.subplots(len(shown), 1, squeeze=False)[:, 0], shown, strict=True):
        axes.plot(*_line(each.samples), lw=0.6, color="tab:blue", label="posts in 5 minutes")
        kind = each.name.removesuffix(":increase5m")
        for what, colour in (("baseline", "tab:green"), ("threshold", "tab:orange"), ("threshold30m", "tab:purple")):
            for other in result.series:
                if other.name == f"{kind}:{what}" and other.labels == each.labels:
                    axes.plot(*_line(other.samples), lw=0.9, color=colour, label=what)
        alerts = [a for a in result.alerts if dict(each.labels).items() <= a.labels.items()]
        for alert in alerts:
            start = datetime.fromisoformat(alert.start)
            end = datetime.fromisoformat(alert.end) if alert.end else datetime.fromtimestamp(result.to_ms / 1000, UTC)
            axes.axvspan(start, end, color="tab:red", alpha=0.25, lw=0)
            axes.axvline(start, color="tab:red", lw=0.8)
        axes.set_title(f"{title} {' '.join(value for _, value in each.labels)}: {len(alerts)} alerts (red)")
        axes.set_ylim(0, max(1.0, *each.samples.values()) * 1.05)
        axes.margins(x=0.01)
        axes.legend(loc="upper left")
    figure.savefig(path, format="png", dpi=100)


def _line(samples: Samples) -> tuple[Sequence[datetime], Sequence[float]]:
    """The line's points, interrupted where samples are missing."""
    times: list[datetime] = []
    values: list[float] = []
    before = None
    for at_ms, value in sorted(samples.items()):
        if before is not None and at_ms - before > STEP_MS:
            times.append(datetime.fromtimestamp((before + STEP_MS) / 1000, UTC))
            values.append(float("nan"))
        times.append(datetime.fromtimestamp(at_ms / 1000, UTC))
        values.append(value)
        before = at_ms
    return times, values
