"""X's filtered stream (API v2): every post that matches the rules, line by line, over one persistent connection.

Sources: "Filtered stream", "Consuming streaming data", "Handling disconnections" and "Recovery and redundancy" in X's
developer documentation.
"""

from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec

from producers.sources.http import check, failures_as_lost
from producers.sources.lines import LineBuffer
from producers.sources.link import Link
from producers.sources.lost import Lost
from producers.sources.received import Items, Mark, Received

SOURCE: Final = "x"
PATH: Final = "/2/tweets/search/stream"
STALL_S: Final = 20.0  # X sends a line feed every 20 seconds, if nothing else
MAX_BACKFILL_MINUTES: Final = 5

_FIELDS: Final = {
    "tweet.fields": "author_id,conversation_id,created_at,edit_history_tweet_ids,entities,geo,lang,note_tweet,"
    "referenced_tweets,text",
    "expansions": "author_id,geo.place_id,referenced_tweets.id",
    "user.fields": "location",
    "place.fields": "country_code",
}
"""Every field that `formats.x_v2` reads."""


class XStream:
    """The stream: one connection after the other. `backfill_minutes`: how many minutes before its start each connection
    sends again; 0 if the access level has no backfill.
    """

    def __init__(self, client: httpx.Client, link: Link, *, backfill_minutes: int, clock_ms: Callable[[], int]) -> None:
        self.link = link
        self._client, self._clock_ms = client, clock_ms
        self._covered_ms = backfill_minutes * 60_000
        self._params = _FIELDS | ({"backfill_minutes": str(backfill_minutes)} if backfill_minutes else {})

    def connect(self) -> Items:
        """One connection, until it ends. Blocks. Always raises Lost or Refused."""
        lines = LineBuffer()
        try:
            with failures_as_lost(), self._client.stream("GET", PATH, params=self._params) as response:
                check("X's filtered stream", response, self._clock_ms)
                for piece in response.iter_bytes():
                    for line, _ in lines.feed(piece):
                        yield from self._line(line)
            raise Lost("ended")
        except Lost as lost:
            lost.cut |= lines.pending > 0
            raise

    def _line(self, line: bytes) -> Items:
        lost = notice(line)
        if lost is None:
            gap = None if self.link.up else self.link.silence(covered_ms=self._covered_ms)
            heard_ms = self.link.heard()
            if gap is not None:
                yield gap
        else:
            heard_ms = self._clock_ms()
        mark = Mark(SOURCE, "heard_ms", self.link.heard_ms)
        yield Received(SOURCE, f"received {heard_ms}", line, mark=mark)
        if lost is not None:
            raise lost


class _Error(msgspec.Struct, frozen=True):
    title: str = ""
    disconnect_type: str | None = None
    detail: str = ""


class _StreamLine(msgspec.Struct, frozen=True):
    data: Any = None
    errors: tuple[_Error, ...] = ()
    title: str | None = None
    connection_issue: str | None = None


_LINE: Final = msgspec.json.Decoder(_StreamLine)


def notice(line: bytes) -> Lost | None:
    """The Lost that a line announces, after which nothing more comes; None for any other line. Pure; raises nothing.

    "Handling disconnections": `{"errors": [{"title": "operational-disconnect", ...}]}`, and
    `{"title": "ConnectionException", "connection_issue": "TooManyConnections"}`.
    """
    if line.startswith(b'{"data"') or not line:
        return None
    try:
        message = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if message.data is not None:
        return None
    if message.connection_issue is not None:
        return Lost("rate-limited", message.connection_issue)
    for error in message.errors:
        if error.title == "operational-disconnect" or error.disconnect_type is not None:
            slow = "slow" in error.detail.lower() or "full buffer" in error.detail.lower()
            return Lost("too-slow" if slow else "notice", error.disconnect_type or error.title, cut=True)
    return None
