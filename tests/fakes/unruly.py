"""A proxy before a real Elasticsearch that has bad days: it refuses, loses, cuts and keeps silent, as it is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

from aiohttp import ClientSession, web

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

    def __init__(self, target: str, *faults: Fault, port: int = 0) -> None:
        self.faults = list(faults)
        self.always: Fault | None = None
        """Happens to every request that finds no other fault."""
        self.seen: list[list[str]] = []
        """The ids in each request, in order: of a bulk, or of a read of several."""
        self.bodies: list[bytes] = []
        self._target, self._port = target, port

    async def __aenter__(self) -> Self:
        self._client = ClientSession()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._client.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def forward(body: bytes) -> Answer:
            headers = {name: request.headers[name] for name in ("Accept", "Content-Type") if name in request.headers}
            async with self._client.request(
                request.method, self._target + request.path_qs, data=body, headers=headers
            ) as answer:
                return Answer(answer.status, await answer.read())

        asked = Asked(request, body, forward)
        self.bodies.append(body)
        self.seen.append(_ids(asked))
        fault = self.faults.pop(0) if self.faults else self.always
        if fault is not None:
            return await fault(asked)
        status, answered = await forward(body)
        return web.Response(status=status, body=answered, headers=PRODUCT)


def _ids(asked: Asked) -> list[str]:
    if asked.request.path == "/_bulk":
        return [action["_id"] for line in asked.lines for action in json.loads(line.split(b"\n")[0]).values()]
    if asked.request.path == "/_mget":
        return [doc["_id"] for doc in json.loads(asked.body)["docs"]]
    return []


def answers(status: int, error: str = "some_exception", body: bytes | None = None) -> Fault:
    """The whole request is answered with an error; the real server has not seen it."""
    answered = {"error": {"type": error, "reason": "a bad day"}, "status": status}

    async def fault(_: Asked) -> web.Response:
        return web.Response(
            status=status, body=json.dumps(answered).encode() if body is None else body, headers=PRODUCT
        )

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

    async def fault(asked: Asked) -> web.Response:
        if len(asked.lines) >= documents:
            return web.Response(status=413, headers=PRODUCT)
        answer = await asked.forward(asked.body)
        return web.Response(status=answer.status, body=answer.body, headers=PRODUCT)

    return fault
