"""`hashtide produce` for streams, run as a command with a fake Kafka."""

import json
import logging
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import click
import pytest
from click.testing import CliRunner, Result

from hashtide.errors import HashtideError
from hashtide.settings import WrongSetting
from operations.cli.produce import produce
from producers import run
from producers.settings import ProducerSettings
from producers.sources import x, x_rules
from producers.sources.follow import position_name
from producers.sources.lost import Refused
from tests.ports import free_ports
from tests.unit.producers.sources.fakes import Collecting
from tests.unit.producers.sources.loopback import Act, XRules, answering, streaming, web

TWEET = b'{"data": {"id": "18", "text": "#OpenTheHarbour", "created_at": "2026-08-01T12:00:00.000Z"}}\r\n'


class Kafka(Collecting):
    """The fake Kafka that a command publishes to: `made` is the last one."""

    made: "Kafka"

    def __init__(self, settings: ProducerSettings) -> None:
        super().__init__()
        Kafka.made = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "Publisher", Kafka)
    Kafka.made = Kafka(ProducerSettings())
    monkeypatch.setenv("HASHTIDE_STATE_DIR", str(tmp_path / "state"))
    campaign = tmp_path / "harbour.toml"
    campaign.write_text('name = "harbour"\ntags = ["OpenTheHarbour"]\nroots = ["x:12"]\n')
    monkeypatch.setenv("HASHTIDE_CAMPAIGNS", str(campaign))
    monkeypatch.setenv("HASHTIDE_X_BEARER_TOKEN", "the-token")
    monkeypatch.setenv("HASHTIDE_LIVE_DAYS", "10000")  # the posts here are from a fixed day


def typed(*words: str) -> Result:
    return CliRunner().invoke(produce, words)


def when(true: Callable[[], bool], then: Callable[[], object]) -> None:
    """Run an action in another thread as soon as a condition is true."""

    def watch() -> None:
        deadline = time.monotonic() + 120
        while not true() and time.monotonic() < deadline:
            time.sleep(0.02)
        then()

    threading.Thread(target=watch, daemon=True).start()


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def account(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def position(tmp_path: Path, name: str) -> Any:
    return json.loads((tmp_path / "state" / "positions" / f"{name}.json").read_bytes())


def test_signal_ends_stream_with_position_saved_and_account_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: dict[str, list[Act]] = {
        x_rules.PATH: [XRules()] * 5,
        x.PATH: [streaming(TWEET, b"\r\n", b"oops\r\n", end="silence")],
    }
    with web(acts) as server:
        monkeypatch.setenv("HASHTIDE_X_API", server.url)
        when(lambda: (tmp_path / "state" / "positions" / "x.json").exists(), terminate)
        before_ms = time.time() * 1000
        result = typed("x")
    assert result.exit_code == 0, result.output
    reported = account(result)
    assert reported.pop("seconds") >= 0
    assert reported == {
        "read": 3,
        "sent": 1,
        "posts": 1,
        "edits": 0,
        "deletes": 0,
        "control": 1,
        "filtered": 0,
        "dead": 1,
        "gaps": 0,
        "ended": "interrupted",
    }
    assert before_ms - 1 <= position(tmp_path, "x")["heard_ms"] <= time.time() * 1000 + 1


def test_dry_run_shows_rules_and_makes_no_other_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = {"id": "1", "value": "#old", "tag": "hashtide:harbour:1"}
    with web({x_rules.PATH: [XRules(stale)] * 5}) as server:
        monkeypatch.setenv("HASHTIDE_X_API", server.url)
        result = typed("x", "--dry-run")
    assert json.loads(result.stdout) == {
        "add": [
            {"tag": "hashtide:harbour:1", "value": "#OpenTheHarbour"},
            {"tag": "hashtide:harbour:2", "value": "conversation_id:12"},
            {"tag": "hashtide:harbour:3", "value": "quotes_of_tweet_id:12"},
            {"tag": "hashtide:harbour:4", "value": "retweets_of_tweet_id:12"},
        ],
        "remove": [{"tag": "hashtide:harbour:1", "value": "#old"}],
    }
    assert list(server.queries) == [x_rules.PATH]


def test_refusal_ends_run_with_platform_error_and_account(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with web({x_rules.PATH: [answering(401, {"title": "Unauthorized"})]}) as server:
        monkeypatch.setenv("HASHTIDE_X_API", server.url)
        result = typed("x")
    assert isinstance(result.exception, Refused)
    assert isinstance(result.exception, HashtideError)
    assert "HTTP 401" in str(result.exception)
    assert account(result)["ended"] == "failed"
    assert "the-token" not in result.output + str(result.exception) + caplog.text


def test_error_names_setting_of_missing_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHTIDE_X_BEARER_TOKEN")
    result = typed("x")
    assert isinstance(result.exception, WrongSetting)
    assert str(result.exception).startswith("HASHTIDE_X_BEARER_TOKEN_FILE: must name")


def test_serves_metrics_if_port_is_given(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"id": "1", "text": "#a", "created_at": 1785585600}\n')
    (port,) = free_ports(1)
    seen: list[str] = []

    def look() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            seen.append(answer.read().decode())
        terminate()

    when(lambda: any((tmp_path / "state" / "positions").glob("*.json")), look)
    result = typed("file", "--follow", "--metrics-port", str(port), str(path))
    assert result.exit_code == 0, result.output
    assert 'hashtide_payloads_total{outcome="posts",source="file"}' in seen[0]
    assert 'hashtide_source_last_payload_timestamp_seconds{source="file:posts.jsonl"}' in seen[0]


def test_signal_interrupts_a_finite_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"".join(b'{"id": "%d", "text": "#a", "created_at": %d}\n' % (n, 1.7e9 + n) for n in range(99)))
    when(lambda: len(Kafka.made.sent) == 2, terminate)
    result = typed("file", "--speed", "1", str(path))
    assert result.exit_code == 130
    assert account(result)["ended"] == "interrupted"
    assert 2 <= account(result)["posts"] < 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("file", "--follow", "-"), "can't be followed"),
        (("file", "--follow", "a.jsonl.gz"), "can't be followed"),
        (("file", "--follow", "--speed", "2", "a.jsonl"), "--speed can't be used with --follow"),
        (("file", "missing.jsonl"), "is not a file"),
        (("x", "--backfill-minutes", "6"), "0<=x<=5"),
        (("mastodon",), "Missing option '--instance'"),
        (("mastodon", "--instance", "https://a.example/about"), "is not the address of an instance"),
    ],
)
def test_refuses_invalid_options(words: tuple[str, ...], message: str) -> None:
    result = typed(*words)
    assert result.exit_code == click.UsageError.exit_code
    assert message in result.output


def test_ignores_damaged_position(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "positions"
    folder.mkdir(parents=True)
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"id": "1", "text": "#a", "created_at": 1785585600}\n')
    (folder / f"{position_name(path)}.json").write_text('{"place": {"inode": "x"}}')
    when(lambda: bool(Kafka.made.sent), terminate)
    result = typed("file", "--follow", str(path))
    assert account(result)["posts"] == 1
