import json
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from hashtide.contract.messages import Control, Gap, Post
from hashtide.contract.reasons import InvalidPost
from producers import formats
from producers.sources.jetstream import Jetstream, endpoint, event_time_us, read, subscription
from producers.sources.link import Link
from producers.sources.lost import Refused
from producers.sources.received import Received
from producers.sources.reconnect import reconnecting
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock
from tests.unit.producers.sources.loopback import Scene, Sockets, sending, sockets

NOW_US = AUGUST_MS * 1000
V2 = "network.bsky.jetstream.subscribeEvents"


def post(number: int, ago_s: float = 0.0) -> dict[str, Any]:
    """An event of v1, seen so many seconds ago."""
    return {
        "did": "did:plc:ines",
        "time_us": NOW_US - round(ago_s * 1_000_000) + number,
        "kind": "commit",
        "commit": {
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": f"3k{number:03}",
            "record": {"text": "Open the harbour!", "createdAt": "2026-08-01T11:59:59Z", "langs": ["en"]},
        },
    }


def frame(number: int, ago_s: float = 0.0) -> dict[str, Any]:
    """The same by v2."""
    event = post(number)
    seconds = (AUGUST_MS - round(ago_s * 1000)) // 1000
    time = f"2026-08-01T{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{number:06}Z"
    payload = {"$type": f"{V2}#commit", "seq": number, "did": event["did"], "time": time, **event["commit"]}
    return {"$type": "message", "payload": payload}


