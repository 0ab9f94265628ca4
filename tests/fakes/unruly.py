"""A proxy before a real Elasticsearch that has bad days: it refuses, loses, cuts and keeps silent, as it is told."""

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
    """A request on its way, and the way to the real server."""

    request: web.Request
    body: bytes
    forward: Callable[[bytes], Awaitable[Answer]]

    @property
    def lines(self) -> list[bytes]:
        """A bulk's documents: action and source, with their line ends."""
        parts = self.body.split(b"\n")[:-1]
        return [parts[i] + b"\n" + parts[i + 1] + b"\n" for i in range(0, len(parts), 2)]


Fault = Callable[[Asked], Awaitable[web.StreamResponse]]
"""What happens to one request instead of the usual."""


class Unruly:
    """The proxy, as an async context manager: each request takes the next of `faults`; without any, it goes through."""

    def __init__(self, target: str, *faults: Fault, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.faults = list(faults)
        self.always: Fault | None = None
        """Happens to every request that finds no other fault."""
        self.seen: list[list[str]] = []
        """The ids in each request, in order: of a bulk, or of a read of several."""
        self.bodies: list[bytes] = []
        self.done: Counter[tuple[str, int]] = Counter()
        """What the real server answered to the documents of bulks: operation and status."""
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
        except ClientError:  # the real server is away: so is this one
            return await cuts(documents=0)(asked)


@contextlib.contextmanager
def in_background(proxy: Unruly) -> Iterator[Unruly]:
    """Runs a proxy in a thread of its own, for tests that wait for processes."""
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
    """Nothing happens: the request goes through."""

    async def fault(asked: Asked) -> web.Response:
        answer = await asked.forward(asked.body)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault


def answers(status: int, error: str = "some_exception", body: bytes | None = None) -> Fault:
    """The whole request is answered with an error; the real server has not seen it."""
    answered = {"error": {"type": error, "reason": "a bad day"}, "status": status}

    async def fault(_: Asked) -> web.Response:
        return web.Response(
            status=status, body=json.dumps(answered).encode() if body is None else body, headers=PRODUCT
        )

    return fault


def lets_in(*authorizations: str) -> Fault:
    """A server with security on: 401 for whoever does not come with one of these headers, as the real one answers."""

    async def fault(asked: Asked) -> web.StreamResponse:
        if asked.request.headers.get("Authorization") in authorizations:
            return await passes()(asked)
        return await answers(401, "security_exception")(asked)

    return fault


def turns_away(status: int, *places: int, error: str = "es_rejected_execution_exception") -> Fault:
    """Of a bulk, the documents at these places are turned away; the real server has not seen them."""

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
    """The connection breaks: after the real server has so many documents of a bulk, and so many bytes of its answer."""

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
    """No answer for so long; the real server has done it, or has not seen it."""

    async def fault(asked: Asked) -> web.Response:
        answer = await asked.forward(asked.body) if does else Answer(503, b"")
        await asyncio.sleep(seconds)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault


def too_large_from(documents: int) -> Fault:
    """A server that takes bulks of fewer documents than so many."""

    async def fault(asked: Asked) -> web.StreamResponse:
        if len(asked.lines) >= documents:
            return web.Response(status=413, headers=PRODUCT)
        return await passes()(asked)

    return fault


def shard_away() -> Fault:
    """A read meets a shard that is starting, as for seconds after a restart: 200, and nothing of what it holds.

    The real server says 503 of a search alone, if it is told not to leave anything out.
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
    """The request is there, which `came` says, and waits until `go_on`: the real server has done it, or not seen it."""

    async def fault(asked: Asked) -> web.Response:
        answer = await asked.forward(asked.body) if done else None
        came.set()
        while not go_on.is_set():
            await asyncio.sleep(0.02)
        answer = answer or await asked.forward(asked.body)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault


def at_bulk(operation: str, nth: int, fault: Fault) -> Fault:
    """The fault at the nth bulk of an operation, `create` or `index`; the others go through."""
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
    """Now one and now another, all equally often, to this share of writes and reads; `happened` counts them by name."""
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
    """Of a bulk some ids are turned away, drawn anew each time, at times all; a read is not done at all.

    Ids, not documents: those of one id lie in one shard, which takes them in their order, or turns them all away.
    """

    async def fault(asked: Asked) -> web.StreamResponse:
        ids = _ids(asked)
        if not asked.lines:
            return await cuts(documents=0)(asked)
        away = set(draw.sample(sorted(set(ids)), draw.randint(1, len(set(ids)))))
        return await turned_away(*(place for place, id_ in enumerate(ids) if id_ in away))(asked)

    return fault


def cuts_anywhere(draw: random.Random) -> Fault:
    """The connection breaks after the real server has some documents of a bulk, drawn anew each time."""

    async def fault(asked: Asked) -> web.StreamResponse:
        return await cuts(documents=draw.randint(0, len(asked.lines)))(asked)

    return fault
