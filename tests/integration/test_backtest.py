"""`hashtide backtest`: the shipped rules in the real Prometheus, over history."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.stack import Addresses
from hashtide.elasticsearch import session, templates
from operations.backtest.history import TimeSeries
from operations.backtest.prometheus import NoPrometheus, program
from operations.backtest.run import CAMPAIGN, UnknownAlert, backtest
from tests.conftest import needs

STEP_MS = 300_000
START = datetime(2031, 2, 26, 21, 42, 53, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _prometheus() -> None:
    needs("prometheus"), needs("promtool")


def series(counts: dict[int, float]) -> TimeSeries:
    start_ms = round(START.timestamp() * 1000)
    return TimeSeries(CAMPAIGN, (("campaign", "a"),), {start_ms + i * STEP_MS: value for i, value in counts.items()})


def moment(sample: int) -> str:
    return (START + sample * timedelta(minutes=5)).isoformat().replace("+00:00", "Z")


def test_a_burst_fires_at_its_own_sample_and_is_resolved_an_hour_after_half_an_hour_has_forgotten_it() -> None:
    counts = {i: 20.0 + i % 3 for i in range(600)} | {500: 400.0, 501: 300.0}
    result = backtest([series(counts)], ["ReplyVolumeSpike"])
    assert [(a.name, a.labels, a.start, a.end, a.peak, a.peak_time) for a in result.alerts] == [
        ("ReplyVolumeSpike", {"campaign": "a", "severity": "page"}, moment(500), moment(518), 400.0, moment(500))
    ]


def test_holes_and_a_quiet_beginning_are_no_spike() -> None:
    counts = dict.fromkeys(range(100), 0.0) | dict.fromkeys(range(100, 110), 1.0) | dict.fromkeys(range(300, 400), 2.0)
    assert backtest([series(counts)], ["ReplyVolumeSpike"]).alerts == []


def test_silence_is_reported_if_asked_for() -> None:
    counts = (
        dict.fromkeys(range(100), 100.0) | dict.fromkeys(range(100, 110), 0.0) | dict.fromkeys(range(110, 130), 100.0)
    )
    (alert,) = backtest([series(counts)], ["CampaignSilent"]).alerts
    # half an hour holds one last count until sample 104; with 100 posts in it that is 16 of 100, too many
    assert (alert.name, alert.start, alert.end) == ("CampaignSilent", moment(105), moment(112))


def test_alerts_that_do_not_read_counts_are_refused_by_name() -> None:
    with pytest.raises(
        UnknownAlert, match="alert 'WorkerDown' can't run on these counts; these can: CampaignSilent, Reply"
    ):
        backtest([series(dict.fromkeys(range(20), 1.0))], ["WorkerDown"])


def test_a_missing_program_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoPrometheus, match=r"`promtool` is not on the PATH: install Prometheus 2.42 or later"):
        program("promtool")


def test_firings_are_those_of_promtools_own_evaluation(tmp_path: Path) -> None:
    """The same rule, with `for` and `keep_firing_for`, over the same counts: once by us, once by Prometheus' own rule
    manager, as promtool runs it for unit tests, asked at every sample whether it fires."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yml").write_text(
        "groups:\n- name: g\n  interval: 5m\n  rules:\n"
        f"  - record: double\n    expr: 2 * {CAMPAIGN}\n"
        "  - alert: Many\n    expr: double > 10\n    for: 10m\n    keep_firing_for: 15m\n"
    )
    pattern = "..####....#..####.#...####.##.###########..##.......####"
    counts = [6.0 if letter == "#" else 1.0 for letter in pattern]
    samples = {i * STEP_MS: value for i, value in enumerate(counts)}
    ours = backtest([TimeSeries(CAMPAIGN, (("campaign", "a"),), samples)], ["Many"], tmp_path / "rules").alerts
    firing = set()
    for alert in ours:
        first = round(datetime.fromisoformat(alert.start).timestamp() * 1000) // STEP_MS
        last = round(datetime.fromisoformat(alert.end).timestamp() * 1000) // STEP_MS if alert.end else len(counts)
        firing |= set(range(first, last))
    assert len(ours) == 3 and 10 < len(firing) < 45
    values = " ".join(str(value) for value in counts)
    asked = "".join(
        f"  - eval_time: {i * 5}m\n    alertname: Many\n    exp_alerts: "
        + ("[{exp_labels: {campaign: a}}]\n" if i in firing else "[]\n")
        for i in range(len(counts))
    )
    (tmp_path / "test.yml").write_text(
        "rule_files: [rules/r.yml]\nevaluation_interval: 5m\ntests:\n- interval: 5m\n  input_series:\n"
        f"  - series: '{CAMPAIGN}{{campaign=\"a\"}}'\n    values: {values}\n  alert_rule_test:\n{asked}"
    )
    done = subprocess.run(
        [needs("promtool"), "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def hashtide(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "operations.cli", "backtest", *arguments]


def file_of(folder: Path) -> Path:
    path = folder / "company.csv"
    lines = [
        f"{START + i * timedelta(minutes=5):%Y-%m-%d %H:%M:%S},{400 if i == 500 else 20 + i % 3}" for i in range(600)
    ]
    path.write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    return path


def test_a_file_becomes_json_and_a_picture_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        hashtide("--series", str(file_of(tmp_path)), "--json", "--plot", str(tmp_path / "p.png")),
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "alerts": [
            {
                "name": "ReplyVolumeSpike",
                "labels": {"campaign": "company", "severity": "page"},
                "start": moment(500),
                "end": moment(518),
                "peak": 400.0,
                "peak_time": moment(500),
            }
        ],
        "samples": 600,
        "from": moment(0),
        "to": moment(599),
        "interval_seconds": 300,
    }
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_on_a_signal_nothing_is_left(tmp_path: Path, sent: signal.Signals) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        hashtide("--series", str(file_of(tmp_path))),
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores it
    )
    deadline = time.monotonic() + 120
    while not list(temporary.glob("*/prometheus/data")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(sent)
    assert process.wait(120) != 0
    assert list(temporary.iterdir()) == []


def test_a_campaign_that_was_never_counted_is_reported(stack: Addresses, environment: dict[str, str]) -> None:
    done = subprocess.run(hashtide("--campaign", "never"), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no counts of campaign 'never' in that time" in done.stderr


def test_a_campaigns_counts_out_of_elasticsearch_tell_of_the_campaign_and_of_the_language_that_joined(
    stack: Addresses, environment: dict[str, str]
) -> None:
    """Windows count from their ends on: a burst in the window that begins at 12:00 fires at 12:05."""
    templates.setup(stack.elasticsearch)
    day = datetime(2031, 3, 1, tzinfo=UTC)
    index, documents = "reply-volume-2031.03.01", list[dict[str, object]]()
    for minute in range(0, 13 * 60):
        languages = {"en": 4} | ({"es": 100} if 720 <= minute < 725 else {})
        for language, count in languages.items():
            at = (day + timedelta(minutes=minute)).isoformat()
            documents += [
                {"create": {"_index": index}},
                {"@timestamp": at, "campaign": "backtested", "language": language, "region": "US", "count": count},
            ]
    with session.session(stack.elasticsearch) as client:
        assert client.bulk(operations=documents, refresh=True)["errors"] is False
        try:
            done = subprocess.run(
                hashtide("--campaign", "backtested", "--json"),
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            client.indices.delete(index=index)
    reported = {
        (a["name"], a["labels"].get("language"), a["start"], a["peak"]) for a in json.loads(done.stdout)["alerts"]
    }
    assert reported == {
        ("ReplyVolumeSpike", None, "2031-03-01T12:05:00Z", 520.0),
        ("LanguageSpike", "es", "2031-03-01T12:05:00Z", 500.0),
    }
