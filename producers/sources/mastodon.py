"""Mastodon: the hashtag and public streams of any number of instances.

Source: "Streaming timelines" in Mastodon's documentation, by server-sent events. Since Mastodon 4.2 most instances
require an access token for streams.

A stream cannot be resumed. So each connection first opens the stream, and then reads the timeline since the last
status: nothing is lost in between, and duplicates count once. Status ids are local to an instance; a post's id is its
uri, so a post seen on several instances, or under several tags, counts once.
"""

import logging
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from httpx_sse import EventSource, ServerSentEvent, SSEError, connect_sse

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from hashtide.contract.messages import Control, PostDelete
from hashtide.contract.reasons import InvalidPost
from producers.formats import Outcome, mastodon
from producers.sources.http import ask, check, failures_as_lost
from producers.sources.inside import leads_inside
from producers.sources.lines import LineBuffer
from producers.sources.link import Link
from producers.sources.lost import Lost, Refused
from producers.sources.mastodon_timeline import Timeline, TooMuch, before, id_at, later, status_id
from producers.sources.received import Items, Mark, Received

log = logging.getLogger(__name__)

STALL_S: Final = 60.0  # an instance sends a heartbeat every 15 seconds
URIS: Final = 50_000  # local ids remembered per instance, so that deletions and replies can be resolved

_MAX_EVENT_BYTES: Final = 4 * MAX_PAYLOAD_BYTES  # no valid event is longer; protects the memory


class Stream(NamedTuple):
    """A stream that every instance offers: a hashtag, `public`, or `public/local`."""

    path: str
    tag: str | None = None

    @property
    def key(self) -> str:
        return self.path if self.tag is None else f"{self.path}:{self.tag}"

    @property
    def params(self) -> dict[str, str]:
        return {} if self.tag is None else {"tag": self.tag}

    @property
    def timeline(self) -> tuple[str, dict[str, str]]:
        """Path and parameters of the REST timeline with the same statuses."""
        if self.tag is not None:
            return f"/api/v1/timelines/tag/{quote(self.tag, safe='')}", {}
        return "/api/v1/timelines/public", {"local": "true"} if self.path == "public/local" else {}


class _Urls(msgspec.Struct, frozen=True):
    streaming: str | None = None


class _Configuration(msgspec.Struct, frozen=True):
    urls: _Urls = _Urls()


class _About(msgspec.Struct, frozen=True):
    """An instance's description of itself: only the part that is read."""

    configuration: _Configuration = _Configuration()


_ABOUT: Final = msgspec.json.Decoder(_About)


class Instance:
    """One instance, shared by its streams."""

    def __init__(self, client: httpx.Client, clock_ms: Callable[[], int]) -> None:
        self.client = client
        self.name = client.base_url.netloc.decode()
        self.source = f"mastodon:{self.name}"
        self._clock_ms = clock_ms
        self._streaming: str | None = None
        self._asking = threading.Lock()

    def streaming_url(self) -> str:
        """URL of the streaming server: large instances have a separate one. Blocks for one request until the instance
        has answered once; until then, returns the instance's own URL.
        """
        own = str(self.client.base_url).rstrip("/")
        with self._asking:
            if self._streaming is None:
                try:
                    self._streaming = self._ask_streaming_url() or own
                except Lost:
                    return own
            return self._streaming

    def _ask_streaming_url(self) -> str | None:
        """`configuration.urls.streaming` ("Instance"); None if the instance gives none that is safe to use."""
        try:
            answer = ask(self.source, self.client, "GET", "/api/v2/instance", self._clock_ms)
            url = urlsplit(_ABOUT.decode(answer.body).configuration.urls.streaming or "")
            host = url.hostname
        except (Refused, ValueError, RecursionError):  # also invalid JSON, or another shape
            return None
        if host is None or (url.scheme not in ("wss", "https") and self.client.base_url.scheme == "https"):
            return None  # never send a token unencrypted
        if leads_inside(host) and not leads_inside(self.client.base_url.host):
            log.warning("%s names a streaming server inside our own network: not used", self.source)
            return None
        return f"{'https' if url.scheme in ('wss', 'https') else 'http'}://{url.netloc}{url.path.rstrip('/')}"


class StreamPosition(msgspec.Struct, frozen=True):
    """Position of a stream, stored between runs."""

    id: str | None = None
    """Id of the last status; before the first status, the id for the time of the first connection."""
    heard_ms: int | None = None


