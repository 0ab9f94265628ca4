"""What goes wrong again and again is told once, then rarely, and once more when it is over: never once a try."""

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Final

FIRST_S: Final = 10.0
MOST_S: Final = 300.0
"""How long after a line the next one may come: the first time, and at most. It doubles in between."""
QUIET_S: Final = 60.0
"""Not heard of for so long, a thing is news again."""

LOOKED_INTO: Final = ("Elasticsearch", "Kafka")
"""By `hashtide doctor`."""

Clock = Callable[[], float]
"""Seconds that only grow, as of time.monotonic."""


class LogThrottle:
    """When the next line about one thing is due: at once, then after 10 s, 20 s, 40 s ... 5 minutes."""

    def __init__(self) -> None:
        self._seen = self._said = float("-inf")
        self._distance = 0.0
        self._kind = ""

    def due(self, now: float, kind: str = "") -> bool:
        """Note that it happened at `now`; whether it is time for a line. Another kind than last told of is sooner."""
        if now - self._seen >= QUIET_S:
            self._distance, self._said = 0.0, float("-inf")
        self._seen = now
        if now - self._said < (self._distance if kind == self._kind else min(FIRST_S, self._distance)):
            return False
        self._said, self._kind = now, kind
        self._distance = min(max(FIRST_S, 2 * self._distance), MOST_S)
        return True


class Outage:
    """A server that is away, or does not do what it is asked for, for everybody in this process who waits for it.

    Told of by those who try: `failed` after each try in vain, `worked` after each that was not, `left` by who gives up;
    `waited_out` does all three.
    It is over when the last one who waited got through. Any thread may call; blocks for nothing but the log.
    """

    def __init__(
        self, server: str, log: logging.Logger, monotonic: Clock = time.monotonic, *, remedy: str = ""
    ) -> None:
        self._server, self._log, self._monotonic, self._remedy = server, log, monotonic, remedy
        self._lock = threading.Lock()
        self._rarely = LogThrottle()
        self._waiting: set[Hashable] = set()
        self._since: float | None = None
        self._told = False

    def failed(self, who: Hashable, what: str, kind: str = "", wait_s: float = 0.0) -> None:
        """`what` is the line's beginning, such as "Kafka does not answer"; `kind` tells reasons apart, and is short.
        `wait_s`: how long until the next try."""
        with self._lock:
            now = self._monotonic()
            self._waiting.add(who)
            if self._since is None:
                self._since = now
            if self._rarely.due(now, kind):
                remedy, self._told = "" if self._told else self._remedy, True
                next_ = f" in {duration_text(wait_s)}" if wait_s >= 1 else ""
                so_far = f", for {duration_text(now - self._since)} now" if now - self._since >= 1 else ""
                self._log.warning("%s; trying again%s%s%s", what, next_, so_far, remedy)

    def worked(self, who: Hashable = None) -> None:
        """Cheap while there is no outage: it may be called for every request."""
        if self._since is None:
            return
        with self._lock:
            self._waiting.discard(who)
            if self._waiting or self._since is None:
                return
            if self._told:
                self._log.warning("%s is back after %s", self._server, duration_text(self._monotonic() - self._since))
            self._since, self._told = None, False

    def left(self, who: Hashable) -> None:
        """Who waited waits no more, and nobody knows whether the server is back."""
        with self._lock:
            self._waiting.discard(who)

    @contextlib.contextmanager
    def waited_out(self) -> Iterator[Callable[..., None]]:
        """One call that is tried until it works, or is given up by an exception. For each try in vain, what is yielded
        is to be called as `failed` is, without `who`."""
        who = object()
        try:
            yield functools.partial(self.failed, who)
        except BaseException:
            self.left(who)
            raise
        self.worked(who)


@functools.cache
def of(server: str) -> Outage:
    """The outage of a server, one for all of this process; its lines come from the logger of this module."""
    remedy = " (`hashtide doctor` says what is wrong)" if server in LOOKED_INTO else ""
    return Outage(server, logging.getLogger(__name__), remedy=remedy)


def duration_text(seconds: float) -> str:
    """A duration for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
