"""The import, against a fake Kibana on loopback that checks requests against Kibana's API documentation.

Kibana itself does not run here. "Import saved objects": POST /api/saved_objects/_import, multipart with a part `file`
whose name ends in .ndjson, header kbn-xsrf; 200 with success, successCount, errors.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hashtide.elasticsearch.client import Connection
from hashtide.settings import WrongSetting
from operations import kibana
from operations.kibana import KibanaRefused, KibanaUnreachable
from operations.settings import OperationsSettings

TITLES = [
    "Hashtide: reply volume",
    "Hashtide: hashtag volume",
    "Hashtide: posts (the ledger)",
    "Hashtide: gaps",
    "Hashtide: pipeline health",
    "Hashtide: reply volume",
]
Answer = tuple[int, Any]


class Kibana(ThreadingHTTPServer):
    """Stores what is imported; first returns the answers set by the test."""

    daemon_threads = True

    def __init__(self, answers: Sequence[Answer], path: str, authorization: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers = list(answers)
        self.path = path
        self.authorization = authorization
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests = 0

    def answer(self, request: "_Handler", body: bytes) -> Answer:
        self.requests += 1
        where = urlsplit(request.path)
        if where.path != f"{self.path}/api/saved_objects/_import":
            return 404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"}
        if request.headers.get("kbn-xsrf") is None:
            return 400, {"statusCode": 400, "message": "Request must contain a kbn-xsrf header."}
        if self.answers:
            return self.answers.pop(0)
        if request.headers.get("Authorization") != self.authorization:
            return 401, {"statusCode": 401, "error": "Unauthorized", "message": "..."}
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        message = message_from_bytes(head + body, policy=policy.HTTP)
        (part,) = message.iter_parts()
        assert part.get_param("name", header="content-disposition") == "file"
        assert (part.get_filename() or "").endswith(".ndjson")
        lines = [json.loads(line) for line in part.get_payload(decode=True).splitlines()]  # type: ignore[union-attr]
        for each in lines:
            if (each["type"], each["id"]) in self.objects and where.query != "overwrite=true":
                return 200, {"success": False, "successCount": 0, "errors": [{"error": {"type": "conflict"}}]}
            self.objects[each["type"], each["id"]] = each
        return 200, {"success": True, "successCount": len(lines), "successResults": []}


class _Handler(BaseHTTPRequestHandler):
    server: Kibana

    def do_POST(self) -> None:
        status, answer = self.server.answer(self, self.rfile.read(int(self.headers["Content-Length"])))
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextlib.contextmanager
def running(*answers: Answer, path: str = "", authorization: str | None = None) -> Iterator[Kibana]:
    server = Kibana(answers, path, authorization)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_imports_data_views_and_dashboards_and_overwrites_them() -> None:
    with running() as server:
        assert kibana.setup(Connection(server.url)) == TITLES
        assert kibana.setup(Connection(server.url)) == TITLES
    assert sorted(server.objects) == [
        ("dashboard", "hashtide-pipeline-health-dashboard"),
        ("dashboard", "hashtide-reply-volume-dashboard"),
        ("index-pattern", "hashtide-hashtag-volume"),
        ("index-pattern", "hashtide-ingest-gaps"),
        ("index-pattern", "hashtide-posts"),
        ("index-pattern", "hashtide-reply-volume"),
    ]


def test_keeps_space_and_base_path_of_url() -> None:
    with running(path="/base/s/night") as server:
        assert kibana.setup(kibana.target(f"{server.url}/base/s/night/", OperationsSettings())) == TITLES


def test_reads_api_key_from_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a2V5OnNlY3JldA==\n")
    settings = OperationsSettings(kibana_api_key_file=tmp_path / "key")
    with running(authorization="ApiKey a2V5OnNlY3JldA==") as server:
        assert kibana.setup(kibana.target(server.url, settings)) == TITLES


def test_login_with_user_and_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pässword one\n")
    settings = OperationsSettings(kibana_user="mina", kibana_password_file=tmp_path / "password")
    with running(authorization="Basic bWluYTpww6Rzc3dvcmQgb25l") as server:
        assert kibana.setup(kibana.target(server.url, settings)) == TITLES


def test_does_not_retry_refused_key() -> None:
    with (
        running(authorization="ApiKey right") as server,
        pytest.raises(KibanaRefused, match="401 Unauthorized: set HASHTIDE_KIBANA_API_KEY_FILE"),
    ):
        kibana.setup(Connection(server.url, "wrong"))
    assert server.requests == 1


def test_waits_for_kibana_to_start(caplog: pytest.LogCaptureFixture) -> None:
    with running((503, b"Kibana server is not ready yet"), (429, b"")) as server:
        assert kibana.setup(Connection(server.url)) == TITLES
    assert server.requests == 3
    assert "yet (HTTP 503); trying again" in caplog.text


def test_reports_unreachable_kibana_after_timeout() -> None:
    with running() as server:
        url = server.url
    with pytest.raises(
        KibanaUnreachable, match=rf"no answer from Kibana at {url} for 0.2 s \(ConnectError .*check that it runs"
    ):
        kibana.setup(Connection(url), patience_s=0.2)


def test_error_names_refused_objects_and_reasons() -> None:
    errors = [
        {
            "type": "dashboard",
            "id": "hashtide-reply-volume-dashboard",
            "meta": {"title": "Hashtide: reply volume"},
            "error": {"type": "missing_references", "references": [{"type": "index-pattern", "id": "hashtide-posts"}]},
        },
        {"type": "index-pattern", "id": "hashtide-posts", "error": {"type": "unknown", "message": "disk full"}},
    ]
    with (
        running((200, {"success": False, "successCount": 4, "errors": errors})) as server,
        pytest.raises(KibanaRefused) as caught,
    ):
        kibana.setup(Connection(server.url))
    assert str(caught.value) == (
        f"Kibana at {server.url} imported 4 objects and refused others: dashboard Hashtide: reply volume: "
        "missing_references index-pattern hashtide-posts; index-pattern hashtide-posts: unknown disk full"
    )


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (200, [1]), (200, {"ok": 1}), (404, {}), (302, b""), (500, b"oh")]
)
def test_unexpected_answer_is_an_error(answer: Answer) -> None:
    with (
        running(answer) as server,
        pytest.raises(KibanaRefused, match="check that this is Kibana's URL, including its base path"),
    ):
        kibana.setup(Connection(server.url))


@pytest.mark.parametrize(
    "url", ["kibana:5601", "ftp://kibana.example", "https://mina:secret@kibana.example", "http://"]
)
def test_refuses_invalid_url_or_url_with_password_without_showing_it(url: str) -> None:
    with pytest.raises(WrongSetting, match="--kibana: must be a URL") as caught:
        kibana.target(url, OperationsSettings())
    assert "secret" not in str(caught.value)


def test_error_names_incomplete_or_conflicting_login_and_unreadable_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("two words\n")
    (tmp_path / "empty").write_text("\n")
    for settings, message in [
        (OperationsSettings(kibana_user="mina"), "HASHTIDE_KIBANA_PASSWORD_FILE is not set"),
        (OperationsSettings(kibana_password_file=file), "HASHTIDE_KIBANA_USER is not set"),
        (OperationsSettings(kibana_user="mina", kibana_password_file=tmp_path / "empty"), "is empty"),
        (OperationsSettings(kibana_user="mi:na", kibana_password_file=file), "must not contain a colon"),
        (
            OperationsSettings(kibana_user="mina", kibana_password_file=file, kibana_api_key_file=file),
            "one login or the",
        ),
        (OperationsSettings(kibana_api_key_file=tmp_path / "none"), "HASHTIDE_KIBANA_API_KEY_FILE=.*No such file"),
        (OperationsSettings(kibana_api_key_file=file), "HASHTIDE_KIBANA_API_KEY_FILE: must hold"),
    ]:
        with pytest.raises(WrongSetting, match=message) as caught:
            kibana.target("http://kibana.example", settings)
        assert "two words" not in str(caught.value)
