"""The files of deploy/prometheus: checked with Prometheus' own tools and against each other."""

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


def test_promtool_accepts_configuration_and_rules() -> None:
    assert "2 rule files found" in run("promtool", "check", "config", str(PROMETHEUS / "prometheus.yml"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_promtool_tests_of_alerts_pass(path: Path) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", str(path))


def test_every_alert_has_promtool_tests_firing_quiet_and_resolved() -> None:
    text = "".join(path.read_text() for path in TESTS)
    for name in ALERTS:
        reported = re.findall(rf"alertname: {name}\n        exp_alerts:( \[\])?", text)
        assert reported.count("") >= 1, f"{name} is never expected to fire"
        assert reported.count(" []") >= 2, f"{name} is not expected to stay quiet, and to be resolved"


def test_alerts_are_exactly_the_agreed_ones() -> None:
    assert set(alerts()) == ALERTS


def test_every_alert_has_severity_summary_description_and_runbook_section() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    anchors = {f"docs/runbook.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    for name, text in alerts().items():
        assert re.search(r"labels: \{severity: (page|ticket)\}", text), name
        assert "summary: " in text and "description: " in text, name
        (url,) = re.findall(r"runbook_url: (\S+)", text)
        assert url == f"docs/runbook.md#{name.lower()}"
        assert url in anchors, f"{name}: {url} is no section"


def test_language_and_region_spikes_use_the_same_rules_as_campaigns() -> None:
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


def test_spike_alerts_use_recorded_series_only() -> None:
    for name in ("ReplyVolumeSpike", "LanguageSpike", "RegionSpike"):
        expr = alerts()[name].partition("keep_firing_for")[0]
        assert "hashtide_posts:" in expr
        assert not re.search(r"\bhashtide_\w+(_total|_seconds|_records)\b", expr), name
