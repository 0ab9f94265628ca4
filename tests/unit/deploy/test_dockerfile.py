"""The image, as defined by its Dockerfile."""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.docker import accounts
from hashtide.settings import Common, described
from stream_jobs import health
from stream_jobs.health import DEFAULT_METRICS_PORT, Checks, Progress
from stream_jobs.settings import StreamSettings
from tests.conftest import needs
from tests.paths import ROOT
from tests.unit.deploy import compose

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
TEXT = DOCKERFILE.read_text()


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    # From the virtual environment that the tests run in, activated or not.
    program = Path(sys.executable).with_name("hadolint")
    return subprocess.run([program if program.exists() else needs("hadolint"), path], capture_output=True, text=True)


def test_linter_finds_nothing(tmp_path: Path) -> None:
    assert hadolint(DOCKERFILE).stdout == ""
    assert hadolint(DOCKERFILE).returncode == 0
    worse = tmp_path / "Dockerfile"
    worse.write_text(re.sub("FROM .* AS build", "FROM python AS build", TEXT))
    assert "DL3006" in hadolint(worse).stdout


def test_has_two_stages_one_pinned_base_and_non_root_user() -> None:
    bases = re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)
    assert bases == ["${PYTHON_IMAGE}"] * 2
    assert re.findall(r"^ARG (.*)", TEXT, re.MULTILINE) == ["PYTHON_IMAGE=python:3.13.16-slim-bookworm"]
    build = compose.ours(compose.read()["services"])["worker"]["build"]
    assert build["args"] == {"PYTHON_IMAGE": "python:3.13.16-slim-bookworm"}
    assert re.findall(r"^USER (.*)", TEXT, re.MULTILINE) == ["1000:0"]
    assert TEXT.index("USER 1000:0") > TEXT.rindex("RUN ")
    assert re.findall(r"^(?:ENTRYPOINT|CMD|STOPSIGNAL|VOLUME) .*", TEXT, re.MULTILINE) == [
        "VOLUME /var/lib/hashtide",
        "STOPSIGNAL SIGTERM",
        'ENTRYPOINT ["hashtide"]',
        'CMD ["worker"]',
    ]
    compose.parse(["worker"])


def test_copied_files_exist_and_are_not_ignored() -> None:
    sources = re.findall(r"^COPY (?!--from)(.*) \S+$", TEXT, re.MULTILINE)
    copied = {source for line in sources for source in line.split()}
    ignore = ROOT / "deploy/docker/Dockerfile.dockerignore"
    let_through = {line[1:] for line in ignore.read_text().splitlines() if line.startswith("!")}
    assert {source for source in copied if "/" not in source} == let_through
    assert all((ROOT / source).exists() for source in copied)
    assert {source.partition("/")[0] for source in copied} == let_through


def test_variables_are_settings() -> None:
    known = {setting.name for kind in (Common, StreamSettings) for setting in described(kind)}
    assert set(re.findall(r"(HASHTIDE_\w+)=", TEXT)) == {"HASHTIDE_STATE_DIR", "HASHTIDE_METRICS_HOST"}
    assert {"HASHTIDE_STATE_DIR", "HASHTIDE_METRICS_HOST"} <= known


def checks() -> dict[str, tuple[list[str], int]]:
    """The health checks in Python, of the image and of the services, with the port that they query."""
    image = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", TEXT, re.MULTILINE)
    assert image is not None
    found = {"worker": json.loads(image[1])}
    for name, service in compose.ours(compose.read()["services"]).items():
        test = service.get("healthcheck", {}).get("test")
        if test:
            assert test[0] == "CMD"
            found[name] = test[1:]
    return {name: (words, int(re.findall(r"127\.0\.0\.1', (\d+)", words[-1])[0])) for name, words in found.items()}


def healthy(words: list[str], port: int, instead: int) -> bool:
    assert words[:2] == ["python", "-c"]
    program = words[2].replace(str(port), str(instead))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120).returncode == 0


def test_health_checks_use_ports_of_the_services() -> None:
    services = compose.read()["services"]
    assert {name: port for name, (_, port) in checks().items()} == {
        "worker": DEFAULT_METRICS_PORT,
        "producer": int(services["producer"]["command"][-1]),
        "watch": int(services["watch"]["environment"]["HASHTIDE_WATCH_PORT"]),
    }


def test_health_check_of_worker_fails_without_progress() -> None:
    now = 0.0
    progress = Progress(lambda: now)
    words, port = checks()["worker"]
    served = health.serve("127.0.0.1", 0, Checks(progress, lambda: True))
    progress.taken()
    assert healthy(words, port, served) is True
    now = 1000.0
    assert healthy(words, port, served) is False


@pytest.mark.parametrize("name", ["producer", "watch"])
def test_health_check_depends_on_http_status(name: str) -> None:
    words, port = checks()[name]
    status = 200

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert healthy(words, port, server.server_port) is True
        status = 500
        assert healthy(words, port, server.server_port) is False
        server.shutdown()
    assert healthy(words, port, server.server_port) is False


def test_accounts_have_least_privileges() -> None:
    assert {"hashtag-volume-*", "ingest-gaps", "posts-*", "reply-volume-*"} <= set(accounts.PATTERNS)
    assert all(re.match(r"[a-z]+-[a-z*]+", pattern) for pattern in accounts.PATTERNS)
    assert accounts.ROLES["hashtide_watch"] == {
        "cluster": ["monitor"],
        "indices": [{"names": accounts.PATTERNS, "privileges": ["read", "view_index_metadata", "maintenance"]}],
    }
    assert accounts.ROLES["hashtide_worker"]["indices"][0]["privileges"] == [
        "read",
        "view_index_metadata",
        "maintenance",
        "write",
        "auto_configure",
    ]
    assert accounts.ROLES["hashtide_setup"]["indices"][0]["privileges"] == [
        "view_index_metadata",
        "create_index",
        "manage",
    ]
    assert accounts.ROLES["hashtide_retention"]["indices"][0]["privileges"] == [
        "read",
        "view_index_metadata",
        "maintenance",
        "monitor",
        "delete",
        "delete_index",
    ]
    deleting = {name for name, role in accounts.ROLES.items() if "delete_index" in role["indices"][0]["privileges"]}
    assert deleting == {"hashtide_retention"}
    assert set(accounts.ROLES) == set(accounts.USERS)
