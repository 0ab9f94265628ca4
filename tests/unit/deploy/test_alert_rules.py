"""The files of deploy/prometheus: what Prometheus' own tools say of them, and what they promise each other."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.paths import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTS = {
    "ReplyVolumeSpike",
    "LanguageSpike",
    "RegionSpike",
    "CampaignSilent",
    "SourceStalled",
    "SourceGap",
    "ConsumerLagGrowing",
    "DeadLetters",
    "ElasticsearchRefusing",
    "WorkerDown",
    "ProducerDown",
    "ClockTrouble",
    "CanaryLost",
}


def alerts() -> dict[str, str]:
    """The text of each alerting rule, by its name."""
    found = {}
    for path in RULES:
        for part in path.read_text().split("- alert: ")[1:]:
            name, _, rest = part.partition("\n")
            found[name] = re.split(r"\n      - |\n  - ", rest)[0]
    return found


def run(*command: str) -> str:
    done = subprocess.run([needs(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_configuration_and_the_rules_in_it() -> None:
    assert "2 rule files found" in run("promtool", "check", "config", str(PROMETHEUS / "prometheus.yml"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_stay_quiet_and_are_resolved(path: Path) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", str(path))


def test_every_alert_is_seen_firing_staying_quiet_and_resolved_by_promtool() -> None:
    text = "".join(path.read_text() for path in TESTS)
    for name in ALERTS:
        told = re.findall(rf"alertname: {name}\n        exp_alerts:( \[\])?", text)
        assert told.count("") >= 1, f"{name} is never expected to fire"
        assert told.count(" []") >= 2, f"{name} is not expected to stay quiet, and to be resolved"


def test_the_agreed_alerts_are_there_and_no_others() -> None:
    assert set(alerts()) == ALERTS


def test_every_alert_has_a_severity_a_summary_a_description_and_a_section_in_the_runbook() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    anchors = {f"docs/runbook.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    for name, text in alerts().items():
        assert re.search(r"labels: \{severity: (page|ticket)\}", text), name
        assert "summary: " in text and "description: " in text, name
        (url,) = re.findall(r"runbook_url: (\S+)", text)
        assert url == f"docs/runbook.md#{name.lower()}"
        assert url in anchors, f"{name}: {url} is no section"


def test_spikes_of_languages_and_regions_follow_the_same_rules_as_those_of_campaigns() -> None:
    text = (PROMETHEUS / "rules" / "volume.yml").read_text()
    campaign, language, region = re.split(r"\n      # The same by (?:language|region)\.", text)
    assert language.rstrip().replace("language", "region").replace("Language", "Region") == region.rstrip()
    theirs = language.replace("campaign_language:", "campaign:").replace("campaign, language", "campaign").splitlines()
    ours = campaign.partition("      # Silent: ")[0].splitlines()
    rules = [line for line in ours if re.match(r" +(expr: |- record: |labels: \{part|max by|and on)", line)]
    assert len(rules) == 43
    assert [line for line in rules if line not in theirs] == [
        "        expr: sum by (campaign) (increase(hashtide_campaign_posts_total[5m]))",
        "        expr: 0 * campaign:hashtide_posts:volume + 5",
        "        expr: 0 * campaign:hashtide_posts:volume30m + 5",
        "        expr: campaign:hashtide_posts:volume > campaign:hashtide_posts:threshold or "
        "campaign:hashtide_posts:volume30m > campaign:hashtide_posts:threshold30m",
    ]


def test_spikes_read_recorded_series_only() -> None:
    for name in ("ReplyVolumeSpike", "LanguageSpike", "RegionSpike"):
        expr = alerts()[name].partition("keep_firing_for")[0]
        assert "hashtide_posts:" in expr
        assert not re.search(r"\bhashtide_\w+(_total|_seconds|_records)\b", expr), name
