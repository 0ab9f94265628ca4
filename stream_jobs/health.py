"""/metrics, /healthz and /readyz, answered from a thread of its own, so that they answer while a batch is worked on."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

log = logging.getLogger(__name__)

DEFAULT_METRICS_PORT = 9464

STUCK_S = 120.0
"""How long a worker may go without handling a batch that it has in hand, before it is no longer alive."""

PLAIN = {"HTTP_ACCEPT": "text/plain;version=0.0.4"}
"""Whatever format is asked for, the answer is this one: OpenMetrics takes twice the time, and adds nothing we use."""

Answer = Iterable[bytes]


class Progress:
    """Whether batches get handled: written by the agents' loop, read by the thread that answers."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._in_hand = 0
        self._moved = monotonic()
        self.assigned = 0
        """Partitions that this worker has."""

    def taken(self) -> None:
        """A batch was taken in hand."""
        if self._in_hand == 0:
            self._moved = self._monotonic()
        self._in_hand += 1

    def ended(self) -> None:
        """A batch was handled, or let go."""
        self._in_hand -= 1
        self._moved = self._monotonic()

    def stuck_s(self) -> float:
        """Seconds since anything moved; 0 with nothing in hand."""
        return self._monotonic() - self._moved if self._in_hand else 0.0


class Checks:
    """What /healthz and /readyz say. `answers` asks Elasticsearch, and may block for a second or two."""

    def __init__(self, progress: Progress, answers: Callable[[], bool]) -> None:
        self._progress, self._answers = progress, answers

    def healthz(self) -> tuple[bool, str]:
        """Alive: batches get handled, or there is nothing to do."""
        stuck_s = self._progress.stuck_s()
        return stuck_s < STUCK_S, "alive" if stuck_s < STUCK_S else f"no batch was handled for {stuck_s:.0f} s"

    def readyz(self) -> tuple[bool, str]:
        """Ready: partitions are assigned, and Elasticsearch answers."""
        if not self._progress.assigned:
            return False, "no partition is assigned"
        return (True, "ready") if self._answers() else (False, "Elasticsearch does not answer")


def serve(host: str, port: int, checks: Checks) -> int:
    """Answer on a port, 0 for any free one; the port. Raises OSError where it is taken."""
    metrics = make_wsgi_app()
    answers = {"/healthz": checks.healthz, "/readyz": checks.readyz}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        check = answers.get(environ["PATH_INFO"])
        if check is None:
            return metrics(environ | PLAIN, start_response)  # type: ignore[no-any-return]
        well, said = check()
        start_response("200 OK" if well else "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{said}\n".encode()]

    server = make_server(host, port, application, ThreadingWSGIServer, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server.server_port


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is nothing to log."""
