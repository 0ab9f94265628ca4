"""HTTP as the sources need it: one client, and answers and failures as `Lost` or `Refused`.

The other side is not trusted. No redirect is followed: it could lead into our own network. Nothing is unpacked, because
a few bytes unpack to gigabytes: answers are asked for as they are, and one that is packed all the same is no answer.
What is read whole is read up to MAX_ANSWER_BYTES, and for ANSWER_S.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import httpx

from producers.sources.lost import Lost, answer_error

CONNECT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 16 << 20  # a timeline's page of 40 long statuses has 1 MiB
ANSWER_S: Final = 60.0


def client(base_url: str, token: str | None, stall_s: float) -> httpx.Client:
    """A client for streams: any number at once, each stalled when not a byte has come for `stall_s`.

    The token goes into the header of every request and nowhere else.
    """
    headers = {"User-Agent": "hashtide", "Accept-Encoding": "identity"}
    return httpx.Client(
        base_url=base_url,
        headers=headers | ({"Authorization": f"Bearer {token}"} if token else {}),
        timeout=httpx.Timeout(CONNECT_S, read=stall_s),
        limits=httpx.Limits(max_connections=None),
        follow_redirects=False,
    )


class Answer(NamedTuple):
    """An answer, and its body."""

    response: httpx.Response
    body: bytes


def ask(
    what: str,
    client: httpx.Client,
    method: str,
    path: str,
    clock_ms: Callable[[], int],
    *,
    taken: tuple[int, ...] = (),
    **request: Any,
) -> Answer:
    """An answer of success, or of a status in `taken`, read whole. Blocks. Raises Lost and Refused as `check` does."""
    with failures_as_lost(), client.stream(method, path, **request) as response:
        if response.status_code not in taken:
            check(what, response, clock_ms)
        return Answer(response, _body(response))


def check(what: str, response: httpx.Response, clock_ms: Callable[[], int]) -> None:
    """Raises Lost or Refused for an answer other than success, whose body it reads to say why, and for a packed one."""
    if not response.is_success:
        body = _body(response).decode(errors="replace")
        raise answer_error(what, response.status_code, response.headers, body, clock_ms())
    _require_plain(response)


@contextmanager
def failures_as_lost() -> Iterator[None]:
    """What goes wrong on the way, as Lost: silence is a stall, anything else the network."""
    try:
        yield
    except httpx.ReadTimeout:
        raise Lost("stalled", "nothing came in time") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # an address may be what an answer has named
        raise Lost("network", type(error).__name__) from None


def _require_plain(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Lost("http-error", "an answer that is packed, though nobody asked for that")


def _body(response: httpx.Response) -> bytes:
    """The body, whole. Raises Lost for one without an end."""
    _require_plain(response)
    pieces, size, until = [], 0, time.monotonic() + ANSWER_S
    for piece in response.iter_raw():
        size += len(piece)
        if size > MAX_ANSWER_BYTES or time.monotonic() > until:
            raise Lost("http-error", "an answer without an end")
        pieces.append(piece)
    return b"".join(pieces)
