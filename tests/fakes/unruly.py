"""A proxy in front of a real Elasticsearch that injects faults: it rejects, drops, cuts off or delays requests."""

import asyncio
import contextlib
import json
import random
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Self

from aiohttp import ClientError, ClientSession, web

PRODUCT = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/vnd.elasticsearch+json;compatible-with=9"}


class Answer(NamedTuple):
    """An answer of the real server."""

    status: int
    body: bytes


class Asked(NamedTuple):
    """A request in transit, and the function that forwards it to the real server."""

    request: web.Request
    body: bytes
    forward: Callable[[bytes], Awaitable[Answer]]

    @property
    def lines(self) -> list[bytes]:
        """A bulk's documents: action and source, with line ends."""
        parts = self.body.split(b"\n")[:-1]
        return [parts[i] + b"\n" + parts[i + 1] + b"\n" for i in range(0, len(parts), 2)]


Fault = Callable[[Asked], Awaitable[web.StreamResponse]]
"""What happens to one request instead of forwarding it."""


class Unruly:
    """The proxy, as an async context manager: each request takes the next of `faults`; without one, it is forwarded."""

    def __init__(self, target: str, *faults: Fault, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.faults = list(faults)
        self.always: Fault | None = None
        """The fault of every request for which `faults` is empty."""
        self.seen: list[list[str]] = []
        """The ids in each request, in order: of a bulk, or of a multi-get."""
        self.bodies: list[bytes] = []
        self.done: Counter[tuple[str, int]] = Counter()
        """The real server's results for the documents of bulks: operation and status."""
        self._target, self._port, self._tls = target, port, tls

    async def __aenter__(self) -> Self:
        self._client = ClientSession()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._client.close()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def forward(body: bytes) -> Answer:
            headers = {name: request.headers[name] for name in ("Accept", "Content-Type") if name in request.headers}
            async with self._client.request(
                request.method, self._target + request.path_qs, data=body, headers=headers
            ) as response:
                answer = Answer(response.status, await response.read())
            if request.path == "/_bulk" and answer.status == 200:
                for item in json.loads(answer.body).get("items", ()):
                    self.done.update((operation, result["status"]) for operation, result in item.items())
            return answer

        asked = Asked(request, body, forward)
        self.bodies.append(body)
        self.seen.append(_ids(asked))
        fault = self.faults.pop(0) if self.faults else self.always or passes()
        try:
            return await fault(asked)
        except ClientError:  # the real server is unreachable: so is the proxy
            return await cuts(documents=0)(asked)


@contextlib.contextmanager
def in_background(proxy: Unruly) -> Iterator[Unruly]:
    """Run a proxy in a separate thread, for tests that wait for processes."""
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with proxy:
            over = asyncio.Event()
            ready.set_result((asyncio.get_running_loop(), over))
            await over.wait()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, run())
        loop, over = ready.result(timeout=60)
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(over.set)
            running.result()


def _ids(asked: Asked) -> list[str]:
    if asked.request.path == "/_bulk":
        return [action["_id"] for line in asked.lines for action in json.loads(line.split(b"\n")[0]).values()]
    if asked.request.path == "/_mget":
        return [doc["_id"] for doc in json.loads(asked.body)["docs"]]
    return []


def passes() -> Fault:
    """No fault: forwards the request."""

    async def fault(asked: Asked) -> web.Response:
        answer = await asked.forward(asked.body)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault


def answers(status: int, error: str = "some_exception", body: bytes | None = None) -> Fault:
    """Answers the whole request with an error; the real server does not get it."""
    answered = {"error": {"type": error, "reason": "a bad day"}, "status": status}

    async def fault(_: Asked) -> web.Response:
        return web.Response(
            status=status, body=json.dumps(answered).encode() if body is None else body, headers=PRODUCT
        )

    return fault


def lets_in(*authorizations: str) -> Fault:
    """A server with security on: 401 without one of these headers, as the real one answers."""

    async def fault(asked: Asked) -> web.StreamResponse:
        if asked.request.headers.get("Authorization") in authorizations:
            return await passes()(asked)
        return await answers(401, "security_exception")(asked)

    return fault


def turns_away(status: int, *places: int, error: str = "es_rejected_execution_exception") -> Fault:
    """Rejects the documents at these places of a bulk; the real server does not get them."""

    async def fault(asked: Asked) -> web.Response:
        kept = [line for i, line in enumerate(asked.lines) if i not in places]
        items: list[Any] = []
        if kept:
            items = json.loads((await asked.forward(b"".join(kept))).body)["items"]
        for place in sorted(places):
            items.insert(place, {"index": {"status": status, "error": {"type": error, "reason": "a bad day"}}})
        return web.Response(body=json.dumps({"items": items}).encode(), headers=PRODUCT)

    return fault


