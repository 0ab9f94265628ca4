"""Draws some of the dashboards' panels, docs/img/kibana-panels.png, from a campaign in Elasticsearch.

    python -m benchmarks.panels FROM TO      such as 2017-10-15T12:00Z; reads HASHTIDE_ELASTICSEARCH

Kibana does not run here, so this is not a screenshot: matplotlib draws the results of the panels' own queries.
"""

import json
import os
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter

from hashtide.elasticsearch import session
from hashtide.settings import load
from operations import kibana
from stream_jobs.settings import StreamSettings
from tests.lens import Layer, ask, layers

OUT = Path(__file__).parents[1] / "docs" / "img" / "kibana-panels.png"
OVER_TIME = ("volume-by-kind", "volume-by-language", "status-over-time")
TABLES = ("region-map", "top-hashtags")
NOTE = "Drawn by matplotlib from the answers to the panels' own queries; Kibana's drawing differs. Made-up posts."


def main(from_: str, to: str) -> None:
    """Query and draw."""
    matplotlib.use("Agg")
    range_ = {"range": {"@timestamp": {"gte": from_, "lt": to}}}
    found = {layer.panel: layer for layer in layers([json.loads(line) for line in kibana.saved_objects().splitlines()])}
    figure, axes = plt.subplots(3, 2, figsize=(11, 8.5), gridspec_kw={"height_ratios": (3, 3, 3)})
    with session.session(load(StreamSettings, os.environ).elasticsearch) as client:
        for axis, panel in zip(axes.flat, (*OVER_TIME, "answers-root-over-time", *TABLES), strict=True):
            rows = ask(client, found[panel], [range_], "30m")
            title = found[panel].title + (" (in Kibana, a map)" if panel == "region-map" else "")
            axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
            axis.spines[["top", "right"]].set_visible(False)
            axis.tick_params(labelsize=8)
            _draw(axis, found[panel], rows)
    figure.text(0.01, 0.005, NOTE, fontsize=8, color="#666666")
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=80)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


def _draw(axis: Axes, layer: Layer, rows: list[tuple[Any, ...]]) -> None:
    if layer.panel in TABLES:
        top = sorted(rows, key=lambda row: row[1])[-12:]
        bars = axis.barh([str(row[0]) for row in top], [row[1] for row in top], color="#54b399")
        axis.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=2)
        return
    if len(rows[0]) == 2:
        axis.plot([_moment(row[0]) for row in rows], [100 * row[1] for row in rows], color="#6092c0")
        axis.set_ylabel("%", fontsize=8)
    else:
        _stack(axis, rows, percentage=layer.panel == "status-over-time")
    axis.xaxis.set_major_formatter(DateFormatter("%d %b\n%H:%M"))  # type: ignore[no-untyped-call]


def _stack(axis: Axes, rows: list[tuple[Any, ...]], percentage: bool) -> None:
    totals: defaultdict[str, float] = defaultdict(float)
    for _, start, posts in rows:
        totals[start] += posts
    bottom: defaultdict[str, float] = defaultdict(float)
    for key in dict.fromkeys(row[0] for row in rows):
        bars = [(start, posts * 100 / totals[start] if percentage else posts) for k, start, posts in rows if k == key]
        below = [bottom[start] for start, _ in bars]
        axis.bar(
            [_moment(start) for start, _ in bars], [h for _, h in bars], bottom=below, width=1 / 48, label=str(key)
        )
        for start, height in bars:
            bottom[start] += height
    if percentage:
        axis.set_ylabel("%", fontsize=8)
    axis.legend(fontsize=7, ncols=2, loc="lower left" if percentage else "upper right")


def _moment(text: str) -> Any:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
