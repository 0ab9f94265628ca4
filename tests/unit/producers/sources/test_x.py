import json
from collections.abc import Iterator

import pytest

from hashtide.contract.messages import Control, Gap
from hashtide.contract.reasons import InvalidPost
from producers import formats
from producers.sources import http
from producers.sources.link import Link
from producers.sources.lost import Refused
from producers.sources.received import Received
from producers.sources.reconnect import reconnecting
from producers.sources.x import PATH, XStream, notice
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock
from tests.unit.producers.sources.loopback import Act, Web, answering, streaming, web


def tweet(number: int) -> bytes:
    data = {"id": f"18000000000000000{number:02}", "text": "#OpenTheHarbour", "created_at": "2026-08-01T12:00:00.000Z"}
    return json.dumps({"data": data, "matching_rules": [{"id": "1", "tag": "hashtide:harbour:1"}]}).encode() + b"\r\n"


DISCONNECT = (
    b'{"errors":[{"title":"operational-disconnect","disconnect_type":"UpstreamOperationalDisconnect",'
    b'"detail":"This stream has been disconnected upstream for operational reasons.",'
    b'"type":"https://api.x.example/2/problems/operational-disconnect"}]}\r\n'
)


class Run:
    """All items until the script ends and the server refuses."""

    def __init__(
        self, *acts: Act, clock: Clock | None = None, backfill_minutes: int = 0, heard_ms: int | None = None
    ) -> None:
        self.clock = clock or Clock()
        with web({PATH: acts}) as server:
            self.server: Web = server
            link = Link("x", self.clock, heard_ms)
            with http.client(server.url, "the-token", stall_s=0.3) as client:
                stream = XStream(client, link, backfill_minutes=backfill_minutes, clock_ms=self.clock)
                with pytest.raises(Refused, match="404"):
                    self.items = []
                    for item in reconnecting(stream.connect, link, clock_ms=self.clock, sleep=self.clock.sleep):
                        self.items.append(item)

    @property
    def ids(self) -> Iterator[int]:
        for item in self.items:
            if isinstance(item, Received) and item.payload.startswith(b'{"data"') and item.payload.endswith(b"}"):
                yield int(json.loads(item.payload)["data"]["id"][-2:])

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in self.items if isinstance(item, Gap)]


def test_returns_every_line_once_including_keep_alives() -> None:
    run = Run(streaming(tweet(1) + b"\r\n" + tweet(2)[:50], tweet(2)[50:] + b"\r\n"))
    received = [item for item in run.items if isinstance(item, Received)]
    assert [item.payload for item in received] == [tweet(1).strip(), b"", tweet(2).strip(), b""]
    assert [formats.parse(item.payload, "x-v2") for item in received][1] == [Control("keep-alive")]


def test_requests_all_fields_that_the_format_reads_and_sends_token() -> None:
    run = Run(streaming(tweet(1)), backfill_minutes=3)
    query = run.server.queries[PATH][0]
    assert set(query["tweet.fields"].split(",")) >= {
        "created_at",
        "referenced_tweets",
        "entities",
        "note_tweet",
        "lang",
    }
    assert query["expansions"] == "author_id,geo.place_id,referenced_tweets.id"
    assert query["backfill_minutes"] == "3"
    assert run.server.tokens == {"Bearer the-token"}


def test_omits_backfill_parameter_if_zero() -> None:
    assert "backfill_minutes" not in Run(streaming(tweet(1))).server.queries[PATH][0]


@pytest.mark.parametrize("end", ["close", "cut", "silence"])
def test_reconnects_at_once_after_working_connection(end: str) -> None:
    run = Run(streaming(tweet(1), end=end), streaming(tweet(2)))
    assert list(run.ids) == [1, 2]
    assert run.clock.slept == []


def test_drops_truncated_line() -> None:
    run = Run(streaming(tweet(1), tweet(2)[:40], end="cut"), streaming(tweet(1), tweet(2)))
    assert list(run.ids) == [1, 1, 2]
    assert all(
        not isinstance(outcome, InvalidPost)
        for item in run.items
        if isinstance(item, Received)
        for outcome in formats.parse(item.payload, "x-v2")
    )


def test_truncated_line_is_a_gap_even_after_quick_reconnect() -> None:
    clock = Clock()

    def later(exchange: object) -> None:
        clock.now_ms += 100
        streaming(tweet(3))(exchange)  # type: ignore[arg-type]

    assert Run(streaming(tweet(1), tweet(2)[:40], end="cut"), later, clock=clock).gaps == [
        Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 100, reason="disconnected")
    ]


