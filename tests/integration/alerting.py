"""Real Prometheus and Alertmanager on free loopback ports, with the shipped files, and a receiver of notifications."""

import contextlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.conftest import needs
from tests.ports import free_ports

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
CONFIG: Final = DEPLOY / "alertmanager" / "alertmanager.yml"
TOKEN: Final = "of-a-test"
WITHIN_S: Final = 120.0


def until(true: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"did not come about: {what}"
        time.sleep(0.1)


def ask(url: str, body: object = None) -> Any:
    """The JSON of an answer; of one without a body, None."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}), timeout=10) as answer:
        content = answer.read()
    return json.loads(content) if content else None


@contextlib.contextmanager
def server(folder: Path, name: str, *words: str, ready: str) -> Iterator[None]:
    """A program, from when `ready` answers until it is left. It is ended whatever happens."""
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, cwd=folder)
    try:

        def answers() -> bool:
            assert process.poll() is None, f"{name} ended:\n{log.read_text()}"
            with contextlib.suppress(URLError, OSError), urlopen(ready, timeout=1):
                return True
            return False

        until(answers, f"{name} answers:\n{log.read_text()}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Notified:
    """Takes notifications as a webhook does, and keeps them with the moment when they came."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()

    def of(self, alertname: str, status: str) -> list[dict[str, Any]]:
        """The notifications with this status that tell of an alert of this name and status."""
        return [
            each
            for each in self.all
            if each["status"] == status
            and any(a["labels"]["alertname"] == alertname and a["status"] == status for a in each["alerts"])
        ]


@contextlib.contextmanager
def webhook() -> Iterator[tuple[Notified, int]]:
    """A receiver of notifications on a free loopback port."""
    notified = Notified()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            notified.tokens.add(self.headers["Authorization"])
            notified.all.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with serving(Handler) as port:
        yield notified, port


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """An HTTP server on a free loopback port."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield http.server_port
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with each of these changed; every one must be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def alertmanager(folder: Path, hook: int) -> Iterator[str]:
    """Alertmanager with the shipped configuration, in a hurry, and with the webhook as its only receiver; its URL.

    Routes, grouping and inhibition are as shipped. Slack and mail would leave the machine: they are taken out.
    """
    shipped = CONFIG.read_text(encoding="utf-8")
    routing, receivers = shipped.split("\nreceivers:\n")
    hurried = replaced(routing, {"group_wait: 30s": "group_wait: 2s", "group_interval: 5m": "group_interval: 2s"})
    on_call = replaced(receivers[: receivers.index("    slack_configs:")], {":9095/": f":{hook}/"})
    (folder / "alertmanager.yml").write_text(
        f"{hurried}\nreceivers:\n{on_call}{replaced(on_call, {'on-call': 'team'})}", encoding="utf-8"
    )
    shutil.copytree(CONFIG.parent / "templates", folder / "templates")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "webhook-token").write_text(TOKEN + "\n")
    (port,) = free_ports(1)
    words = [
        needs("alertmanager" if shutil.which("alertmanager") else "prometheus-alertmanager"),  # Debian's name
        "--config.file=alertmanager.yml",
        "--storage.path=alerts",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with server(folder, "alertmanager", *words, ready=f"{url}/-/ready"):
        yield url
