"""Bluesky's Jetstream: every post of the network by WebSocket, from one of several hosts, resumed at its last position.

Sources: Jetstream's README (`/subscribe`, v1) and its lexicon `network.bsky.jetstream.subscribeEvents` (v2). Both take
a time as cursor, valid on any host. Times differ a little between hosts, so every connection rewinds some seconds, and
duplicates count once. A host answers a cursor older than what it keeps with HTTP 400 or a frame `CursorTooOld`, with an
info `OutdatedCursor`, or (v1) only with a jump in time: each becomes a gap, after which the stream continues with what
is available.
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
_OLD_MS: Final = 60 * 60 * 1000  # every host keeps at least this much
_FIRST_US: Final = 10**15  # v2 reads smaller cursors as sequence numbers
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JUMP_MS: Final = 60 * 1000  # the whole network is never silent for this long


class _Connect(reconnect):
    """One connection. Does not follow redirects: they could lead into our own network."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _FramePayload(msgspec.Struct, frozen=True):
    type: str | None = msgspec.field(default=None, name="$type")
    witnessedAt: str | None = None
    time: str | None = None
    name: str | None = None


class _Frame(msgspec.Struct, frozen=True):
    """The fields that control the connection. The format reads the rest."""

    time_us: int | None = None
    error: str | None = None
    message: str | None = None
    payload: _FramePayload | None = None


_FRAME: Final = msgspec.json.Decoder(_Frame)


class Jetstream:
    """The stream: one connection after the other, to any host that answers. `cursor_us`: position of an earlier run."""

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
        self._open_gap: Gap | None = None  # the next event ends it

    def connect(self) -> Items:
        """One connection, until it ends, to the first host that accepts it; tries each host once. Blocks. Always raises
        Lost, or Refused if every host refuses.
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
            raise Lost("stalled", "nothing received in time") from None
        except ConnectionClosed as closed:
            raise Lost("ended", str(closed)) from None
        except (OSError, WebSocketException) as error:
            raise Lost("network", type(error).__name__) from None

    def _frame(self, data: bytes, replayed_until_ms: int | None) -> Items:
        frame = read(data)
        time_us = self._valid_cursor(event_time_us(frame))
        if frame.payload is not None and frame.payload.name == "OutdatedCursor":
            self._cursor_too_old()
        if frame.error is None:
            if time_us is not None and not self.link.up:
                self._detect_jump(time_us // 1000)
            self.link.heard()
        mark = None
        if time_us is not None:
            if self._open_gap is not None:
                yield msgspec.structs.replace(self._open_gap, to_ms=max(time_us // 1000, self._open_gap.from_ms))
                self._open_gap = None
            self._cursor_us = time_us
            mark = Mark(SOURCE, "cursor_us", time_us)
        replayed = time_us is not None and replayed_until_ms is not None and time_us // 1000 < replayed_until_ms
        origin: Literal["backfill"] | None = "backfill" if replayed else None
        payload = data[: MAX_PAYLOAD_BYTES + 1]
        yield Received(SOURCE, f"cursor {time_us}", payload, mark=mark, origin=origin, firehose=True)
        if frame.error is not None:
            raise self._ended_by(frame.error)

    def _ended_by(self, error: str) -> Lost:
        """The meaning of an error frame, which ends the connection."""
        if error == "CursorTooOld":
            return self._cursor_too_old()
        if error == "ConsumerTooSlow":
            if self.link.heard_ms is not None:  # the cursor brings everything again: nothing is lost
                self._open_gap = Gap(
                    source=SOURCE,
                    from_ms=self.link.heard_ms,
                    to_ms=self.link.heard_ms,
                    reason="too-slow",
                    estimated_posts=0,
                )
            return Lost("too-slow", error)
        return Lost("notice", error)

    def _cursor_too_old(self) -> Lost:
        """Drop the cursor, and open a gap at its time."""
        if self._cursor_us is not None:
            from_ms = self._cursor_us // 1000
            self._open_gap = Gap(source=SOURCE, from_ms=from_ms, to_ms=from_ms, reason="cursor-too-old")
            self._cursor_us = None
        return Lost("cursor-too-old")

    def _detect_jump(self, first_ms: int) -> None:
        """A v1 host silently accepts a cursor that is too old, and starts at the oldest event that it has."""
        if self._cursor_us is None:
            return
        cursor_ms = self._cursor_us // 1000
        if self._clock_ms() - cursor_ms > _OLD_MS and first_ms - cursor_ms > _JUMP_MS:
            self._cursor_too_old()

    def _valid_cursor(self, time_us: int | None) -> int | None:
        """The time if it can be a cursor: not far ahead of our clock, and too large for a v2 sequence number."""
        if time_us is None or not _FIRST_US <= time_us <= (self._clock_ms() + FUTURE_TOLERANCE_MS) * 1000:
            return None
        return time_us


def endpoint(host: str) -> str:
    """The WebSocket URL for a host name or URL; its path is `/subscribe` if none is given."""
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "wss", host
    scheme = {"https": "wss", "http": "ws"}.get(scheme, scheme)
    name, _, path = rest.partition("/")
    return f"{scheme}://{name}/{path or 'subscribe'}"


def subscription(url: str, cursor_us: int | None) -> str:
    """The URL that subscribes to posts only. v2 is recognised by its path, and names the parameters differently."""
    if "subscribeEvents" in url:
        wanted = [("kinds", "commit"), ("collections", COLLECTION)]
    else:
        wanted = [("wantedCollections", COLLECTION)]
    if cursor_us is not None:
        wanted.append(("cursor", str(cursor_us)))
    return f"{url}{'&' if '?' in url else '?'}{urlencode(wanted)}"


def read(data: bytes) -> _Frame:
    """The control fields of a frame; empty for invalid data, which the format reports. Raises nothing."""
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
