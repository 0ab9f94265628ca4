"""Shares views between readers: each view is queried once; the last good one stays while Elasticsearch fails."""

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
from operations.watch.model import Selection, View

log = logging.getLogger(__name__)

FRESH_MS: Final = 2_000
"""How long a view is shared."""
MAX_VIEWS: Final = 64
"""Views cached; the least recently used is dropped."""

Read = Callable[[Selection, int], Awaitable[View]]
"""Query Elasticsearch; the int is the current time in ms. Raises TransportError, ApiError, ElasticsearchFailed."""


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no newer view."""

    what: str
    """For people; contains no address."""
    since_ms: int


class FeedState(msgspec.Struct, frozen=True):
    """What can be shown now."""

    view: View | None
    """The newest view; None: there has been none yet."""
    trouble: Trouble | None
    """None: Elasticsearch answers."""
    grown_ms: int | None
    """When the number of counted posts was last seen to grow; None: not since the start."""


class _CachedView:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.queried_ms: int | None = None
        self.view: View | None = None


class Feed:
    """Serves any number of readers on one event loop. `now_ms` is the clock, also for `read`."""

    def __init__(self, read: Read, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._read, self.now_ms = read, now_ms
        self._cache: OrderedDict[Selection, _CachedView] = OrderedDict()
        self._trouble: Trouble | None = None
        self._counted: int | None = None
        self._grown_ms: int | None = None

    async def get(self, selection: Selection) -> FeedState:
        """The view, at most FRESH_MS old; if Elasticsearch fails, the last one and the reason. Never raises.

        Waits for Elasticsearch. Concurrent calls for the same view wait for the same answer.
        """
        cached = self._cache.setdefault(selection, _CachedView())
        self._cache.move_to_end(selection)
        while len(self._cache) > MAX_VIEWS:
            self._cache.popitem(last=False)
        async with cached.lock:
            if cached.queried_ms is None or self.now_ms() - cached.queried_ms >= FRESH_MS:
                cached.view = await self._query(selection) or cached.view
                cached.queried_ms = self.now_ms()
        return FeedState(cached.view, self._trouble, self._grown_ms)

    async def _query(self, selection: Selection) -> View | None:
        now_ms = self.now_ms()
        try:
            view = await self._read(selection, now_ms)
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
    """The error as text, without the address, which may contain a password."""
    if isinstance(error, TransportError):
        return f"Elasticsearch does not answer ({type(error).__name__})"
    if isinstance(error, ApiError) and error.meta.status in (401, 403):
        return f"Elasticsearch refuses the login (status {error.meta.status})"
    if isinstance(error, ApiError):
        return f"Elasticsearch answers with an error (status {error.meta.status})"
    return str(error)