class MastodonStream:
    """One stream of one instance: one connection after the other. `last_id` is the last status of an earlier run."""

    def __init__(
        self,
        instance: Instance,
        stream: Stream,
        link: Link,
        last_id: str | None,
        *,
        clock_ms: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self.link = link
        self._instance, self._stream, self._clock_ms = instance, stream, clock_ms
        self._last_id = last_id
        self._began_id: str | None = None
        self._timeline = Timeline(
            instance.client, f"{instance.source} {stream.key}", *stream.timeline, clock_ms=clock_ms, sleep=sleep
        )

    def connect(self) -> Items:
        """One connection, until it ends. Blocks. Always raises Lost or Refused."""
        what = f"{self._instance.source} {self._stream.key}"
        url = f"{self._instance.streaming_url()}/api/v1/streaming/{self._stream.path}"
        with (
            failures_as_lost(),
            connect_sse(self._instance.client, "GET", url, params=self._stream.params) as events,
        ):
            check(what, events.response, self._clock_ms)
            yield from self._catch_up()
            yield self._mark()  # a quiet tag catches up from here next time
            yield from self._live(events)
        raise Lost("ended")

    def _live(self, events: EventSource) -> Items:
        events.response.stream = _CheckedBody(events.response.stream, self.link.heard)
        events.response.encoding = "utf-8"  # always ("Server-sent events"); the header may name any codec
        try:
            for event in events.iter_sse():
                yield self._received(event)
        except SSEError:
            raise Lost("http-error", "not an event stream") from None

    def _received(self, event: ServerSentEvent) -> Received:
        if event.event == "update":
            self._last_id = later(self._last_id, status_id(event.data))
        data = "".join(f"data: {line}\n" for line in event.data.split("\n"))
        payload = f"event: {event.event}\n{data}".encode()
        return self._with_mark(payload)

    def _catch_up(self) -> Items:
        """Statuses of the timeline since the last status; a gap if they cannot all be read."""
        since = self._last_id or self._began_id
        if since is None:
            self._began_id = id_at(self._clock_ms())
            return
        try:
            for page in self._timeline.since(before(since)):
                for status in page:
                    self._last_id = later(self._last_id, status_id(status))
                    yield self._with_mark(status)._replace(origin="backfill")
        except (Lost, Refused, TooMuch) as error:
            log.warning("%s %s: can't catch up: %s", self._instance.source, self._stream.key, error)
            gap = self.link.silence()
            if gap is not None:
                yield gap

    def _with_mark(self, payload: bytes) -> Received:
        position = f"{self._stream.key} after {self._last_id}"
        return Received(self._instance.source, position, payload, mark=self._mark(), firehose=self._stream.tag is None)

    def _mark(self) -> Mark:
        place = StreamPosition(self._last_id or self._began_id, self.link.heard_ms or self._clock_ms())
        return Mark(position_name(self._instance.name), self._stream.key, msgspec.to_builtins(place))


class _CheckedBody(httpx.SyncByteStream):
    """A body that reports when data arrives: heartbeats are comments, and appear in no event."""

    def __init__(self, body: Any, heard: Callable[[], object]) -> None:
        self._body, self._heard = body, heard

    def __iter__(self) -> Iterator[bytes]:
        """Raises Lost for an endless event: very many lines, or one very long line."""
        lines, event = LineBuffer(), 0
        for piece in self._body:
            self._heard()
            for line, size in lines.feed(piece):
                event = 0 if not line else event if line.startswith(b":") else event + size
            if event + lines.pending > _MAX_EVENT_BYTES:
                raise Lost("http-error", "an endless event")
            yield piece

    def close(self) -> None:
        self._body.close()


class Parser:
    """The format, with a mapping of local ids to uris per instance. Ignores deletions of posts that were never seen."""

    def __init__(self) -> None:
        self._uris: defaultdict[str, RecentUris] = defaultdict(RecentUris)

    def __call__(self, received: Received) -> list[Outcome]:
        if len(received.payload) > MAX_PAYLOAD_BYTES:
            return [InvalidPost("too-large", f"more than {MAX_PAYLOAD_BYTES} bytes")]
        try:
            outcomes = mastodon.parse(received.payload, self._uris[received.source])
        except InvalidPost as error:
            return [error]
        return [
            Control("delete-of-unknown")
            if isinstance(outcome, PostDelete) and "://" not in outcome.post_id
            else outcome
            for outcome in outcomes
        ]


class RecentUris(OrderedDict[str, str]):
    """The mapping that the format needs, limited to the newest URIS entries."""

    def __setitem__(self, local_id: str, uri: str) -> None:
        super().__setitem__(local_id, uri)
        self.move_to_end(local_id)
        if len(self) > URIS:
            self.popitem(last=False)


def position_name(instance: str) -> str:
    """The name of an instance's positions; the keys are those of its streams."""
    return f"mastodon-{instance}"
