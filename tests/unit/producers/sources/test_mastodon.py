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
    """All items of one stream until the script ends and the instance refuses."""

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
        """The number and origin of each post."""
        parse = Parser()
        return [
            (int(outcome.post_id.rpartition("/")[2]), item.origin)
            for item in self.received
            for outcome in parse(item)
            if isinstance(outcome, Post)
        ]


def empty() -> Act:
    return answering(200, [])


def test_streams_statuses_of_a_hashtag() -> None:
    run = Run(live(update(101), b":thump\n", update(102)))
    assert run.posts() == [(101, None), (102, None)]
    assert run.server.queries[STREAM][0] == {"tag": "OpenTheHarbour"}
    assert run.server.tokens == {"Bearer the-token"}
    assert [item.mark for item in run.received][1] == (
        f"mastodon-{run.source.partition(':')[2]}",
        "hashtag:OpenTheHarbour",
        {"id": "102", "heard_ms": AUGUST_MS},
    )


def test_only_public_streams_are_firehoses() -> None:
    public = Run(live(update(1)), stream=Stream("public"))
    assert [item.firehose for item in public.received] == [True]
    assert [item.firehose for item in Run(live(update(1))).received] == [False]


def test_backfills_from_timeline_oldest_first_after_a_gap() -> None:
    run = Run(
        live(update(101), end="cut"),
        live(update(105)),
        timelines=(answering(200, [status(103), status(102)]), answering(200, [status(104)]), empty()),
    )
    assert run.posts() == [(101, None), (102, "backfill"), (103, "backfill"), (104, "backfill"), (105, None)]
    assert [query["min_id"] for query in run.server.queries[TIMELINE]] == ["101", "103", "104"]
    assert run.gaps == []
    assert run.clock.slept == []


def test_follows_next_page_only_on_the_same_instance() -> None:
    link = {"Link": '<https://elsewhere.example/steal?min_id=150>; rel="prev", <http://x.example/>; rel="next"'}
    run = Run(live(update(101)), live(update(160)), timelines=(answering(200, [status(102)], link), empty()))
    assert [query["min_id"] for query in run.server.queries[TIMELINE]] == ["101", "150"]
    assert run.posts() == [(101, None), (102, "backfill"), (160, None)]


def test_next_run_backfills_time_since_last_run() -> None:
    run = Run(live(), timelines=(answering(200, [status(102)]), empty()), last_id="101", heard_ms=AUGUST_MS - 3_600_000)
    assert run.posts() == [(102, "backfill")]
    assert run.gaps == []


def test_quiet_tag_has_a_position() -> None:
    [mark] = [item for item in Run(live()).items if isinstance(item, Mark)]
    assert mark.key == "hashtag:OpenTheHarbour"
    assert mark.value == {"id": id_at(AUGUST_MS), "heard_ms": AUGUST_MS}


def test_backfills_from_first_connection_if_there_were_no_posts() -> None:
    run = Run(live(), live(), timelines=(empty(),))
    assert run.server.queries[TIMELINE][0]["min_id"] == before(id_at(AUGUST_MS))


def test_failed_backfill_is_a_gap() -> None:
    refused = answering(403, {"error": "This method requires an authenticated user"})
    run = Run(live(update(101)), answering(503), live(update(102)), timelines=(refused,))
    assert run.posts() == [(101, None), (102, None)]
    assert run.gaps == [
        Gap(source=run.source, from_ms=AUGUST_MS, to_ms=AUGUST_MS + 5_000, reason="disconnected"),
    ]


def test_retries_rate_limited_timeline_at_its_reset_time() -> None:
    busy = answering(429, {"error": "Too many requests"}, {"X-RateLimit-Reset": "2026-08-01T12:00:42.000Z"})
    run = Run(live(update(101)), live(update(103)), timelines=(busy, answering(200, [status(102)]), empty()))
    assert run.clock.slept == [42]
    assert run.posts() == [(101, None), (102, "backfill"), (103, None)]


def test_skips_backfill_if_rate_limit_is_long() -> None:
    busy = answering(429, b"", {"X-RateLimit-Reset": "2026-08-01T12:05:00.000Z"})
    run = Run(live(update(101)), answering(503), live(update(103)), timelines=(busy,))
    assert run.clock.slept == [5]
    assert [gap.reason for gap in run.gaps] == ["disconnected"]


