"""Stands in for Elasticsearch to measure its client's cost: accepts every bulk at once and stores nothing.

`python -m benchmarks.harness.standin` prints its address and answers until its standard input closes.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.harness.machine import ROOT, other_cores, pin

_TYPE = "application/vnd.elasticsearch+json;compatible-with=9"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "_mget" in self.path:
            answer = nothing_found(len(json.loads(body)["docs"]))
        elif "_bulk" not in self.path:
            answer = b"{}"  # a refresh, or a search that finds nothing
        else:
            answer = all_done(body[2 : body.index(b'"', 2)].decode(), body.count(b"\n") // 2)
        self.send_response(200)
        self.send_header("Content-Type", _TYPE)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@lru_cache(maxsize=256)
def all_done(action: str, documents: int) -> bytes:
    """The response to a bulk, with our store's filter path."""
    return json.dumps({"items": [{action: {"status": 201}}] * documents}, separators=(",", ":")).encode()


@lru_cache(maxsize=256)
def nothing_found(documents: int) -> bytes:
    """The response to a multi get."""
    missing = {"_index": "reply-volume-2017.10.15", "_id": "00112233445566778899aabbccddeeff", "found": False}
    return json.dumps({"docs": [missing] * documents}, separators=(",", ":")).encode()


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run the stand-in in a separate process, off the worker's core; yields its URL."""
    command = (sys.executable, "-m", "benchmarks.harness.standin")
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        pin(process.pid, other_cores())
        yield process.stdout.readline().strip()
        process.stdin.close()


def main() -> None:
    """Answer until standard input closes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
