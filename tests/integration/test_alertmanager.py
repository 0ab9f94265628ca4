"""The shipped configuration of Alertmanager: which receiver gets which alert, and which alerts are inhibited."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.integration.alerting import CONFIG, TOKEN, alertmanager, ask, until, webhook


def amtool(*words: str) -> str:
    done = subprocess.run([needs("amtool"), *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_and_its_templates_are_valid() -> None:
    said = amtool("check-config", str(CONFIG))
    assert " - 2 receivers" in said
    assert " - 1 templates" in said


def test_no_secret_stands_in_it() -> None:
    lines = [line.strip() for line in CONFIG.read_text(encoding="utf-8").splitlines()]
    secret = (
        "api_url",
        "slack_api_url",
        "smtp_auth_password",
        "auth_password",
        "credentials",
        "bearer_token",
        "password",
    )
    assert [line for line in lines if line.split(":")[0].lstrip("- ") in secret] == []
    assert [line for line in lines if line.partition(":")[0].endswith("_file")] == [
        "smtp_auth_password_file: secrets/smtp-password",
        "slack_api_url_file: secrets/slack-url",
        "credentials_file: secrets/webhook-token",
    ]


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=ReplyVolumeSpike severity=page campaign=metoo", "on-call"),
        ("alertname=WorkerDown severity=page", "on-call"),
        ("alertname=LanguageSpike severity=ticket campaign=metoo language=es", "team"),
        ("alertname=DeadLetters severity=ticket", "team"),
        ("alertname=WithoutSeverity", "team"),
    ],
)
def test_an_alert_goes_to_whom_its_severity_calls(labels: str, receiver: str) -> None:
    words = ["config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}"]
    assert amtool(*words, *labels.split()).strip() == receiver


def test_a_notification_says_what_happened_where_since_when_and_what_to_look_at(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(
        """{"receiver": "on-call", "status": "firing", "groupLabels": {"campaign": "metoo"},
        "commonLabels": {"alertname": "ReplyVolumeSpike", "campaign": "metoo", "severity": "page"},
        "alerts": [{"status": "firing", "startsAt": "2017-10-15T20:02:00Z", "endsAt": "0001-01-01T00:00:00Z",
        "labels": {"alertname": "ReplyVolumeSpike", "campaign": "metoo", "platform": "x", "severity": "page"},
        "annotations": {"summary": "metoo has 900 replies in 5 minutes", "description": "Usual are 30.",
        "runbook_url": "https://example.org/runbook#replyvolumespike"},
        "generatorURL": "https://prometheus.example.org/graph"}]}"""
    )
    glob = f"--template.glob={CONFIG.parent}/templates/*.tmpl"

    def rendered(name: str) -> str:
        text = f'--template.text={{{{ template "{name}" . }}}}'
        return amtool("template", "render", glob, text, f"--template.data={data}").strip()

    assert rendered("hashtide.title") == "1 firing: ReplyVolumeSpike · metoo (page)"
    assert rendered("hashtide.text").splitlines() == [
        "ReplyVolumeSpike: metoo has 900 replies in 5 minutes",
        "Usual are 30.",
        "Where: campaign=metoo platform=x",
        "Since: 2017-10-15 20:02 UTC",
        "What to do: https://example.org/runbook#replyvolumespike",
        "Rule: https://prometheus.example.org/graph",
    ]


def alert(name: str, severity: str, **labels: str) -> dict[str, object]:
    return {"labels": {"alertname": name, "severity": severity} | labels}


def test_consequences_of_a_worker_that_is_down_are_inhibited_and_a_spike_is_not(tmp_path: Path) -> None:
    with webhook() as (notified, hook), alertmanager(tmp_path, hook) as url:
        alerts = [
            alert("WorkerDown", "page"),
            alert("ConsumerLagGrowing", "ticket"),
            alert("CanaryLost", "page"),
            alert("CampaignSilent", "page", campaign="metoo"),
            alert("DeadLetters", "ticket"),
            alert("ReplyVolumeSpike", "page", campaign="metoo", platform="x"),
            alert("LanguageSpike", "page", campaign="metoo", language="es"),
            alert("ReplyVolumeSpike", "page", campaign="timesup", platform="x"),
        ]
        ask(f"{url}/api/v2/alerts", alerts)
        until(lambda: len(notified.all) >= 4, "four notifications")
        silent = ask(f"{url}/api/v2/alerts?active=false&inhibited=true&silenced=false&unprocessed=false")
    assert sorted(each["labels"]["alertname"] for each in silent) == [
        "CampaignSilent",
        "CanaryLost",
        "ConsumerLagGrowing",
    ]
    reported = sorted(
        (each["receiver"], sorted(a["labels"]["alertname"] for a in each["alerts"])) for each in notified.all
    )
    assert reported == [
        ("on-call", ["LanguageSpike", "ReplyVolumeSpike"]),
        ("on-call", ["ReplyVolumeSpike"]),
        ("on-call", ["WorkerDown"]),
        ("team", ["DeadLetters"]),
    ]
    assert notified.tokens == {f"Bearer {TOKEN}"}
