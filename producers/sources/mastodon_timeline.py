"""Mastodon's REST timelines, read forward from a status, for posts that the stream missed.

Sources: "Timelines", "Rate limits" and "Pagination" in Mastodon's documentation.
"""

from collections.abc import Callable, Iterator
from typing import Final

import httpx
import msgspec
from tenacity import stop_before_delay

from hashtide.contract.bounds import MAX_ID_CHARS
from hashtide.contract.reasons import InvalidPost
from producers.formats.payload import items
from producers.sources.http import ask
from producers.sources.lost import Lost
from producers.sources.reconnect import tried

PAGE: Final = 40  # the maximum of instances
MAX_PAGES: Final = 100  # per catch-up: instances allow 300 requests in 5 minutes
PATIENCE_S: Final = 90.0  # per page, retries included
OVERLAP_MS: Final = 120_000  # a status of another instance arrives late, but its id has the time of writing

_TIME_SHIFT: Final = 16  # an id is a time in milliseconds and 16 more bits
_FIRST_TIME: Final = 10**16  # smaller numbers are not such ids


class TooMuch(Exception):
    """There are more statuses than one catch-up reads."""


class Timeline:
    """One timeline of one instance. `source` is for the log."""

    def __init__(
        self,
        client: httpx.Client,
        source: str,
        path: str,
        params: dict[str, str],
        *,
        clock_ms: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._client, self._source, self._path, self._params = client, source, path, params
        self._clock_ms, self._sleep = clock_ms, sleep

    def since(self, min_id: str) -> Iterator[list[bytes]]:
        """Every status after `min_id`, as JSON, page by page and oldest first.

        Blocks; retries each page for PATIENCE_S. Raises Lost, Refused, TooMuch; pages returned before stay valid.
        """
        for _ in range(MAX_PAGES):
            patience = stop_before_delay(PATIENCE_S)
            ask = tried(self._page, self._source, clock_ms=self._clock_ms, sleep=self._sleep, stop=patience)
            page, next_id = ask(min_id)
            yield page
            if next_id is None or next_id == min_id:
                return
            min_id = next_id
        raise TooMuch(f"more than {MAX_PAGES * PAGE} statuses to catch up on")

    def _page(self, min_id: str) -> tuple[list[bytes], str | None]:
        params = self._params | {"min_id": min_id, "limit": str(PAGE)}
        response, body = ask(self._source, self._client, "GET", self._path, self._clock_ms, params=params)
        try:
            statuses = [bytes(status) for status in items(body)]
        except InvalidPost:
            raise Lost("http-error", "a timeline that is not a list of statuses") from None
        if not statuses:
            return [], None
        return statuses[::-1], _newer(response) or status_id(statuses[0])


def _newer(response: httpx.Response) -> str | None:
    """The `min_id` of the next page, from the answer ("Pagination"); None if it gives no usable one."""
    try:
        min_id = httpx.URL(response.links.get("prev", {}).get("url", "")).params.get("min_id")
    except (httpx.InvalidURL, ValueError):
        return None
    return min_id if min_id and len(min_id) <= MAX_ID_CHARS else None


class _StatusId(msgspec.Struct, frozen=True):
    id: str | int | None = None


_STATUS: Final = msgspec.json.Decoder(_StatusId)


def status_id(status: bytes | str) -> str | None:
    """The local id of a status in JSON; None if it is missing or too long."""
    try:
        found = _STATUS.decode(status).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if found is None or len(str(found)) > MAX_ID_CHARS else str(found)


def later(one: str | None, other: str | None) -> str | None:
    """The later of two ids. Mastodon's ids are numbers in order of time; of other ids, the second one."""
    if one is None or other is None:
        return one or other
    if one.isdecimal() and other.isdecimal():
        return max(one, other, key=int)
    return other


def id_at(ms: int) -> str:
    """The id of a status created at this time."""
    return str(ms << _TIME_SHIFT)


def before(status_id: str) -> str:
    """The id where a catch-up starts: OVERLAP_MS earlier, to include statuses with older ids that arrived later."""
    if not status_id.isdecimal() or int(status_id) < _FIRST_TIME:
        return status_id
    return str(int(status_id) - (OVERLAP_MS << _TIME_SHIFT))
