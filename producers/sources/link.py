"""The state of one connection to a platform across reconnects, and the gap after a silence."""

from collections.abc import Callable
from typing import Final, Literal

from hashtide import outages
from hashtide.contract.messages import Gap
from hashtide.metrics import producer as metrics
from producers.sources.lost import Cause, Lost

MIN_GAP_MS: Final = 3_000  # normal time from the end of a connection to the first byte of the next one

_REASONS: Final[dict[Cause, Literal["disconnected", "stalled", "too-slow", "cursor-too-old"]]] = {
    "ended": "disconnected",
    "notice": "disconnected",
    "network": "disconnected",
    "http-error": "disconnected",
    "rate-limited": "disconnected",
    "stalled": "stalled",
    "too-slow": "too-slow",
    "cursor-too-old": "cursor-too-old",
}


class Link:
    """Whether a connection is up, and when data last arrived, for its source, the metrics and the log.

    `heard_ms` is when data last arrived in an earlier run: the time without a run is a silence, too.
    """

    def __init__(self, source: str, clock_ms: Callable[[], int], heard_ms: int | None = None) -> None:
        self.source = source
        self.heard_ms = heard_ms
        self.up = False
        """Whether the current connection has received anything yet."""
        self._clock_ms = clock_ms
        self._lost = Lost("ended")
        metrics.CONNECTIONS.labels(source).inc(0)

    def heard(self) -> int:
        """Record that data arrived; returns the time, in milliseconds."""
        self.heard_ms = self._clock_ms()
        metrics.LAST_PAYLOAD.labels(self.source).set(self.heard_ms / 1000)
        if not self.up:
            self.up = True
            outages.of(self.source).worked(self)
            metrics.CONNECTIONS.labels(self.source).inc()
        return self.heard_ms

    def lost(self, lost: Lost) -> None:
        """Record that the connection has ended, or failed."""
        metrics.RECONNECTS.labels(self.source, lost.cause).inc()
        if self.up:
            self.up = False
            self._lost = lost  # the cause of the silence; later failed attempts do not change it
            metrics.CONNECTIONS.labels(self.source).dec()

    def silence(self, *, covered_ms: int = 0) -> Gap | None:
        """The gap from the last data until now; None if there is none, or no data arrived before.

        The platform sends the last `covered_ms` again: they are not part of the gap. Call it before `heard`.
        """
        if self.heard_ms is None:
            return None
        to_ms = self._clock_ms() - covered_ms
        if to_ms - self.heard_ms < (1 if self._lost.cut else MIN_GAP_MS):
            return None
        reason = _REASONS[self._lost.cause]
        return Gap(source=self.source, from_ms=self.heard_ms, to_ms=to_ms, reason=reason)