def cuts(documents: int | None = None, of_answer: int = 0) -> Fault:
    """Cuts the connection after so many documents of a bulk reached the real server and so many bytes of the answer."""

    async def fault(asked: Asked) -> web.StreamResponse:
        lines = asked.lines if documents is None else asked.lines[:documents]
        answer = (await asked.forward(b"".join(lines))).body if lines else b""
        response = web.StreamResponse(headers=PRODUCT | {"Content-Length": str(len(answer) + 1)})
        if of_answer:
            await response.prepare(asked.request)
            await response.write(answer[:of_answer])
        assert asked.request.transport is not None
        asked.request.transport.abort()
        return response

    return fault


def keeps_silent(seconds: float, does: bool) -> Fault:
    """Delays the answer for so long; the real server has processed the request, or does not get it."""

    async def fault(asked: Asked) -> web.Response:
        answer = await asked.forward(asked.body) if does else Answer(503, b"")
        await asyncio.sleep(seconds)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault


def too_large_from(documents: int) -> Fault:
    """A server that answers 413 to bulks of so many documents or more."""

    async def fault(asked: Asked) -> web.StreamResponse:
        if len(asked.lines) >= documents:
            return web.Response(status=413, headers=PRODUCT)
        return await passes()(asked)

    return fault


def shard_away() -> Fault:
    """A read while a shard is starting, as in the seconds after a restart: 200 without the shard's documents.

    The real server answers 503 only to a search that does not allow partial results.
    """

    async def fault(asked: Asked) -> web.StreamResponse:
        if asked.request.path == "/_mget":
            away = {"error": {"type": "no_shard_available_action_exception", "reason": "a bad day"}}
            body: Any = {"docs": [doc | away for doc in json.loads(asked.body)["docs"]]}
        elif asked.request.path.endswith("/_search"):
            if asked.request.query.get("allow_partial_search_results") == "false":
                return await answers(503)(asked)
            body = {"_shards": {"total": 1, "successful": 0, "failed": 1}, "hits": {"hits": []}, "pit_id": ""}
        else:
            return await passes()(asked)
        return web.Response(body=json.dumps(body).encode(), headers=PRODUCT)

    return fault


def holds(came: threading.Event, go_on: threading.Event, *, done: bool) -> Fault:
    """Sets `came` and holds the answer until `go_on`. The real server gets the request before, or after `go_on`."""

    async def fault(asked: Asked) -> web.Response:
        answer = await asked.forward(asked.body) if done else None
        came.set()
        while not go_on.is_set():
            await asyncio.sleep(0.02)
        answer = answer or await asked.forward(asked.body)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault


def at_bulk(operation: str, nth: int, fault: Fault) -> Fault:
    """The fault at the nth bulk of an operation, `create` or `index`; the others are forwarded."""
    left = nth

    async def counting(asked: Asked) -> web.StreamResponse:
        nonlocal left
        left -= asked.request.path == "/_bulk" and asked.body.startswith(f'{{"{operation}"'.encode())
        if left:
            return await passes()(asked)
        left = -1
        return await fault(asked)

    return counting


def any_of(faults: dict[str, Fault], share: float, draw: random.Random, happened: Counter[str]) -> Fault:
    """Random faults, all equally often, for this share of writes and reads; `happened` counts them by name."""
    due: list[str] = []

    async def fault(asked: Asked) -> web.StreamResponse:
        if asked.request.path.rpartition("/")[2] not in ("_bulk", "_mget", "_search") or draw.random() >= share:
            return await passes()(asked)
        if not due:
            due.extend(faults)
            draw.shuffle(due)
        name = due.pop()
        happened[name] += 1
        return await faults[name](asked)

    return fault


def some(turned_away: Callable[..., Fault], draw: random.Random) -> Fault:
    """Rejects random ids of a bulk, sometimes all; cuts the connection of a read.

    Ids, not documents: documents of one id are in one shard, which accepts them in order or rejects them all.
    """

    async def fault(asked: Asked) -> web.StreamResponse:
        ids = _ids(asked)
        if not asked.lines:
            return await cuts(documents=0)(asked)
        away = set(draw.sample(sorted(set(ids)), draw.randint(1, len(set(ids)))))
        return await turned_away(*(place for place, id_ in enumerate(ids) if id_ in away))(asked)

    return fault


def cuts_anywhere(draw: random.Random) -> Fault:
    """Cuts the connection after a random number of a bulk's documents reached the real server."""

    async def fault(asked: Asked) -> web.StreamResponse:
        return await cuts(documents=draw.randint(0, len(asked.lines)))(asked)

    return fault
