"""What is known of one connection to a platform over all its reconnects, and the gap that a silence leaves."""

from collections.abc import Callable
from typing import Final, Literal

from hashtide import outages
from hashtide.contract.messages import Gap
from hashtide.metrics import producer as metrics
from producers.sources.lost import Cause, Lost

MIN_GAP_MS: Final = 3_000  # what passes from the end of a connection to the first byte of the next when all is well

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
    """Whether a connection is up, and when it was last heard, for its source, the metrics and the log.

    `heard_ms` is when an earlier run last heard it: the time in which nothing ran is a silence, too.
    """

    def __init__(self, source: str, clock_ms: Callable[[], int], heard_ms: int | None = None) -> None:
        self.source = source
        self.heard_ms = heard_ms
        self.up = False
        """Whether the connection at hand has brought anything yet."""
        self._clock_ms = clock_ms
        self._lost = Lost("ended")
        metrics.CONNECTIONS.labels(source).inc(0)

    def heard(self) -> int:
        """Note that something came, and say when: now."""
        self.heard_ms = self._clock_ms()
        metrics.LAST_PAYLOAD.labels(self.source).set(self.heard_ms / 1000)
        if not self.up:
            self.up = True
            outages.of(self.source).worked(self)
            metrics.CONNECTIONS.labels(self.source).inc()
        return self.heard_ms

    def lost(self, lost: Lost) -> None:
        """Note that the connection has ended, or could not be made."""
        metrics.RECONNECTS.labels(self.source, lost.cause).inc()
        if self.up:
            self.up = False
            self._lost = lost  # why the silence began; the tries that fail after it change nothing
            metrics.CONNECTIONS.labels(self.source).dec()

    def silence(self, *, covered_ms: int = 0) -> Gap | None:
        """The gap from when it was last heard until now; None where there is none, or nothing was heard before.

        The last `covered_ms` of it are sent again by the platform. Call it before `heard`.
        """
        if self.heard_ms is None:
            return None
        to_ms = self._clock_ms() - covered_ms
        if to_ms - self.heard_ms < (1 if self._lost.cut else MIN_GAP_MS):
            return None
        reason = _REASONS[self._lost.cause]
        return Gap(source=self.source, from_ms=self.heard_ms, to_ms=to_ms, reason=reason)
