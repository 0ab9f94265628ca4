import json
from typing import Any

import pytest

from hashtide.contract.messages import Control, Gap, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.sources import http, mastodon_timeline
from producers.sources.link import Link
from producers.sources.lost import Refused
from producers.sources.mastodon import URIS, Instance, MastodonStream, Parser, RecentUris, Stream
from producers.sources.mastodon_timeline import before, id_at, later
from producers.sources.received import Mark, Received
from producers.sources.reconnect import reconnecting
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock
from tests.unit.producers.sources.loopback import Act, Exchange, answering, streaming, web

STREAM = "/api/v1/streaming/hashtag"
TIMELINE = "/api/v1/timelines/tag/OpenTheHarbour"
TAG = Stream("hashtag", "OpenTheHarbour")


def status(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "uri": f"https://a.example/users/ines/statuses/{number}",
        "created_at": "2026-08-01T11:59:00.000Z",
        "content": "<p>Open it! #OpenTheHarbour</p>",
        "visibility": "public",
        "account": {"id": "1", "uri": "https://a.example/users/ines"},
        "tags": [{"name": "openTheHarbour"}],
    } | fields


def event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def live(*pieces: bytes, end: str = "close") -> Act:
    return streaming(b":)\n", *pieces, content_type="text/event-stream", end=end)


def update(number: int) -> bytes:
    return event("update", status(number))


class Run:
    """All that comes of one stream until the script is over, and the instance refuses."""

    def __init__(
        self,
        *streams: Act,
        timelines: tuple[Act, ...] = (),
        stream: Stream = TAG,
        last_id: str | None = None,
        heard_ms: int | None = None,
    ) -> None:
        self.clock = Clock()
        acts = {f"/api/v1/streaming/{stream.path}": streams, stream.timeline[0]: timelines}
        with web(acts) as server, http.client(server.url, "the-token", stall_s=0.3) as client:
            self.server = server
            instance = Instance(client, self.clock)
            link = Link(instance.source, self.clock, heard_ms)
            one = MastodonStream(instance, stream, link, last_id, clock_ms=self.clock, sleep=self.clock.sleep)
            self.items = []
            with pytest.raises(Refused, match="404"):
                for item in reconnecting(one.connect, link, clock_ms=self.clock, sleep=self.clock.sleep):
                    self.items.append(item)
        self.source = instance.source

    @property
    def received(self) -> list[Received]:
        return [item for item in self.items if isinstance(item, Received)]

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in self.items if isinstance(item, Gap)]

    def posts(self) -> list[tuple[int, str | None]]:
        """The number and the origin of each post."""
        parse = Parser()
        return [
            (int(outcome.post_id.rpartition("/")[2]), item.origin)
            for item in self.received
            for outcome in parse(item)
            if isinstance(outcome, Post)
        ]


def empty() -> Act:
    return answering(200, [])


def test_statuses_of_a_hashtag_come_as_they_are_posted() -> None:
    run = Run(live(update(101), b":thump\n", update(102)))
    assert run.posts() == [(101, None), (102, None)]
    assert run.server.queries[STREAM][0] == {"tag": "OpenTheHarbour"}
    assert run.server.tokens == {"Bearer the-token"}
    assert [item.mark for item in run.received][1] == (
        f"mastodon-{run.source.partition(':')[2]}",
        "hashtag:OpenTheHarbour",
        {"id": "102", "heard_ms": AUGUST_MS},
    )


def test_only_public_streams_are_a_firehose() -> None:
    public = Run(live(update(1)), stream=Stream("public"))
    assert [item.firehose for item in public.received] == [True]
    assert [item.firehose for item in Run(live(update(1))).received] == [False]


def test_after_a_gap_it_catches_up_over_the_timeline_oldest_first() -> None:
    run = Run(
        live(update(101), end="cut"),
        live(update(105)),
        timelines=(answering(200, [status(103), status(102)]), answering(200, [status(104)]), empty()),
    )
    assert run.posts() == [(101, None), (102, "backfill"), (103, "backfill"), (104, "backfill"), (105, None)]
    assert [query["min_id"] for query in run.server.queries[TIMELINE]] == ["101", "103", "104"]
    assert run.gaps == []
    assert run.clock.slept == []


def test_a_timeline_that_says_where_it_goes_on_is_followed_there_and_nowhere_else() -> None:
    link = {"Link": '<https://elsewhere.example/steal?min_id=150>; rel="prev", <http://x.example/>; rel="next"'}
    run = Run(live(update(101)), live(update(160)), timelines=(answering(200, [status(102)], link), empty()))
    assert [query["min_id"] for query in run.server.queries[TIMELINE]] == ["101", "150"]
    assert run.posts() == [(101, None), (102, "backfill"), (160, None)]


