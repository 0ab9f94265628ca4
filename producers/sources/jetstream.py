"""Bluesky's Jetstream: every post of the network by WebSocket, from one of several hosts, resumed where it was left.

Sources: Jetstream's README (`/subscribe`, v1) and its lexicon `network.bsky.jetstream.subscribeEvents` (v2). Both take
a time as cursor, which any host understands; a host's times differ a little from another's, so that every connection
goes back some seconds, and what comes twice is one post. A cursor older than what a host keeps is answered by HTTP 400
or a frame `CursorTooOld`, by a note `OutdatedCursor`, or (v1) by nothing but a jump in time: each is a gap, after which
it goes on from what there is.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import reconnect

from hashtide.contract.bounds import FUTURE_TOLERANCE_MS, MAX_PAYLOAD_BYTES
from hashtide.contract.messages import Gap
from producers.sources.link import Link
from producers.sources.lost import Lost, Refused, answer_error
from producers.sources.received import Items, Mark, Received

log = logging.getLogger(__name__)

SOURCE: Final = "jetstream"
HOSTS: Final = (
    "jetstream1.us-east.bsky.network",
    "jetstream2.us-east.bsky.network",
    "jetstream1.us-west.bsky.network",
    "jetstream2.us-west.bsky.network",
)
COLLECTION: Final = "app.bsky.feed.post"
STALL_S: Final = 30.0  # the network posts many times a second
OVERLAP_US: Final = 5_000_000  # hosts differ by less ("it may be prudent to rewind your cursor a few seconds")

_OPEN_S: Final = 10.0
_CLOSE_S: Final = 2.0
_MAX_FRAME: Final = 16 << 20  # unpacked
_OLD_MS: Final = 60 * 60 * 1000  # a cursor younger than this is within what any host keeps
_FIRST_US: Final = 10**15  # v2 takes smaller cursors for sequence numbers
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JUMP_MS: Final = 60 * 1000  # the whole network is never silent for so long


class _Connect(reconnect):
    """One connection. Follows no redirect: it could lead into our own network."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _FramePayload(msgspec.Struct, frozen=True):
    type: str | None = msgspec.field(default=None, name="$type")
    witnessedAt: str | None = None
    time: str | None = None
    name: str | None = None


class _Frame(msgspec.Struct, frozen=True):
    """What a connection is steered by. The format reads the rest."""

    time_us: int | None = None
    error: str | None = None
    message: str | None = None
    payload: _FramePayload | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame)


