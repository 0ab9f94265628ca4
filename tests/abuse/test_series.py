"""Label explosion: whatever posts say, Prometheus is told of no more series than were meant."""

import json
import subprocess
import sys
from typing import Any

import pytest

MOST = {
    "hashtide_campaign_posts_total": 48,  # 3 campaigns, 4 platforms, 4 kinds; `other` is one of each
    "hashtide_campaign_language_posts_total": 102,  # 3 campaigns, 34 languages: 32, `und` and `other`
    "hashtide_campaign_region_posts_total": 132,  # 3 campaigns, 44 countries: 42, `ZZ` and `other`
    "hashtide_counted_posts_total": 16,  # 4 platforms, 4 origins
}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "tests.abuse.series"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_20_000_posts_with_nothing_in_common_make_no_more_series_than_were_meant(told: dict[str, Any]) -> None:
    before, after = told["before"], told["after"]
    grown = {name for name, number in after.items() if number != before.get(name)}
    assert grown <= set(MOST)
    assert {name: after[name] for name, most in MOST.items() if after[name] > most} == {}
    assert sum(after.values()) <= 400
    assert after["hashtide_dead_letters_total"] == 15


def test_no_label_is_what_a_post_said(told: dict[str, Any]) -> None:
    assert told["labels"] == {
        "campaign": ["metoo", "other", "timesup"],
        "platform": ["bluesky", "mastodon", "other", "x"],
    }
