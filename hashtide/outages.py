"""Logs a repeated failure once, then rarely, and once more when it is over: never once per attempt."""

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Final

FIRST_S: Final = 10.0
MAX_S: Final = 300.0
"""Shortest and longest pause between two lines; it doubles in between."""
QUIET_S: Final = 60.0
"""A failure that did not occur for this long is logged at once when it returns."""

DIAGNOSED: Final = ("Elasticsearch", "Kafka")
"""Servers that `hashtide doctor` diagnoses."""

Clock = Callable[[], float]
"""A monotonic clock in seconds, such as time.monotonic."""


class LogThrottle:
    """When the next line about one thing is due: at once, then after 10 s, 20 s, 40 s ... 5 minutes."""

    def __init__(self) -> None:
        self._seen = self._logged = float("-inf")
        self._pause_s = 0.0
        self._kind = ""

    def due(self, now: float, kind: str = "") -> bool:
        """Record an occurrence at `now`; whether to log it. A kind other than the last one logged is due sooner."""
        if now - self._seen >= QUIET_S:
            self._pause_s, self._logged = 0.0, float("-inf")
        self._seen = now
        if now - self._logged < (self._pause_s if kind == self._kind else min(FIRST_S, self._pause_s)):
            return False
        self._logged, self._kind = now, kind
        self._pause_s = min(max(FIRST_S, 2 * self._pause_s), MAX_S)
        return True


class Outage:
    """A server that is unreachable or refuses requests, shared by all callers in this process that wait for it.

    Callers report `failed` after each failed attempt, `worked` after a successful one, `left` when they give up;
    `waited_out` does all three. The outage ends when the last waiting caller succeeds. Thread-safe; blocks only on
    the log.
    """

    def __init__(
        self, server: str, log: logging.Logger, monotonic: Clock = time.monotonic, *, remedy: str = ""
    ) -> None:
        self._server, self._log, self._monotonic, self._remedy = server, log, monotonic, remedy
        self._lock = threading.Lock()
        self._throttle = LogThrottle()
        self._waiting: set[Hashable] = set()
        self._since: float | None = None
        self._logged = False

    def failed(self, caller: Hashable, what: str, kind: str = "", wait_s: float = 0.0) -> None:
        """Report a failed attempt. `what` begins the line: "Kafka does not answer"; `kind` is a short word for the
        reason; `wait_s`: seconds until the next attempt."""
        with self._lock:
            now = self._monotonic()
            self._waiting.add(caller)
            if self._since is None:
                self._since = now
            if self._throttle.due(now, kind):
                remedy, self._logged = "" if self._logged else self._remedy, True
                next_ = f" in {duration_text(wait_s)}" if wait_s >= 1 else ""
                so_far = f", for {duration_text(now - self._since)} now" if now - self._since >= 1 else ""
                self._log.warning("%s; trying again%s%s%s", what, next_, so_far, remedy)

    def worked(self, caller: Hashable = None) -> None:
        """Report a success. Cheap while there is no outage: call it after every request."""
        if self._since is None:
            return
        with self._lock:
            self._waiting.discard(caller)
            if self._waiting or self._since is None:
                return
            if self._logged:
                self._log.warning("%s is back after %s", self._server, duration_text(self._monotonic() - self._since))
            self._since, self._logged = None, False

    def left(self, caller: Hashable) -> None:
        """Report that a caller stopped waiting; whether the server is back is unknown."""
        with self._lock:
            self._waiting.discard(caller)

    @contextlib.contextmanager
    def waited_out(self) -> Iterator[Callable[..., None]]:
        """One call, retried until it succeeds or an exception ends it. Yields `failed` without its `caller`: call it
        after each failed attempt."""
        caller = object()
        try:
            yield functools.partial(self.failed, caller)
        except BaseException:
            self.left(caller)
            raise
        self.worked(caller)


@functools.cache
def of(server: str) -> Outage:
    """The outage of a server, one per process; this module's logger logs it."""
    remedy = " (`hashtide doctor` says what is wrong)" if server in DIAGNOSED else ""
    return Outage(server, logging.getLogger(__name__), remedy=remedy)


def duration_text(seconds: float) -> str:
    """A duration for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