class Jetstream:
    """The stream, one connection after the other, to whichever host answers. `cursor_us`: where an earlier run was."""

    def __init__(
        self,
        hosts: Sequence[str],
        link: Link,
        cursor_us: int | None,
        *,
        clock_ms: Callable[[], int],
        stall_s: float = STALL_S,
    ) -> None:
        self.link = link
        self._urls, self._cursor_us = [endpoint(host) for host in hosts], cursor_us
        self._clock_ms, self._stall_s = clock_ms, stall_s
        self._missing: Gap | None = None  # it ends with the next event

    def connect(self) -> Items:
        """One connection, to its end, to the first host that takes it, each tried once. Blocks. Always raises: Lost,
        or, if every host refuses, Refused.
        """
        ends: list[Lost | Refused] = []
        for _ in self._urls:
            try:
                yield from self._one(self._urls[0])
            except (Lost, Refused) as end:
                self._urls.append(self._urls.pop(0))
                if self.link.up:
                    raise
                log.info("%s: %s", SOURCE, end)
                ends.append(end)
        raise next((end for end in reversed(ends) if isinstance(end, Lost)), ends[-1])

    def _one(self, url: str) -> Items:
        cursor_us = None if self._cursor_us is None else max(self._cursor_us - OVERLAP_US, 0)
        opened_ms = self._clock_ms()
        try:
            with _Connect(
                subscription(url, cursor_us),
                open_timeout=_OPEN_S,
                close_timeout=_CLOSE_S,
                max_size=_MAX_FRAME,
                user_agent_header="hashtide",
            ) as socket:
                while True:
                    data = socket.recv(timeout=self._stall_s, decode=False)
                    yield from self._frame(bytes(data), opened_ms if cursor_us else None)
        except InvalidStatus as answer:
            response = answer.response
            if response.status_code == 400 and b"CursorTooOld" in bytes(response.body or b""):
                raise self._cursor_too_old() from None
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            body = bytes(response.body or b"").decode(errors="replace")
            raise answer_error(url, response.status_code, headers, body, self._clock_ms()) from None
        except TimeoutError:
            raise Lost("stalled", "nothing came in time") from None
        except ConnectionClosed as closed:
            raise Lost("ended", str(closed)) from None
        except (OSError, WebSocketException) as error:
            raise Lost("network", type(error).__name__) from None

    def _frame(self, data: bytes, replayed_until_ms: int | None) -> Items:
        frame = read(data)
        time_us = self._believable(event_time_us(frame))
        if frame.payload is not None and frame.payload.name == "OutdatedCursor":
            self._cursor_too_old()
        if frame.error is None:
            if time_us is not None and not self.link.up:
                self._look_for_jump(time_us // 1000)
            self.link.heard()
        mark = None
        if time_us is not None:
            if self._missing is not None:
                yield msgspec.structs.replace(self._missing, to_ms=max(time_us // 1000, self._missing.from_ms))
                self._missing = None
            self._cursor_us = time_us
            mark = Mark(SOURCE, "cursor_us", time_us)
        replayed = time_us is not None and replayed_until_ms is not None and time_us // 1000 < replayed_until_ms
        origin: Literal["backfill"] | None = "backfill" if replayed else None
        payload = data[: MAX_PAYLOAD_BYTES + 1]
        yield Received(SOURCE, f"cursor {time_us}", payload, mark=mark, origin=origin, firehose=True)
        if frame.error is not None:
            raise self._told(frame.error)

    def _told(self, error: str) -> Lost:
        """What a frame that ends the connection means."""
        if error == "CursorTooOld":
            return self._cursor_too_old()
        if error == "ConsumerTooSlow":
            if self.link.heard_ms is not None:  # the cursor brings it all again: known, and nothing lost
                self._missing = Gap(
                    source=SOURCE,
                    from_ms=self.link.heard_ms,
                    to_ms=self.link.heard_ms,
                    reason="too-slow",
                    estimated_posts=0,
                )
            return Lost("too-slow", error)
        return Lost("notice", error)

    def _cursor_too_old(self) -> Lost:
        """Go on without the cursor, and remember from when on something is missing."""
        if self._cursor_us is not None:
            from_ms = self._cursor_us // 1000
            self._missing = Gap(source=SOURCE, from_ms=from_ms, to_ms=from_ms, reason="cursor-too-old")
            self._cursor_us = None
        return Lost("cursor-too-old")

    def _look_for_jump(self, first_ms: int) -> None:
        """A host of v1 takes a cursor that is too old without a word, and starts at the oldest event that it has."""
        if self._cursor_us is None:
            return
        cursor_ms = self._cursor_us // 1000
        if self._clock_ms() - cursor_ms > _OLD_MS and first_ms - cursor_ms > _JUMP_MS:
            self._cursor_too_old()

    def _believable(self, time_us: int | None) -> int | None:
        """The time if it can be a cursor: no host's clock is far ahead of ours, and v2 takes less for a number."""
        if time_us is None or not _FIRST_US <= time_us <= (self._clock_ms() + FUTURE_TOLERANCE_MS) * 1000:
            return None
        return time_us


def endpoint(host: str) -> str:
    """The WebSocket address of a host given by its name, or by any address: `/subscribe` where it names no path."""
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "wss", host
    scheme = {"https": "wss", "http": "ws"}.get(scheme, scheme)
    name, _, path = rest.partition("/")
    return f"{scheme}://{name}/{path or 'subscribe'}"


def subscription(url: str, cursor_us: int | None) -> str:
    """The address with what is wanted: posts alone. v2 is told by its path, and has other names for the same."""
    if "subscribeEvents" in url:
        wanted = [("kinds", "commit"), ("collections", COLLECTION)]
    else:
        wanted = [("wantedCollections", COLLECTION)]
    if cursor_us is not None:
        wanted.append(("cursor", str(cursor_us)))
    return f"{url}{'&' if '?' in url else '?'}{urlencode(wanted)}"


def read(data: bytes) -> _Frame:
    """What a frame steers by; of garbage, nothing: the format says what is wrong with it. Raises nothing."""
    try:
        return _FRAME.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Frame()


def event_time_us(frame: _Frame) -> int | None:
    """When the host saw the event, in microseconds since the epoch. Raises nothing."""
    if frame.time_us is not None or frame.payload is None:
        return frame.time_us
    try:
        seen = datetime.fromisoformat(frame.payload.witnessedAt or frame.payload.time or "")
        return (seen - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):
        return None
