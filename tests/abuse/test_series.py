"""Label explosion: posts cannot create more series in Prometheus than intended."""

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
def reported() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "tests.abuse.series"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    reported: dict[str, Any] = json.loads(done.stdout)
    return reported


def test_20_000_different_posts_create_no_more_series_than_intended(reported: dict[str, Any]) -> None:
    before, after = reported["before"], reported["after"]
    grown = {name for name, number in after.items() if number != before.get(name)}
    assert grown <= set(MOST)
    assert {name: after[name] for name, most in MOST.items() if after[name] > most} == {}
    assert sum(after.values()) <= 400
    assert after["hashtide_dead_letters_total"] == 15


def test_no_label_comes_from_a_post(reported: dict[str, Any]) -> None:
    assert reported["labels"] == {
        "campaign": ["metoo", "other", "timesup"],
        "platform": ["bluesky", "mastodon", "other", "x"],
    }