def test_the_next_run_catches_up_on_what_came_in_between() -> None:
    run = Run(live(), timelines=(answering(200, [status(102)]), empty()), last_id="101", heard_ms=AUGUST_MS - 3_600_000)
    assert run.posts() == [(102, "backfill")]
    assert run.gaps == []


def test_a_tag_that_stays_quiet_has_a_position_too() -> None:
    [mark] = [item for item in Run(live()).items if isinstance(item, Mark)]
    assert mark.key == "hashtag:OpenTheHarbour"
    assert mark.value == {"id": id_at(AUGUST_MS), "heard_ms": AUGUST_MS}


def test_before_anything_was_posted_it_catches_up_from_when_it_first_connected() -> None:
    run = Run(live(), live(), timelines=(empty(),))
    assert run.server.queries[TIMELINE][0]["min_id"] == before(id_at(AUGUST_MS))


def test_what_can_not_be_caught_up_on_is_a_gap() -> None:
    refused = answering(403, {"error": "This method requires an authenticated user"})
    run = Run(live(update(101)), answering(503), live(update(102)), timelines=(refused,))
    assert run.posts() == [(101, None), (102, None)]
    assert run.gaps == [
        Gap(source=run.source, from_ms=AUGUST_MS, to_ms=AUGUST_MS + 5_000, reason="disconnected"),
    ]


def test_a_timeline_that_is_busy_is_asked_again_when_it_says() -> None:
    busy = answering(429, {"error": "Too many requests"}, {"X-RateLimit-Reset": "2026-08-01T12:00:42.000Z"})
    run = Run(live(update(101)), live(update(103)), timelines=(busy, answering(200, [status(102)]), empty()))
    assert run.clock.slept == [42]
    assert run.posts() == [(101, None), (102, "backfill"), (103, None)]


def test_a_timeline_that_is_busy_for_long_is_let_be() -> None:
    busy = answering(429, b"", {"X-RateLimit-Reset": "2026-08-01T12:05:00.000Z"})
    run = Run(live(update(101)), answering(503), live(update(103)), timelines=(busy,))
    assert run.clock.slept == [5]
    assert [gap.reason for gap in run.gaps] == ["disconnected"]


def test_a_timeline_without_end_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(exchange: Exchange) -> None:
        exchange.answer(200, [status(int(exchange.query["min_id"]) + 1)])

    monkeypatch.setattr(mastodon_timeline, "MAX_PAGES", 4)
    run = Run(live(update(1)), answering(503), live(), timelines=(page,) * 99)
    assert run.posts() == [(1, None), (2, "backfill"), (3, "backfill"), (4, "backfill"), (5, "backfill")]
    assert [gap.reason for gap in run.gaps] == ["disconnected"]


