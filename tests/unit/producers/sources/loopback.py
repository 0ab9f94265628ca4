"""Fake platforms on loopback with scripted answers, including faults of real ones."""

import contextlib
import json
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websockets.exceptions
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve


class Exchange(BaseHTTPRequestHandler):
    """One request, with methods to answer it."""

    protocol_version = "HTTP/1.1"
    server: "Web"

    def answer(self, status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a complete answer; anything but bytes is encoded as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, *pieces: bytes, content_type: str = "application/json", end: str = "close") -> None:
        """Send an answer in pieces, which ends by `end`: `close`, correctly; `cut`, in the middle; `silence`, open
        until the client disconnects.
        """
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if end == "close":
            self.wfile.write(b"0\r\n\r\n")
        elif end == "silence":
            with contextlib.suppress(OSError):
                self.connection.recv(1)
        self.close_connection = True
        if end == "cut":
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.body = json.loads(self.rfile.read(length)) if length else None
        self.server.handle(self)

    do_GET = do_POST = _handle

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


Act = Callable[[Exchange], object]


class Web(ThreadingHTTPServer):
    """Answers the requests to each path with its acts in order, and further ones with 404."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, acts: Mapping[str, Sequence[Act]]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.queries: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self.bodies: list[Any] = []
        self.tokens: set[str | None] = set()
        self._acts = {path: iter(each) for path, each in acts.items()}
        self._lock = threading.Lock()

    def handle(self, exchange: Exchange) -> None:
        path = urlsplit(exchange.path).path
        with self._lock:
            self.queries[path].append(exchange.query)
            self.tokens.add(exchange.headers.get("Authorization"))
            if exchange.body is not None:
                self.bodies.append(exchange.body)
            act = next(self._acts.get(path, iter(())), None)
        if act is None:
            exchange.answer(404, {"error": "not in the script"})
        else:
            act(exchange)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: clients often disconnect in the middle."""


@contextlib.contextmanager
def web(acts: Mapping[str, Sequence[Act]]) -> Iterator[Web]:
    server = Web(acts)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def answering(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> Act:
    return lambda exchange: exchange.answer(status, body, headers)


def streaming(*pieces: bytes, content_type: str = "application/json", end: str = "close") -> Act:
    return lambda exchange: exchange.stream(*pieces, content_type=content_type, end=end)


class XRules:
    """X's rules as its API stores them; it refuses those in `invalid`."""

    def __init__(self, *present: dict[str, str], invalid: tuple[str, ...] = ()) -> None:
        self.present = list(present)
        self.invalid = invalid

    def __call__(self, exchange: Exchange) -> None:
        body: Any = exchange.body
        if body is None:
            exchange.answer(200, {"data": self.present, "meta": {"result_count": len(self.present)}})
            return
        dry = exchange.query.get("dry_run") == "true"
        if "add" in body:
            bad = [rule for rule in body["add"] if rule["value"] in self.invalid]
            good = [rule for rule in body["add"] if rule not in bad]
            if not dry:
                self.present += [rule | {"id": str(100 + n)} for n, rule in enumerate(good)]
            errors = [
                {"value": rule["value"], "title": "UnprocessableEntity", "details": ["no such operator"]}
                for rule in bad
            ]
            exchange.answer(201 if good else 400, {"meta": {}} | ({"errors": errors} if errors else {}))
        else:
            if not dry:
                self.present = [rule for rule in self.present if rule["id"] not in body["delete"]["ids"]]
            exchange.answer(200, {"meta": {"summary": {"deleted": len(body["delete"]["ids"])}}})


Scene = Callable[[ServerConnection], object]


class Sockets:
    """A WebSocket server that plays one scene per connection and answers further ones with 404. A Response instead
    of a scene refuses the connection.
    """

    def __init__(self, scenes: Sequence[Scene | Response]) -> None:
        self.queries: list[dict[str, str]] = []
        self._scenes = iter(scenes)
        self._playing: dict[ServerConnection, Scene] = {}
        self._server: Server = serve(self._play, "127.0.0.1", 0, process_request=self._opened, compression=None)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/subscribe"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _opened(self, connection: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        self.queries.append({name: values[0] for name, values in query.items()})
        scene = next(self._scenes, None)
        if scene is None:
            return connection.respond(404, "not in the script")
        if isinstance(scene, Response):
            return scene
        self._playing[connection] = scene
        return None

    def _play(self, connection: ServerConnection) -> None:
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            self._playing.pop(connection)(connection)


@contextlib.contextmanager
def sockets(*scenes: Scene | Response) -> Iterator[Sockets]:
    server = Sockets(scenes)
    try:
        yield server
    finally:
        server.close()


def sending(*frames: bytes | dict[str, Any], end: str = "close") -> Scene:
    """A scene of text frames, which ends by `end`: `close`, `cut` in the middle of a frame, or `silence`."""

    def play(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send((frame if isinstance(frame, bytes) else json.dumps(frame).encode()).decode("latin-1"))
        if end == "silence":
            with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                connection.recv()
        elif end == "cut":
            connection.socket.sendall(b"\x81\x7e\x04\x00half a frame")
            connection.socket.shutdown(socket.SHUT_RDWR)

    return play
