"""Platforms that are hostile: real connections, whose other side sends what it likes. All ends as Lost or Refused."""

import contextlib
import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Response
from websockets.sync.server import ServerConnection, serve

from producers.sources import http, merged
from producers.sources.inside import leads_inside
from producers.sources.jetstream import Jetstream
from producers.sources.lines import LineBuffer
from producers.sources.link import Link
from producers.sources.lost import Lost, Refused, answer_error
from producers.sources.mastodon import Instance, MastodonStream, Stream
from producers.sources.mastodon_timeline import before, later, status_id
from producers.sources.received import Item, Items, Received
from producers.sources.reconnect import reconnecting
from producers.sources.x import XStream
from producers.sources.x_rules import RulesApi
from tests.abuse.values import NASTY
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock
from tests.unit.producers.sources.loopback import Exchange, answering, sending, sockets, streaming, web

MIB = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@contextlib.contextmanager
def saying(*pieces: bytes) -> Iterator[str]:
    """A server that answers every connection with these bytes, whatever it is asked; its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(5)
                        connection.recv(65_536)
                        for piece in pieces:
                            connection.sendall(piece)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65_536):
                            pass

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield "{}:{}".format(*listening.getsockname())
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def got(connect: Callable[[], Items]) -> tuple[list[Item], Lost | Refused]:
    """What one connection brings, and how it ends: in no other way than these two."""
    items: list[Item] = []
    try:
        for item in connect():
            items.append(item)
            assert len(items) < 20_000
    except (Lost, Refused) as end:
        assert str(end).isprintable()
        assert len(str(end)) < 400
        return items, end
    raise AssertionError("a connection never just ends")


def x(client: httpx.Client) -> Callable[[], Items]:
    return XStream(client, Link("x", Clock()), backfill_minutes=0, clock_ms=Clock()).connect


def mastodon(client: httpx.Client, last_id: str | None = None) -> Callable[[], Items]:
    clock = Clock()
    instance = Instance(client, clock)
    link = Link(instance.source, clock)
    one = MastodonStream(instance, Stream("hashtag", "a"), link, last_id, clock_ms=clock, sleep=clock.sleep)
    return one.connect


def jetstream(host: str, stall_s: float = 0.3) -> Callable[[], Items]:
    return Jetstream([f"ws://{host}"], Link("jetstream", Clock()), None, clock_ms=Clock(), stall_s=stall_s).connect


def rules(client: httpx.Client) -> Callable[[], Items]:
    def connect() -> Items:
        RulesApi(client, Clock()).present()
        raise Lost("ended")
        yield

    return connect


CLIENTS: dict[str, Callable[[httpx.Client], Callable[[], Items]]] = {"x": x, "mastodon": mastodon, "rules": rules}

answers = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda status, headers, body: b"HTTP/1.1 %d %s\r\n%s\r\n\r\n%s" % (status, b"?", b"\r\n".join(headers), body),
        st.sampled_from([100, 101, 200, 204, 206, 301, 302, 304, 400, 401, 403, 404, 420, 429, 500, 503, 599, 999]),
        st.lists(
            st.sampled_from(
                [
                    b"Content-Type: text/event-stream", b"Content-Type: text/event-stream; charset=zlib",
                    b"Content-Type: text/plain; charset=\xff", b"Content-Length: 5", b"Content-Length: -1",
                    b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip",
                    b"Location: http://169.254.169.254/latest", b"Location: http://[", b"Upgrade: websocket",
                    b"Connection: Upgrade", b"Retry-After: 99999999999999999999999", b"x-rate-limit-reset: -1e5",
                    b"X-RateLimit-Reset: 0001-01-01", b"Retry-After: Wed, 99 Foo 0000", b"Set-Cookie: a=b; Domain=..",
                    b'Link: <http://[::1>; rel="prev"', b"Sec-WebSocket-Accept: x", b": x", b"A" * 70_000 + b": x",
                ]
            ),
            max_size=4,
        ),
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from(
                [
                    b"event: update\ndata: {}\n\n", b"data: \n\n" * 50, b"id: \x00\nretry: " + b"9" * 5_000 + b"\n\n",
                    b'{"data": null}\r\n',
                    b'{"errors": [{"title": "operational-disconnect", "detail": "\\u001b[2J"}]}\r\n',
                    b'{"connection_issue": "\\u202e", "title": 1}\r\n',
                    b"[" * 100_000 + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n",
                    b"ffffffffffffffff\r\nx", json.dumps(NASTY).encode() + b"\n", b"\x1f\x8b\x08" + b"\x00" * 60,
                ]
            ),
        ),
    ),
)  # fmt: skip


@given(answer=answers)
def test_fuzz_http_sources_end_as_lost_or_refused(answer: bytes) -> None:
    with saying(answer) as host:
        for source in CLIENTS.values():
            with http.client(f"http://{host}", "the-token", stall_s=0.5) as client:
                got(source(client))


@given(answer=answers)
def test_fuzz_websocket_sources_end_as_lost_or_refused(answer: bytes) -> None:
    with saying(answer) as host:
        got(jetstream(host))


@given(
    frames=st.lists(
        st.one_of(
            st.binary(max_size=100),
            st.builds(
                lambda first, length, data: bytes([first, length]) + data,
                st.sampled_from([0x81, 0x82, 0x01, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0xF1, 0x83]),
                st.integers(0, 255),
                st.binary(max_size=140),
            ),
        ),
        max_size=6,
    )
)
def test_fuzz_websocket_frames_end_as_lost(frames: list[bytes]) -> None:
    def play(connection: ServerConnection) -> None:
        with contextlib.suppress(OSError):
            for frame in frames:
                connection.socket.sendall(frame)
            connection.socket.shutdown(socket.SHUT_RDWR)

    with sockets(play) as server:
        _, end = got(jetstream(server.url.removeprefix("ws://")))
    assert isinstance(end, Lost)


@pytest.mark.parametrize(
    "packed", [gzip.compress(bytes(64 * MIB)), zlib.compress(bytes(64 * MIB))], ids=["gzip", "zlib"]
)
@pytest.mark.parametrize("name", list(CLIENTS))
def test_what_is_packed_is_not_unpacked(name: str, packed: bytes) -> None:
    encoding = "gzip" if packed[:2] == b"\x1f\x8b" else "deflate"
    headers = {"Content-Encoding": encoding, "Content-Type": "text/event-stream"}
    paths = (
        "/2/tweets/search/stream",
        "/2/tweets/search/stream/rules",
        "/api/v1/streaming/hashtag",
        "/api/v2/instance",
    )
    act = answering(200, packed, headers)
    with web(dict.fromkeys(paths, (act,))) as server, http.client(server.url, None, stall_s=2) as client:
        _, end = got(CLIENTS[name](client))
    assert str(end) == "http-error: a compressed answer, though none was requested"


def endless(exchange: Exchange) -> None:
    """An answer without an end: 64 KiB again and again."""
    exchange.send_response(200 if "timeline" in exchange.path or "instance" in exchange.path else 503)
    exchange.end_headers()
    with contextlib.suppress(OSError):
        while True:
            exchange.wfile.write(bytes(65_536))


@pytest.mark.parametrize("name", list(CLIENTS))
def test_an_answer_without_an_end_is_given_up(name: str) -> None:
    paths = (
        "/2/tweets/search/stream",
        "/2/tweets/search/stream/rules",
        "/api/v1/streaming/hashtag",
        "/api/v2/instance",
    )
    with web(dict.fromkeys(paths, (endless,))) as server, http.client(server.url, None, stall_s=2) as client:
        _, end = got(CLIENTS[name](client))
    assert str(end) == "http-error: an endless answer"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", list(CLIENTS))
def test_a_redirect_is_not_followed(name: str, status: int) -> None:
    with web({"/secret": [answering(200, b"secret")]}) as inside:
        act = answering(status, b"", {"Location": f"{inside.url}/secret"})
        paths = ("/2/tweets/search/stream", "/2/tweets/search/stream/rules", "/api/v1/streaming/hashtag")
        with web(dict.fromkeys(paths, (act,))) as server, http.client(server.url, None, stall_s=2) as client:
            _, end = got(CLIENTS[name](client))
        assert inside.queries == {}
    assert isinstance(end, Refused)
    assert f"HTTP {status}" in str(end)


def test_a_redirect_of_a_websocket_is_not_followed() -> None:
    from websockets.datastructures import Headers

    with sockets(sending(b"{}")) as inside:
        moved = Response(302, "Found", Headers([("Location", inside.url)]), b"")
        with sockets(moved) as server:
            _, end = got(jetstream(server.url.removeprefix("ws://")))
        assert inside.queries == []
    assert isinstance(end, Refused)
    assert str(end).endswith("HTTP 302")


def test_a_websocket_frame_that_unpacks_to_more_than_its_bound_ends_the_connection() -> None:
    def play(connection: ServerConnection) -> None:
        connection.send(bytes(17 * MIB))  # some 17 KiB on the wire

    server = serve(play, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    items, end = got(jetstream("{}:{}".format(*server.socket.getsockname()), stall_s=30))
    server.shutdown()
    thread.join()
    assert items == []
    assert isinstance(end, Lost)
    assert "1009" in str(end)


def test_a_frame_is_handed_on_up_to_the_bound_of_a_payload() -> None:
    with sockets(sending(b'{"a": "%s"}' % (b"a" * 3 * MIB))) as server:
        [item], _ = got(jetstream(server.url.removeprefix("ws://"), stall_s=30))
    assert isinstance(item, Received)
    assert len(item.payload) == MIB + 1


@pytest.mark.parametrize("line", [b"data: x\n", b"data: " + b"x" * 60_000], ids=["many lines", "one line"])
def test_an_event_without_an_end_is_given_up(line: bytes) -> None:
    pieces = [line * (65_536 // len(line))] * 80
    with (
        web({"/api/v1/streaming/hashtag": [streaming(*pieces, content_type="text/event-stream")]}) as server,
        http.client(server.url, None, stall_s=2) as client,
    ):
        _, end = got(mastodon(client))
    assert str(end) == "http-error: an endless event"


def test_heartbeats_fill_nothing() -> None:
    pieces = [b":thump\n" * 9_000] * 80  # 5 MB of comments and no event
    update = b'event: update\ndata: {"id": "1"}\n\n'
    with (
        web({"/api/v1/streaming/hashtag": [streaming(*pieces, update, content_type="text/event-stream")]}) as server,
        http.client(server.url, None, stall_s=2) as client,
    ):
        items, end = got(mastodon(client))
    assert str(end) == "ended"
    assert [item.payload for item in items if isinstance(item, Received)] == [b'event: update\ndata: {"id": "1"}\n']


def test_the_charset_of_an_event_stream_is_utf_8_whatever_its_header_says() -> None:
    update = 'event: update\ndata: {"id": "é"}\n\n'.encode()
    act = streaming(update, content_type="text/event-stream; charset=zlib")
    with web({"/api/v1/streaming/hashtag": [act]}) as server, http.client(server.url, None, stall_s=2) as client:
        items, end = got(mastodon(client))
    assert str(end) == "ended"
    assert [item.payload.decode() for item in items if isinstance(item, Received)] == [
        'event: update\ndata: {"id": "é"}\n'
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 100_000,
        b'{"configuration": {"urls": {"streaming": 5}}}',
        b'{"configuration": {"urls": {"streaming": "http://["}}}',
        b'{"configuration": {"urls": {"streaming": "wss://"}}}',
        b'{"configuration": {"urls": []}}',
        b"\xff",
        b"",
    ],
)
def test_a_streaming_address_that_is_none_is_passed_over(answer: bytes) -> None:
    with web({"/api/v2/instance": [answering(200, answer)]}) as server, http.client(server.url, None, 2) as client:
        assert Instance(client, Clock()).streaming_url() == server.url


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "10.1.2.3", "192.168.0.1", "[::1]", "0"])
def test_an_instance_elsewhere_can_t_send_us_into_our_own_network(
    host: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def instance(request: httpx.Request) -> httpx.Response:
        answer = b'{"configuration": {"urls": {"streaming": "wss://%s:9200/x"}}}' % host.encode()
        return httpx.Response(200, content=iter([answer]))

    monkeypatch.setattr(
        "producers.sources.mastodon.leads_inside", lambda name: name != "a.example" and leads_inside(name)
    )
    with httpx.Client(base_url="https://a.example", transport=httpx.MockTransport(instance)) as client:
        assert Instance(client, Clock()).streaming_url() == "https://a.example"
    assert caplog.messages == ["mastodon:a.example names a streaming server inside our own network: not used"]


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True), ("::1", True), ("10.0.0.1", True), ("172.16.9.9", True), ("169.254.169.254", True),
        ("fe80::1", True), ("::ffff:127.0.0.1", True), ("2130706433", True), ("localhost", True),
        ("8.8.8.8", False), ("2606:4700::1111", False), ("no such host", False), ("a" * 300, False), ("", False),
    ],
)  # fmt: skip
def test_what_leads_inside(host: str, inside: bool) -> None:
    assert leads_inside(host) == inside


def test_ids_of_statuses_are_short_or_none() -> None:
    assert status_id(b'{"id": "%s"}' % (b"9" * 512)) == "9" * 512
    assert status_id(b'{"id": "%s"}' % (b"9" * 513)) is None
    assert status_id(b"[" * 100_000) is None
    longest = "9" * 512
    assert later(longest, "1") == longest
    assert before(longest) == str(int(longest) - (120_000 << 16))


@pytest.mark.parametrize(
    "link", ["<http://[>", "<\x7f>", f"<http://a/?min_id={'9' * 5000}>", "<", "<?min_id=>", ";;,,"]
)
def test_a_page_that_names_no_next_one_of_use_is_read_on_from_its_own_statuses(link: str) -> None:
    statuses = [{"id": "10"}]
    act = answering(200, statuses, {"Link": f'{link}; rel="prev"', "Content-Length": str(len(json.dumps(statuses)))})
    acts = {
        "/api/v1/streaming/hashtag": [streaming(b":)\n", content_type="text/event-stream")],
        "/api/v1/timelines/tag/a": [act, answering(200, [])],
    }
    with web(acts) as server, http.client(server.url, None, stall_s=2) as client:
        items, _ = got(mastodon(client, last_id="9"))
        asked = [query["min_id"] for query in server.queries["/api/v1/timelines/tag/a"]]
    assert asked == ["9", "10"]
    assert [item.payload for item in items if isinstance(item, Received)] == [b'{"id": "10"}']


@given(
    value=st.one_of(st.text(max_size=40), st.sampled_from(NASTY)),
    name=st.sampled_from(["retry-after", "x-rate-limit-reset"]),
)
def test_fuzz_what_a_header_says_of_limits(value: str, name: str) -> None:
    end = answer_error("X", 429, {name: value}, "", AUGUST_MS)
    assert isinstance(end, Lost)
    assert end.retry_at_ms is None or isinstance(end.retry_at_ms, int)


def test_what_the_other_side_says_is_one_short_line_that_no_terminal_obeys() -> None:
    end = answer_error("X's stream", 403, {}, "no\x1b[2J\r\n2026 ERROR forged\u202e " + "a" * MIB, AUGUST_MS)
    assert str(end).startswith("X's stream: HTTP 403 no\\x1b[2J 2026 ERROR forged\\u202e aaa")
    assert len(str(end)) < 250
    assert str(Lost("ended", "bye\x9b31m")) == "ended: bye\\x9b31m"


def test_what_waits_for_kafka_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "MAX_BYTES", 10 * MIB)
    handed = 0

    def source() -> Iterator[Item]:
        nonlocal handed
        for number in range(50):
            handed += 1
            yield Received("jetstream", str(number), bytes(MIB))

    stop = threading.Event()
    items = merged.merged([source], stop)
    next(items)
    stop_at = threading.Event()
    stop_at.wait(0.5)
    assert handed <= 13  # ten wait, one is out, one is in the source's hand
    assert len([item for item in items if item is not None]) == 49


def test_a_payload_larger_than_all_the_room_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "MAX_BYTES", 10)
    payloads: list[Any] = [Received("x", str(number), bytes(100)) for number in range(3)]
    assert [item for item in merged.merged([lambda: iter(payloads)], threading.Event()) if item] == payloads


def test_half_a_gigabyte_without_a_line_feed_is_a_megabyte() -> None:
    lines, piece = LineBuffer(), bytes(MIB)
    for _ in range(500):
        assert list(lines.feed(piece)) == []
    [(line, size)] = lines.feed(b"\n")
    assert (len(line), size) == (MIB + 1, 500 * MIB + 1)


def test_empty_pieces_and_single_bytes_take_no_room_behind_the_bound() -> None:
    lines = LineBuffer()
    assert list(lines.feed(bytes(2 * MIB))) == []
    for _ in range(100_000):
        assert list(lines.feed(b"x")) == []
    assert len(lines._parts) == 1


def test_a_server_that_lets_us_in_to_throw_us_out_does_not_keep_us_busy() -> None:
    clock, link = Clock(), Link("x", Clock())
    tries = iter(range(12))

    def connect() -> Items:
        if next(tries) == 11:
            raise Refused("enough")
        link.heard()
        yield Received("x", "", b"{}")
        raise Lost("ended")

    with pytest.raises(Refused):
        list(reconnecting(connect, link, clock_ms=clock, sleep=clock.sleep))
    assert clock.slept == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
