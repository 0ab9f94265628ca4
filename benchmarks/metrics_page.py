"""docs/metrics.md out of the declarations: `python -m benchmarks.metrics_page`, or `make metrics`."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

from hashtide.metrics import producer, retention, worker

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "metrics.md"

HEAD: Final = """# Metrics

Made by `make metrics` out of the declarations in `hashtide/metrics`.

Names follow [Prometheus' naming page](https://prometheus.io/docs/practices/naming/): counters end with `_total`, and
what has a unit ends with it. What has none is a number of things. Label sets that are known at the start begin at 0.
Beside these, both processes have the `process_*` and `python_*` metrics of the client library.
"""

PROCESSES: Final = (
    (
        "Worker",
        "`hashtide worker` answers on `http://127.0.0.1:9464/metrics`, or on a free port where that one is taken; the "
        "log says which. `HASHTIDE_METRICS_HOST` and `--metrics-port` (`HASHTIDE_METRICS_PORT`) change it, port 0 is "
        "none. Which platforms, languages and countries have a label of their own is said by "
        "`HASHTIDE_METRIC_PLATFORMS`, `HASHTIDE_METRIC_LANGUAGES` and `HASHTIDE_METRIC_REGIONS`; give all "
        "workers the same. Those of the canary are there only where `HASHTIDE_CANARY` is on.",
        (worker, retention),
    ),
    (
        "Producer",
        "`hashtide produce x`, `mastodon`, `jetstream` and `file` answer where `--metrics-port` is given, on 127.0.0.1 "
        "or `HASHTIDE_METRICS_HOST`; without, they have no port.",
        (producer,),
    ),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for process, where, modules in PROCESSES:
        rows = [
            f"| `{name}` | {kind} | {unit} | {labels} | {meaning} |"
            for module in modules
            for name, kind, unit, labels, meaning in of(module)
        ]
        head = ["| metric | type | unit | labels | meaning |", "|---|---|---|---|---|"]
        parts.append("\n".join([f"## {process}", "", where, "", *head, *rows, ""]))
    return "\n".join(parts)


def of(module: ModuleType) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, type, unit, labels and meaning of every metric of a module, in the order of its declarations."""
    for metric in vars(module).values():
        if isinstance(metric, MetricWrapperBase):
            (described,) = metric.describe()
            name = described.name + ("_total" if described.type == "counter" else "")
            unit = "seconds since 1970, UTC" if "_timestamp_" in name else described.unit or "number"
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # the client has no other way to them
            yield name, described.type, unit, labels, described.documentation


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