def test_wait_depends_on_kind_of_failure() -> None:
    reset = str(AUGUST_MS // 1000 + 5 + 10 + 77)
    run = Run(
        answering(503),
        answering(500, b"<html>oops</html>"),
        answering(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": reset}),
        answering(429),
        answering(420),
        streaming(tweet(1)),
    )
    assert run.clock.slept == [5, 10, 77, 120, 240]
    assert list(run.ids) == [1]


def test_unreachable_server_waits_as_for_network_errors() -> None:
    clock = Clock()
    link = Link("x", clock)
    with web({}) as server:
        url = server.url

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 4:
            raise Refused("enough")

    with http.client(url, None, stall_s=0.3) as client, pytest.raises(Refused, match="enough"):
        stream = XStream(client, link, backfill_minutes=0, clock_ms=clock)
        next(reconnecting(stream.connect, link, clock_ms=clock, sleep=sleep))
    assert clock.slept == [0.25, 0.5, 0.75, 1.0]


def test_silence_is_a_gap_with_reason_stalled() -> None:
    clock = Clock()

    def after_a_while(exchange: object) -> None:
        clock.now_ms += 20_300
        streaming(tweet(2))(exchange)  # type: ignore[arg-type]

    run = Run(streaming(tweet(1), end="silence"), after_a_while, clock=clock)
    assert list(run.ids) == [1, 2]
    assert run.gaps == [Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 20_300, reason="stalled")]


def test_time_until_reconnect_is_a_gap() -> None:
    run = Run(streaming(tweet(1)), answering(503), answering(503), streaming(tweet(2)))
    assert run.gaps == [Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 15_000, reason="disconnected")]


def test_time_covered_by_backfill_is_not_a_gap() -> None:
    run = Run(streaming(tweet(1)), answering(503), streaming(tweet(1), tweet(2)), backfill_minutes=1)
    assert run.gaps == []


def test_time_between_runs_is_a_gap() -> None:
    run = Run(streaming(tweet(1)), heard_ms=AUGUST_MS - 3_600_000)
    assert run.gaps == [Gap(source="x", from_ms=AUGUST_MS - 3_600_000, to_ms=AUGUST_MS, reason="disconnected")]


def test_disconnect_notice_is_control_and_a_gap() -> None:
    clock = Clock()

    def later(exchange: object) -> None:
        clock.now_ms += 50
        streaming(tweet(2))(exchange)  # type: ignore[arg-type]

    run = Run(streaming(tweet(1), DISCONNECT, end="silence"), later, clock=clock)
    received = [item for item in run.items if isinstance(item, Received)]
    assert [formats.parse(item.payload, "x-v2") for item in received][1] == [Control("disconnect")]
    assert list(run.ids) == [1, 2]
    assert run.gaps == [Gap(source="x", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 50, reason="disconnected")]
    assert run.clock.slept == []


def test_backs_off_if_server_disconnects_at_once() -> None:
    assert Run(streaming(DISCONNECT), streaming(DISCONNECT), streaming(tweet(1))).clock.slept == [5, 10]


def test_passes_invalid_lines_to_the_format() -> None:
    run = Run(streaming(b"\xff\xfe<html>\n", b'{"data": {"id": "1"\n', tweet(1)))
    outcomes = [formats.parse(item.payload, "x-v2")[0] for item in run.items if isinstance(item, Received)]
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, InvalidPost)] == ["not-json", "not-json"]
    assert list(run.ids) == [1]


def test_position_is_time_of_last_message() -> None:
    [item] = Run(streaming(tweet(1))).items
    assert isinstance(item, Received)
    assert item.mark == ("x", "heard_ms", AUGUST_MS)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_token_ends_the_run(status: int) -> None:
    clock = Clock()
    link = Link("x", clock)
    with (
        web({PATH: [answering(status, {"title": "Unauthorized"})]}) as server,
        http.client(server.url, "the-token", stall_s=0.3) as client,
        pytest.raises(Refused, match=f"HTTP {status}.*Unauthorized") as refusal,
    ):
        stream = XStream(client, link, backfill_minutes=0, clock_ms=clock)
        next(reconnecting(stream.connect, link, clock_ms=clock, sleep=clock.sleep))
    assert "the-token" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (DISCONNECT, "notice"),
        (b'{"errors":[{"title":"operational-disconnect","detail":"Client is too slow: full buffer"}]}', "too-slow"),
        (b'{"title":"ConnectionException","connection_issue":"TooManyConnections"}', "rate-limited"),
        (b'{"errors":[{"title":"Not Found Error","detail":"Could not find tweet"}]}', None),
        (b'{"errors":[{"title":"operational-disconnect"}],"data":{"id":"1"}}', None),
        (tweet(1), None),
        (b"", None),
        (b'{"errors": 1}', None),
        (b'{"errors"', None),
        (b"[" * 100_000, None),
    ],
)
def test_detects_disconnect_notices(line: bytes, cause: str | None) -> None:
    lost = notice(line)
    assert (lost.cause if lost else None) == cause