def test_stops_backfill_after_max_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(exchange: Exchange) -> None:
        exchange.answer(200, [status(int(exchange.query["min_id"]) + 1)])

    monkeypatch.setattr(mastodon_timeline, "MAX_PAGES", 4)
    run = Run(live(update(1)), answering(503), live(), timelines=(page,) * 99)
    assert run.posts() == [(1, None), (2, "backfill"), (3, "backfill"), (4, "backfill"), (5, "backfill")]
    assert [gap.reason for gap in run.gaps] == ["disconnected"]


@pytest.mark.parametrize("garbage", [b"<html>", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_invalid_timeline_is_a_gap(garbage: bytes) -> None:
    run = Run(live(update(1)), answering(503), live(update(2)), timelines=(answering(200, garbage),) * 99)
    assert run.posts() == [(1, None), (2, None)]
    assert len(run.gaps) == 1


def test_silence_without_heartbeat_is_a_stall() -> None:
    run = Run(live(update(101), end="silence"), live(update(102)), timelines=(empty(),))
    assert run.posts() == [(101, None), (102, None)]


def test_wait_depends_on_kind_of_failure() -> None:
    busy = answering(429, b"", {"X-RateLimit-Reset": "2026-08-01T12:01:15.000Z"})
    run = Run(answering(503), answering(502), busy, live(update(1)))
    assert run.clock.slept == [5, 10, 60]


def test_retries_after_answer_that_is_not_a_stream() -> None:
    run = Run(answering(200, b"<html>", {"Content-Type": "text/html"}), live(update(1)), timelines=(empty(),))
    assert run.clock.slept == [5]
    assert run.posts() == [(1, None)]


def test_backs_off_if_stream_is_closed_at_once() -> None:
    run = Run(*[streaming(content_type="text/event-stream")] * 3, timelines=(empty(),) * 3)
    assert run.clock.slept == [0.25, 0.5, 0.75]


def test_backfills_truncated_event() -> None:
    run = Run(
        live(update(101), update(102)[:60], end="cut"), live(), timelines=(answering(200, [status(102)]), empty())
    )
    assert run.posts() == [(101, None), (102, "backfill")]


def test_uses_streaming_url_of_the_instance() -> None:
    with web({STREAM: [live(update(7))]}) as elsewhere:
        says = answering(200, {"configuration": {"urls": {"streaming": elsewhere.url.replace("http", "ws")}}})
        with web({"/api/v2/instance": [says]}) as server, http.client(server.url, None, stall_s=0.3) as client:
            instance = Instance(client, Clock())
            assert instance.streaming_url() == elsewhere.url
            assert instance.streaming_url() == elsewhere.url
    assert len(server.queries["/api/v2/instance"]) == 1


def test_retries_streaming_url_after_failure() -> None:
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
def test_streaming_url_defaults_to_the_instance(says: object) -> None:
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
def test_every_stream_has_a_timeline(stream: Stream, timeline: tuple[str, dict[str, str]]) -> None:
    assert stream.timeline == timeline


def parsed(parse: Parser, payload: bytes, source: str = "mastodon:a.example") -> object:
    [outcome] = parse(Received(source, "", payload))
    return outcome


def test_deletions_and_edits_have_uri_of_the_post() -> None:
    parse = Parser()
    post = parsed(parse, update(101))
    edit = parsed(parse, event("status.update", status(101, edited_at="2026-08-01T12:00:00Z")))
    deletion = parsed(parse, event("delete", "101"))
    uri = "https://a.example/users/ines/statuses/101"
    assert isinstance(post, Post)
    assert isinstance(edit, PostEdit)
    assert isinstance(deletion, PostDelete)
    assert post.post_id == edit.post.post_id == deletion.post_id == uri


def test_deletion_of_unknown_post_is_control() -> None:
    parse = Parser()
    parsed(parse, update(101))
    assert parsed(parse, event("delete", "101"), "mastodon:b.example") == Control("delete-of-unknown")


@pytest.mark.parametrize("payload", [b"event: update\ndata: {", b"\xff", b"event: update\ndata: 7", b"", b"{}"])
def test_invalid_payload_has_an_outcome(payload: bytes) -> None:
    assert isinstance(parsed(Parser(), payload), InvalidPost | Control | PostDelete)


def test_remembers_only_newest_ids() -> None:
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
def test_compares_numeric_ids_as_numbers(one: str | None, other: str | None, expected: str | None) -> None:
    assert later(one, other) == expected


def test_backfill_starts_two_minutes_earlier_for_late_statuses() -> None:
    assert id_at(AUGUST_MS) == str(AUGUST_MS * 65_536)
    assert before(id_at(AUGUST_MS)) == id_at(AUGUST_MS - 120_000)
    assert before("101") == "101"
    assert before("AbC") == "AbC"
