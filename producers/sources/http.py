"""HTTP as the sources need it: one client, and answers and failures as `Lost` or `Refused`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from producers.sources.lost import Lost, answer_error

CONNECT_S: Final = 10.0


def client(base_url: str, token: str | None, stall_s: float) -> httpx.Client:
    """A client for streams: any number at once, each stalled when not a byte has come for `stall_s`.

    The token goes into the header of every request and nowhere else.
    """
    headers = {"User-Agent": "hashtide"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.Client(
        base_url=base_url,
        headers=headers,
        timeout=httpx.Timeout(CONNECT_S, read=stall_s),
        limits=httpx.Limits(max_connections=None),
    )


def check(what: str, response: httpx.Response, clock_ms: Callable[[], int]) -> None:
    """Raises Lost or Refused for an answer other than success; reads its body to say why."""
    if not response.is_success:
        response.read()
        raise answer_error(what, response.status_code, response.headers, response.text, clock_ms())


@contextmanager
def failures_as_lost() -> Iterator[None]:
    """What goes wrong on the way, as Lost: silence is a stall, anything else the network."""
    try:
        yield
    except httpx.ReadTimeout:
        raise Lost("stalled", "nothing came in time") from None
    except httpx.HTTPError as error:
        raise Lost("network", type(error).__name__) from None
