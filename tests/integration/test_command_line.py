"""What a user meets at the command line when something is not as it should be: a line that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.pipeline import Pipeline


def hashtide(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    command = [sys.executable, "-m", "operations.cli", *words]
    return subprocess.run(command, env=inherited | settings, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["setup", "worker", "counts", "status"])
def test_a_wrong_setting_stops_every_command_with_its_name_and_what_it_must_be(command: str) -> None:
    done = hashtide(command, HASHTIDE_KAFKA="nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "hashtide: HASHTIDE_KAFKA='nowhere': has the wrong form (text: Kafka brokers, host:port,host:port)\n"
    )


def test_a_setting_that_is_none_is_named(tmp_path: Path) -> None:
    done = hashtide("status", HASHTIDE_STATE_DIR=str(tmp_path), HASHTIDE_KAFKAS="127.0.0.1:9092")
    assert "HASHTIDE_KAFKAS is not a known setting: `hashtide settings` lists them" in done.stderr


def test_status_of_what_was_never_started_is_1(tmp_path: Path) -> None:
    assert hashtide("status", "--json", HASHTIDE_STATE_DIR=str(tmp_path)).returncode == 1


def test_settings_lists_every_setting_with_its_default_its_type_and_its_meaning() -> None:
    done = hashtide("settings", HASHTIDE_KAFKA="kafka:9092")
    assert done.returncode == 0
    assert (
        "HASHTIDE_KAFKA  (now kafka:9092)\n"
        "    Kafka brokers, host:port,host:port\n"
        "    text, default 127.0.0.1:9092\n" in done.stdout
    )


def test_a_worker_without_topics_says_what_to_do(pipeline: Pipeline, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k" * 32)
    pipeline.environment |= {
        "HASHTIDE_AUTHOR_KEY_FILE": str(key),
        "HASHTIDE_STATE_DIR": str(tmp_path / "not" / "there"),
    }
    pipeline.remove_topics()
    done = pipeline.hashtide("worker", "--metrics-port=0", status=1)
    assert b"no topic posts.raw, posts.dead in Kafka" in done.stderr
    assert b"run `hashtide setup` first" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_worker_makes_the_state_folder(pipeline: Pipeline, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k" * 32)
    folder = tmp_path / "not" / "there"
    pipeline.environment |= {"HASHTIDE_AUTHOR_KEY_FILE": str(key), "HASHTIDE_STATE_DIR": str(folder)}
    with pipeline.worker():
        pipeline.json("produce", "file", "-", stdin=b'{"id": "1", "text": "so it is", "created_at": 1508112000}\n')
        pipeline.settle(1)
    assert folder.is_dir()
    assert pipeline.json("counts", "--json")["total"] == 1
