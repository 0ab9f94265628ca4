"""/metrics, /healthz and /readyz, served by a separate thread, so that they answer while a batch is processed."""

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
"""Longest time without progress while a worker has a batch in progress. After it the worker counts as stuck."""

PLAIN = {"HTTP_ACCEPT": "text/plain;version=0.0.4"}
"""The only metrics format served: OpenMetrics takes twice the time, and adds nothing we use."""

Response = Iterable[bytes]


class Progress:
    """Whether batches make progress. Written by the agents' event loop, read by the HTTP thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._in_hand = 0
        self._moved = monotonic()
        self.assigned = 0
        """Partitions assigned to this worker."""

    def taken(self) -> None:
        """A batch was started."""
        if self._in_hand == 0:
            self._moved = self._monotonic()
        self._in_hand += 1

    def ended(self) -> None:
        """A batch was processed or abandoned."""
        self._in_hand -= 1
        self._moved = self._monotonic()

    def stuck_s(self) -> float:
        """Seconds since the last progress; 0 with no batch in progress."""
        return self._monotonic() - self._moved if self._in_hand else 0.0


class Checks:
    """The checks of /healthz and /readyz. `answers`: whether Elasticsearch answers; may block for 1-2 s."""

    def __init__(self, progress: Progress, answers: Callable[[], bool]) -> None:
        self._progress, self._answers = progress, answers

    def healthz(self) -> tuple[bool, str]:
        """Alive: batches make progress, or there is nothing to do."""
        stuck_s = self._progress.stuck_s()
        return stuck_s < STUCK_S, "alive" if stuck_s < STUCK_S else f"no batch was handled for {stuck_s:.0f} s"

    def readyz(self) -> tuple[bool, str]:
        """Ready: partitions are assigned, and Elasticsearch answers."""
        if not self._progress.assigned:
            return False, "no partition is assigned"
        return (True, "ready") if self._answers() else (False, "Elasticsearch does not answer")


def serve(host: str, port: int, checks: Checks) -> int:
    """Serve on a port, 0 for any free one; returns the port. Does not block. Raises OSError if the port is in use."""
    metrics = make_wsgi_app()
    paths = {"/healthz": checks.healthz, "/readyz": checks.readyz}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Response:
        check = paths.get(environ["PATH_INFO"])
        if check is None:
            return metrics(environ | PLAIN, start_response)  # type: ignore[no-any-return]
        ok, text = check()
        start_response("200 OK" if ok else "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]

    server = make_server(host, port, application, ThreadingWSGIServer, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server.server_port


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: there is a scrape every few seconds."""
