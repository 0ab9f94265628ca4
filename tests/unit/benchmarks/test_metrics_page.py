"""The page of metrics is made from their declarations, and these keep to Prometheus' rules for names."""

import json
import subprocess
import sys

import pytest

from benchmarks import metrics_page
from benchmarks.metrics_page import DOCUMENT, PROCESSES, page

ALL = [row for _, _, modules in PROCESSES for module in modules for row in metrics_page.of(module)]


def test_the_page_is_as_make_metrics_would_write_it() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "run `make metrics`"


def test_the_page_has_the_metrics_that_alerts_are_told_from() -> None:
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
def test_a_metric_has_its_unit_in_its_name_and_a_meaning(name: str, unit: str, meaning: str) -> None:
    assert name.startswith("hashtide_")
    assert ("_seconds" in name) == unit.startswith("seconds")
    assert len(meaning.split()) >= 3
    assert "|" not in meaning


def test_ten_campaigns_stay_far_below_what_a_scrape_of_50_ms_can_hold() -> None:
    """Measured (`python -m benchmarks.scrape`), 1,400 samples take 20 ms of a processor: so bound the samples."""
    command = [sys.executable, "-m", "benchmarks.scrape", "--campaigns=10", "--partitions=12", "--scrapes=1"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 1_000 < found["samples"] < 1_600
