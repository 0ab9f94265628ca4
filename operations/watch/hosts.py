"""Protects the page's server from other sites. ASGI middleware.

Another site could point its name to 127.0.0.1 and read this page through its reader's browser (DNS rebinding). So the
Host of a request must be an IP address, `localhost` or a configured name, and its Origin must be this page: above all
for websockets, which browsers allow across origins.
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
    # NiceGUI compiles templates in the browser: 'unsafe-eval'. Scripts can connect only to this server.
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
)


def is_own(host: str, names: Iterable[str]) -> bool:
    """Whether a Host header names this server: an IP address, `localhost` or one of `names`."""
    hostname = _hostname(f"//{host}")
    if hostname in {"localhost", *(name.lower() for name in names)}:
        return True
    try:
        ip_address(hostname)
    except ValueError:
        return False
    return True


def is_same_site(origin: str, host: str, names: Iterable[str]) -> bool:
    """Whether an Origin header is this server: the request's Host, or behind a proxy one of `names`."""
    return origin.partition("://")[2] == host or _hostname(origin) in {name.lower() for name in names}


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class Guard:
    """Refuses requests with a wrong Host (421) or Origin (403); adds security headers to every answer."""

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
            await _refuse(scope, send, 421, b"Unknown host name: set HASHTIDE_WATCH_NAMES.\n")
        elif origin is not None and not is_same_site(origin, host, self._names):
            await _refuse(scope, send, 403, b"Requests from other sites are refused.\n")
        else:
            await self._app(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SAFE]
        await send(message)

    return send_with_headers


async def _refuse(scope: Scope, send: Send, status: int, body: bytes) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
