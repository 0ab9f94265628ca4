"""Views for everybody who looks: the same view is asked for once, and the last good one stays while none can be had."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError

from hashtide.elasticsearch.session import ElasticsearchFailed
from operations.watch.model import Ask, View

log = logging.getLogger(__name__)

FRESH_MS: Final = 2_000
"""So long a view is shared."""
MOST_ASKS: Final = 64
"""What was looked at longest ago is forgotten."""

Read = Callable[[Ask, int], Awaitable[View]]
"""Ask Elasticsearch, at a moment. Raises TransportError, ApiError, ElasticsearchFailed."""


class Trouble(msgspec.Struct, frozen=True):
    """Why there is nothing newer."""

    what: str
    """For people; it names no address."""
    since_ms: int


class Known(msgspec.Struct, frozen=True):
    """What can be shown now."""

    view: View | None
    """The newest there is; None: there never was one."""
    trouble: Trouble | None
    """None: Elasticsearch has answered."""
    grown_ms: int | None
    """When more posts were counted than before, as far as was seen here; None: not since this began to look."""


class _Kept:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.asked_ms: int | None = None
        self.view: View | None = None


class Feed:
    """Serves any number of readers of one event loop. `now_ms` is injected; `read` is called with what it says."""

    def __init__(self, read: Read, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._read, self.now_ms = read, now_ms
        self._kept: OrderedDict[Ask, _Kept] = OrderedDict()
        self._trouble: Trouble | None = None
        self._counted: int | None = None
        self._grown_ms: int | None = None

    async def see(self, ask: Ask) -> Known:
        """The view, not older than FRESH_MS; where Elasticsearch has none to give, the last one and why. Never raises.

        Waits for Elasticsearch; who asks for the same meanwhile waits for the same answer.
        """
        kept = self._kept.setdefault(ask, _Kept())
        self._kept.move_to_end(ask)
        while len(self._kept) > MOST_ASKS:
            self._kept.popitem(last=False)
        async with kept.lock:
            if kept.asked_ms is None or self.now_ms() - kept.asked_ms >= FRESH_MS:
                kept.view = await self._ask(ask) or kept.view
                kept.asked_ms = self.now_ms()
        return Known(kept.view, self._trouble, self._grown_ms)

    async def _ask(self, ask: Ask) -> View | None:
        now_ms = self.now_ms()
        try:
            view = await self._read(ask, now_ms)
        except (TransportError, ApiError, ElasticsearchFailed) as error:
            if self._trouble is None:
                self._trouble = Trouble(describe(error), now_ms)
                log.warning("%s", self._trouble.what)
            return None
        if self._trouble is not None:
            log.warning("Elasticsearch answers again")
            self._trouble = None
        if self._counted is not None and view.extent.counted > self._counted:
            self._grown_ms = now_ms
        self._counted = view.extent.counted
        return view


def describe(error: Exception) -> str:
    """What went wrong, without an address, which may hold a password."""
    if isinstance(error, TransportError):
        return f"Elasticsearch does not answer ({type(error).__name__})"
    if isinstance(error, ApiError) and error.meta.status in (401, 403):
        return f"Elasticsearch refuses the login (status {error.meta.status})"
    if isinstance(error, ApiError):
        return f"Elasticsearch refuses to answer (status {error.meta.status})"
    return str(error)
