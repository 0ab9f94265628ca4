"""The metrics page is generated from the declarations; metric names follow Prometheus' rules."""

import json
import subprocess
import sys

import pytest

from benchmarks import metrics_page
from benchmarks.metrics_page import DOCUMENT, PROCESSES, page

ALL = [row for _, _, modules in PROCESSES for module in modules for row in metrics_page.of(module)]


def test_page_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "run `make metrics`"


def test_page_lists_metrics_used_by_alerts() -> None:
    assert {
        "hashtide_campaign_posts_total",
        "hashtide_campaign_language_posts_total",
        "hashtide_campaign_region_posts_total",
        "hashtide_clock_skew_seconds",
        "hashtide_canary_latency_seconds",
        "hashtide_canary_last_seen_timestamp_seconds",
        "hashtide_canary_sent_total",
        "hashtide_canary_lost_total",
        "hashtide_payloads_total",
        "hashtide_source_connections",
    } <= {name for name, *_ in ALL}
    assert (
        "| `hashtide_campaign_language_posts_total` | counter | number | `campaign`, `language` | "
        "The same posts by language: "
    ) in page()


@pytest.mark.parametrize(("name", "unit", "meaning"), [(row[0], row[2], row[4]) for row in ALL])
def test_metric_has_unit_in_name_and_description(name: str, unit: str, meaning: str) -> None:
    assert name.startswith("hashtide_")
    assert ("_seconds" in name) == unit.startswith("seconds")
    assert len(meaning.split()) >= 3
    assert "|" not in meaning


def test_number_of_samples_of_ten_campaigns_is_bounded() -> None:
    """1,400 samples take 20 ms of CPU time (`python -m benchmarks.scrape`), so the limit is on samples."""
    command = [sys.executable, "-m", "benchmarks.scrape", "--campaigns=10", "--partitions=12", "--scrapes=1"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 1_000 < found["samples"] < 1_600
