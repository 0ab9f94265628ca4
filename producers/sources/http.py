"""HTTP for the sources: one client; failures and error answers become `Lost` or `Refused`.

The server is not trusted. Redirects are not followed: they could lead into our own network. Nothing is decompressed,
because a few bytes could become gigabytes: requests ask for uncompressed answers, and a compressed answer is an error.
A whole answer is read up to MAX_ANSWER_BYTES, for at most ANSWER_S.
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
    """A client for any number of streams, each stalled after `stall_s` without a byte.

    The token is sent in the header of every request and used nowhere else.
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
    """A successful answer, or one with a status in `taken`, read whole. Blocks. Raises Lost and Refused as `check`."""
    with failures_as_lost(), client.stream(method, path, **request) as response:
        if response.status_code not in taken:
            check(what, response, clock_ms)
        return Answer(response, _body(response))


def check(what: str, response: httpx.Response, clock_ms: Callable[[], int]) -> None:
    """Raise Lost or Refused for an unsuccessful answer, with the reason from its body, and for a compressed one."""
    if not response.is_success:
        body = _body(response).decode(errors="replace")
        raise answer_error(what, response.status_code, response.headers, body, clock_ms())
    _require_plain(response)


@contextmanager
def failures_as_lost() -> Iterator[None]:
    """Turn connection errors into Lost: silence is `stalled`, anything else `network`."""
    try:
        yield
    except httpx.ReadTimeout:
        raise Lost("stalled", "nothing received in time") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # the URL may come from an answer
        raise Lost("network", type(error).__name__) from None


def _require_plain(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Lost("http-error", "a compressed answer, though none was requested")


def _body(response: httpx.Response) -> bytes:
    """The whole body. Raises Lost if it is too long or takes too long."""
    _require_plain(response)
    pieces, size, until = [], 0, time.monotonic() + ANSWER_S
    for piece in response.iter_raw():
        size += len(piece)
        if size > MAX_ANSWER_BYTES or time.monotonic() > until:
            raise Lost("http-error", "an endless answer")
        pieces.append(piece)
    return b"".join(pieces)
