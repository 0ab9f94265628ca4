"""Who may ask the page's server: whoever names it by an address of its own. ASGI middleware.

A page elsewhere could point a name of its own at 127.0.0.1 and read this one through its reader's browser (DNS
rebinding). So a request must name this server by an IP address, by `localhost` or by a name that it was told; and
what comes from a page must come from this one, websockets above all, which browsers let cross origins.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # NiceGUI compiles templates in the browser: 'unsafe-eval'. Whatever runs can talk to this server and to no other.
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
)


def is_own(host: str, names: Iterable[str]) -> bool:
    """Whether a Host header names this server: by an address, or by one of its names."""
    hostname = _hostname(f"//{host}")
    if hostname in {"localhost", *(name.lower() for name in names)}:
        return True
    try:
        ip_address(hostname)
    except ValueError:
        return False
    return True


def is_same_site(origin: str, host: str, names: Iterable[str]) -> bool:
    """Whether a page's origin is this server: as it was asked, or, where a proxy asks, one of its names."""
    return origin.partition("://")[2] == host or _hostname(origin) in {name.lower() for name in names}


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class Guard:
    """Refuses what is not for this server (421), or from another's page (403); adds headers to every answer."""

    def __init__(self, app: App, names: Sequence[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if not is_own(host, self._names):
            await _refuse(scope, send, 421, b"This server does not go by that name.\n")
        elif origin is not None and not is_same_site(origin, host, self._names):
            await _refuse(scope, send, 403, b"Not from another site.\n")
        else:
            await self._app(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SAFE]
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send, status: int, body: bytes) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
