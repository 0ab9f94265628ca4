"""Retention by the workers: once a day, on the one that Kafka has elected by giving it a certain partition.

It is elected for economy alone: two that do it at once do no harm.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from elastic_transport import TransportError
from elasticsearch import ApiError
from prometheus_client import REGISTRY

from hashtide.clock import wall_clock_ms
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.client import connection
from hashtide.errors import HashtideError
from hashtide.metrics import retention as metrics
from hashtide.times import DAY_MS, HOUR_MS
from operations.retention.enforce import RetentionReport, enforce
from operations.retention.rules import RetentionPolicy
from operations.settings import OperationsSettings
from stream_jobs.transport.app import BatchApp

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 10.0
AGAIN_AFTER_MS: Final = HOUR_MS


def register() -> None:
    """Show retention's metrics in /metrics, once."""
    for metric in (metrics.RETENTION_DROPPED, metrics.RETENTION_FAILED, metrics.RETENTION_LAST_SUCCESS):
        REGISTRY.register(metric)


def attach(settings: OperationsSettings, policy: RetentionPolicy, app: BatchApp) -> None:
    """Have a worker's app enforce `policy` while it is the elected one. Reads the files of Elasticsearch's login."""
    register()
    at = connection(settings)
    app.task(DailyRetention(partial(enforce, at, policy), partial(app.has, POSTS_RAW, 0), wall_clock_ms).run)


class DailyRetention:
    """Enforces retention until cancelled. `enforce(now_ms)` is retention.enforce on what the settings say."""

    def __init__(
        self,
        enforce: Callable[[int], Awaitable[RetentionReport]],
        elected: Callable[[], bool],
        clock_ms: Callable[[], int],
    ) -> None:
        self._enforce, self._elected, self._clock_ms = enforce, elected, clock_ms
        self._due_ms = 0

    async def run(self) -> None:
        """Look every few seconds whether it is due and ours. Returns never, and ends no worker."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Enforce it where this worker is elected and has not done it today (UTC); an hour later where that failed."""
        now_ms = self._clock_ms()
        if now_ms < self._due_ms or not self._elected():
            return
        try:
            report = await self._enforce(now_ms)
            failed = report.failed
        except (ApiError, TransportError, HashtideError) as error:
            report, failed = RetentionReport(dry_run=False), {"all of it": str(error)}
        for each in report.dropped:
            log.info("retention dropped %s: %s documents, %s bytes", each.index, each.documents, each.bytes)
        for index, why in failed.items():
            log.warning("retention could not drop %s, and tries again in an hour: %s", index, why)
        metrics.RETENTION_DROPPED.inc(len(report.dropped))
        if failed:
            metrics.RETENTION_FAILED.inc()
            self._due_ms = now_ms + AGAIN_AFTER_MS
        else:
            metrics.RETENTION_LAST_SUCCESS.set(now_ms / 1000)
            self._due_ms = (now_ms // DAY_MS + 1) * DAY_MS