def refusing(status: int, body: bytes = b"") -> Response:
    headers = Headers({"Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, "No", headers, body)


class Run:
    """All that comes until the script is over and every host refuses."""

    def __init__(self, *scenes: Scene | Response, path: str = "subscribe", cursor_us: int | None = None) -> None:
        self.clock = Clock()
        with sockets(*scenes) as server:
            self._collect([server.url.replace("subscribe", path)], cursor_us)
            self.queries = server.queries

    def _collect(self, hosts: list[str], cursor_us: int | None) -> None:
        link = Link("jetstream", self.clock)
        stream = Jetstream(hosts, link, cursor_us, clock_ms=self.clock, stall_s=0.3)
        self.items = []
        with pytest.raises(Refused, match="404"):
            for item in reconnecting(stream.connect, link, clock_ms=self.clock, sleep=self.clock.sleep):
                self.items.append(item)

    @property
    def received(self) -> list[Received]:
        return [item for item in self.items if isinstance(item, Received)]

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in self.items if isinstance(item, Gap)]

    @property
    def posts(self) -> list[int]:
        outcomes = [outcome for item in self.received for outcome in formats.parse(item.payload, "jetstream")]
        return [int(outcome.post_id[-3:]) for outcome in outcomes if isinstance(outcome, Post)]

    @property
    def cursors(self) -> list[int | None]:
        return [int(query["cursor"]) if "cursor" in query else None for query in self.queries]


def test_posts_alone_are_asked_for_and_come_from_a_firehose() -> None:
    run = Run(sending(post(1), post(2)))
    assert run.queries[0] == {"wantedCollections": "app.bsky.feed.post"}
    assert run.posts == [1, 2]
    assert all(item.firehose for item in run.received)
    assert run.received[1].mark == ("jetstream", "cursor_us", NOW_US + 2)


@pytest.mark.parametrize("end", ["close", "cut", "silence"])
def test_a_connection_that_ends_is_resumed_at_once_some_seconds_back(end: str) -> None:
    run = Run(sending(post(1), post(2), end=end), sending(post(1), post(2), post(3)))
    assert run.cursors[:2] == [None, NOW_US + 2 - 5_000_000]
    assert run.posts == [1, 2, 1, 2, 3]
    assert run.clock.slept == []
    assert run.gaps == []


def test_the_next_run_resumes_where_the_last_one_was() -> None:
    assert Run(sending(post(1)), cursor_us=NOW_US - 60_000_000).cursors[0] == NOW_US - 65_000_000


def test_what_is_replayed_is_caught_up_and_what_follows_is_live() -> None:
    run = Run(sending(post(1, ago_s=60), post(2, ago_s=1), post(3, ago_s=-1)), cursor_us=NOW_US - 60_000_000)
    assert [item.origin for item in run.received] == ["backfill", "backfill", None]


def test_a_host_that_silently_begins_later_than_the_cursor_leaves_a_gap() -> None:
    cursor_us = NOW_US - 100 * 3_600_000_000
    run = Run(sending(post(1, ago_s=36 * 3600), post(2)), cursor_us=cursor_us)
    assert run.posts == [1, 2]
    assert run.gaps == [
        Gap(
            source="jetstream",
            from_ms=cursor_us // 1000,
            to_ms=AUGUST_MS - 36 * 3_600_000,
            reason="cursor-too-old",
        )
    ]


def test_a_host_that_begins_at_an_old_cursor_leaves_none() -> None:
    assert Run(sending(post(1, ago_s=7190)), cursor_us=NOW_US - 7_200_000_000).gaps == []


@pytest.mark.parametrize(
    "old",
    [
        refusing(400, b'{"error":"CursorTooOld","message":"floor is 77"}'),
        sending({"$type": "error", "error": "CursorTooOld", "message": "floor is 77"}),
    ],
    ids=["refused", "error frame"],
)
def test_a_cursor_that_is_too_old_is_a_gap_and_no_loop(old: Scene | Response) -> None:
    cursor_us = NOW_US - 3_600_000_000
    run = Run(old, sending(frame(1), frame(2)), path=V2, cursor_us=cursor_us)
    assert run.cursors[:2] == [cursor_us - 5_000_000, None]
    assert run.posts == [1, 2]
    assert run.gaps == [Gap(source="jetstream", from_ms=cursor_us // 1000, to_ms=AUGUST_MS, reason="cursor-too-old")]
    assert run.clock.slept == [0.25]


def test_a_note_that_the_cursor_is_outdated_is_a_gap() -> None:
    cursor_us = NOW_US - 7_200_000_000
    note = {"$type": "message", "payload": {"$type": f"{V2}#info", "name": "OutdatedCursor"}}
    run = Run(sending(note, frame(1, ago_s=3600)), path=V2, cursor_us=cursor_us)
    assert run.posts == [1]
    assert run.gaps == [
        Gap(
            source="jetstream",
            from_ms=AUGUST_MS - 7_200_000,
            to_ms=AUGUST_MS - 3_600_000,
            reason="cursor-too-old",
        )
    ]


def test_being_too_slow_is_reported_and_the_cursor_brings_all_again() -> None:
    slow = {"$type": "error", "error": "ConsumerTooSlow", "message": "behind"}
    run = Run(sending(frame(1), slow), sending(frame(1), frame(2)), path=V2)
    assert run.posts == [1, 1, 2]
    assert run.cursors[1] == NOW_US + 1 - 5_000_000
    [gap] = run.gaps
    assert (gap.reason, gap.estimated_posts) == ("too-slow", 0)
    assert formats.parse(run.received[1].payload, "jetstream") == [Control("too-slow")]


def test_the_newer_protocol_has_other_names_for_the_same() -> None:
    run = Run(sending(frame(1), frame(2)), path=V2, cursor_us=NOW_US - 60_000_000)
    assert run.queries[0] == {
        "kinds": "commit",
        "collections": "app.bsky.feed.post",
        "cursor": str(NOW_US - 65_000_000),
    }
    assert run.received[1].mark == ("jetstream", "cursor_us", NOW_US + 2)


def test_waits_follow_what_went_wrong() -> None:
    run = Run(refusing(503), refusing(500), refusing(429), sending(post(1)))
    assert run.clock.slept == [5, 10, 60]
    assert run.posts == [1]


def test_garbage_is_handed_on_as_it_is_for_the_format_to_name() -> None:
    run = Run(sending(b"<html>", b'{"time_us": "x"}', b'{"time_us": 9999999999999999999}', post(1)))
    outcomes = [formats.parse(item.payload, "jetstream")[0] for item in run.received]
    assert [isinstance(outcome, InvalidPost) for outcome in outcomes] == [True, True, True, False]
    assert [item.mark for item in run.received[:3]] == [None, None, None]


class TwoHosts(Run):
    """One that has the first scenes, and one that has the others."""

    def __init__(self, first: list[Scene | Response], second: list[Scene | Response]) -> None:
        self.clock = Clock()
        with sockets(*first) as one, sockets(*second) as other:
            self._collect([one.url, other.url], None)
            self.hosts: tuple[Sockets, Sockets] = (one, other)


def test_a_host_that_fails_is_left_for_the_next_one_without_a_wait() -> None:
    run = TwoHosts([refusing(503), refusing(503)], [sending(post(1))])
    assert run.posts == [1]
    assert run.clock.slept[:1] == [5]  # when both had failed
    assert len(run.hosts[1].queries) >= 1


def test_a_host_that_breaks_off_is_left_for_the_next_one_with_the_same_cursor() -> None:
    run = TwoHosts([sending(post(1), post(2), end="cut")], [sending(post(2), post(3))])
    assert run.posts == [1, 2, 2, 3]
    assert run.hosts[1].queries[0]["cursor"] == str(NOW_US + 2 - 5_000_000)
    assert run.clock.slept == []


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("jetstream.a.example", "wss://jetstream.a.example/subscribe"),
        ("wss://a.example", "wss://a.example/subscribe"),
        ("https://a.example/", "wss://a.example/subscribe"),
        ("ws://127.0.0.1:6008/subscribe", "ws://127.0.0.1:6008/subscribe"),
        (f"http://127.0.0.1:6008/xrpc/{V2}", f"ws://127.0.0.1:6008/xrpc/{V2}"),
    ],
)
def test_a_host_is_given_by_its_name_or_an_address(host: str, address: str) -> None:
    assert endpoint(host) == address


def test_an_address_may_have_parameters_of_its_own() -> None:
    assert subscription("wss://a.example/subscribe?x=1", None) == (
        "wss://a.example/subscribe?x=1&wantedCollections=app.bsky.feed.post"
    )


@pytest.mark.parametrize(
    ("data", "time_us"),
    [
        (json.dumps(post(7)).encode(), NOW_US + 7),
        (json.dumps(frame(7)).encode(), NOW_US + 7),
        (b'{"payload":{"time":"2026-08-01T12:00:00Z","witnessedAt":"2026-08-01T12:00:01Z"}}', NOW_US + 1_000_000),
        (b'{"payload":{"time":"2026-08-01T12:00:00"}}', None),
        (b'{"payload":{"time":"yesterday"}}', None),
        (b"{}", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_the_time_of_an_event_is_when_the_host_saw_it(data: bytes, time_us: int | None) -> None:
    assert event_time_us(read(data)) == time_us