@pytest.mark.parametrize("garbage", [b"<html>", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_a_timeline_of_garbage_is_a_gap_and_no_crash(garbage: bytes) -> None:
    run = Run(live(update(1)), answering(503), live(update(2)), timelines=(answering(200, garbage),) * 99)
    assert run.posts() == [(1, None), (2, None)]
    assert len(run.gaps) == 1


def test_silence_without_a_heartbeat_is_a_stall() -> None:
    run = Run(live(update(101), end="silence"), live(update(102)), timelines=(empty(),))
    assert run.posts() == [(101, None), (102, None)]


def test_waits_follow_what_went_wrong() -> None:
    busy = answering(429, b"", {"X-RateLimit-Reset": "2026-08-01T12:01:15.000Z"})
    run = Run(answering(503), answering(502), busy, live(update(1)))
    assert run.clock.slept == [5, 10, 60]


def test_an_answer_that_is_no_stream_is_tried_again() -> None:
    run = Run(answering(200, b"<html>", {"Content-Type": "text/html"}), live(update(1)), timelines=(empty(),))
    assert run.clock.slept == [5]
    assert run.posts() == [(1, None)]


def test_a_stream_that_is_taken_and_closed_at_once_again_and_again_is_waited_for() -> None:
    run = Run(*[streaming(content_type="text/event-stream")] * 3, timelines=(empty(),) * 3)
    assert run.clock.slept == [0.25, 0.5, 0.75]


def test_an_event_cut_in_the_middle_is_caught_up_on() -> None:
    run = Run(
        live(update(101), update(102)[:60], end="cut"), live(), timelines=(answering(200, [status(102)]), empty())
    )
    assert run.posts() == [(101, None), (102, "backfill")]


def test_streams_are_where_the_instance_says() -> None:
    with web({STREAM: [live(update(7))]}) as elsewhere:
        says = answering(200, {"configuration": {"urls": {"streaming": elsewhere.url.replace("http", "ws")}}})
        with web({"/api/v2/instance": [says]}) as server, http.client(server.url, None, stall_s=0.3) as client:
            instance = Instance(client, Clock())
            assert instance.streaming_url() == elsewhere.url
            assert instance.streaming_url() == elsewhere.url
    assert len(server.queries["/api/v2/instance"]) == 1


def test_an_instance_that_fails_to_say_is_asked_again_the_next_time() -> None:
    says = answering(200, {"configuration": {"urls": {"streaming": "wss://streaming.a.example"}}})
    with (
        web({"/api/v2/instance": [answering(503), says]}) as server,
        http.client(server.url, None, 5) as client,
    ):
        instance = Instance(client, Clock())
        assert [instance.streaming_url() for _ in range(3)] == [server.url, *["https://streaming.a.example"] * 2]


@pytest.mark.parametrize(
    "says", [{}, [], {"configuration": None}, {"configuration": {"urls": {"streaming": 7}}}, b"<html>"]
)
def test_an_instance_that_does_not_say_has_its_streams_itself(says: object) -> None:
    with web({"/api/v2/instance": [answering(200, says)]}) as server, http.client(server.url, None, 5) as client:
        assert Instance(client, Clock()).streaming_url() == server.url


@pytest.mark.parametrize(
    ("stream", "timeline"),
    [
        (Stream("hashtag", "أنا_أيضا"), ("/api/v1/timelines/tag/%D8%A3%D9%86%D8%A7_%D8%A3%D9%8A%D8%B6%D8%A7", {})),
        (Stream("public"), ("/api/v1/timelines/public", {})),
        (Stream("public/local"), ("/api/v1/timelines/public", {"local": "true"})),
    ],
)
def test_every_stream_has_its_timeline(stream: Stream, timeline: tuple[str, dict[str, str]]) -> None:
    assert stream.timeline == timeline


def parsed(parse: Parser, payload: bytes, source: str = "mastodon:a.example") -> object:
    [outcome] = parse(Received(source, "", payload))
    return outcome


def test_deletions_and_edits_name_the_post_by_its_uri() -> None:
    parse = Parser()
    post = parsed(parse, update(101))
    edit = parsed(parse, event("status.update", status(101, edited_at="2026-08-01T12:00:00Z")))
    deletion = parsed(parse, event("delete", "101"))
    uri = "https://a.example/users/ines/statuses/101"
    assert isinstance(post, Post)
    assert isinstance(edit, PostEdit)
    assert isinstance(deletion, PostDelete)
    assert post.post_id == edit.post.post_id == deletion.post_id == uri


def test_a_deletion_of_what_was_never_seen_on_this_instance_is_none() -> None:
    parse = Parser()
    parsed(parse, update(101))
    assert parsed(parse, event("delete", "101"), "mastodon:b.example") == Control("delete-of-unknown")


@pytest.mark.parametrize("payload", [b"event: update\ndata: {", b"\xff", b"event: update\ndata: 7", b"", b"{}"])
def test_garbage_has_a_name(payload: bytes) -> None:
    assert isinstance(parsed(Parser(), payload), InvalidPost | Control | PostDelete)


def test_only_the_newest_ids_are_remembered() -> None:
    uris = RecentUris()
    for number in range(URIS + 10):
        uris[str(number)] = "https://a.example/"
        uris["0"] = "https://a.example/kept"
    assert len(uris) == URIS
    assert "0" in uris
    assert "10" not in uris
    assert "12" in uris


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("9", "10", "10"),
        ("10", "9", "10"),
        (None, "1", "1"),
        ("1", None, "1"),
        ("AbC", "AbB", "AbB"),
        (None, None, None),
    ],
)
def test_ids_that_are_numbers_are_in_the_order_of_time(
    one: str | None, other: str | None, expected: str | None
) -> None:
    assert later(one, other) == expected


def test_a_catch_up_goes_back_two_minutes_because_statuses_arrive_late() -> None:
    assert id_at(AUGUST_MS) == str(AUGUST_MS * 65_536)
    assert before(id_at(AUGUST_MS)) == id_at(AUGUST_MS - 120_000)
    assert before("101") == "101"
    assert before("AbC") == "AbC"
