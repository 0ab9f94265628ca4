"""Every live source against a platform on loopback that breaks off, repeats and refuses, on the real stack."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hashtide.clock import wall_clock_ms
from hashtide.elasticsearch.client import connection
from hashtide.elasticsearch.session import ElasticsearchFailed
from operations.counts import counts
from tests.integration.pipeline import Pipeline
from tests.unit.producers.sources.loopback import Act, Exchange, XRules, answering, sending, sockets, streaming, web

X_STREAM, X_RULES = "/2/tweets/search/stream", "/2/tweets/search/stream/rules"
DISCONNECT = b'{"errors":[{"title":"operational-disconnect","disconnect_type":"UpstreamOperationalDisconnect"}]}\r\n'

POSTED = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
POSTED_AT = POSTED.isoformat().replace("+00:00", ".000Z")


class Producer:
    """A `hashtide produce` that runs until it is stopped."""

    def __init__(self, pipeline: Pipeline, name: str, *words: str) -> None:
        self._log = pipeline.folder / f"produce-{name}.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "operations.cli", "produce", *words],
                env=pipeline.environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def end(self) -> dict[str, Any]:
        """End it by SIGTERM; it must go well, and soon. Its account."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, self._log.read_text()
        account: dict[str, Any] = json.loads(out)
        fates = ("posts", "edits", "deletes", "control", "filtered", "dead")
        assert account["read"] == sum(account[fate] for fate in fates)
        assert account["ended"] == "interrupted"
        return account

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def producing(pipeline: Pipeline, name: str, *words: str) -> Iterator[Producer]:
    producer = Producer(pipeline, name, *words)
    try:
        yield producer
    finally:
        producer.kill()


def counted(pipeline: Pipeline) -> dict[str, int]:
    """What Elasticsearch says, by platform: what `hashtide counts` shows, without a process for each look."""
    try:
        rows = counts(connection(pipeline.settings), by="platform").rows
    except ElasticsearchFailed:  # a shard of a new day's index is starting: the counts are not complete yet
        return {}
    return {row.key or "": row.count for row in rows}


def tweet(number: int) -> bytes:
    data = {"id": f"18000000000000000{number:03}", "text": "#MeToo", "created_at": POSTED_AT, "lang": "en"}
    return json.dumps({"data": data}).encode() + b"\r\n"


def tweets(first: int, last: int) -> bytes:
    return b"".join(map(tweet, range(first, last + 1)))


def status(number: int, text: str = "#MeToo", first_id: int = 1000) -> dict[str, Any]:
    return {
        "id": str(first_id + number),
        "uri": f"https://a.example/users/ines/statuses/{number}",
        "created_at": POSTED_AT,
        "content": f"<p>{text}</p>",
        "visibility": "public",
        "account": {"uri": "https://a.example/users/ines"},
        "tags": [{"name": "metoo"}] if "#" in text else [],
    }


def updates(*statuses: dict[str, Any]) -> bytes:
    return b"".join(b"event: update\ndata: " + json.dumps(each).encode() + b"\n\n" for each in statuses)


def live(*pieces: bytes, end: str = "silence") -> Act:
    return streaming(b":)\n", *pieces, content_type="text/event-stream", end=end)


def bluesky(number: int, text: str = "#MeToo") -> dict[str, Any]:
    record = {"text": text, "createdAt": POSTED_AT, "langs": ["en"]}
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": f"3k{number:03}", "record": record}
    time_us = int(POSTED.timestamp() * 1_000_000) + number
    return {"did": "did:plc:ines", "time_us": time_us, "kind": "commit", "commit": commit}


def lines(first: int, last: int) -> bytes:
    return b"".join(
        json.dumps({"id": str(number), "text": "#MeToo", "created_at": POSTED_AT}).encode() + b"\n"
        for number in range(first, last + 1)
    )


def limited(exchange: Exchange) -> None:
    answering(429, b"", {"x-rate-limit-reset": str(wall_clock_ms() // 1000 + 2)})(exchange)


def test_what_is_sent_at_least_once_is_counted_exactly_once(pipeline: Pipeline, tmp_path: Path) -> None:
    x = [
        streaming(tweets(1, 20), tweet(21)[:60], end="cut"),
        limited,
        streaming(tweets(15, 40) + b"\r\n<html>\r\n", DISCONNECT, end="silence"),
        streaming(tweets(40, 60), end="silence"),
    ]
    one = {
        "/api/v1/streaming/hashtag": [
            live(updates(*map(status, range(1, 11))), updates(status(11))[:40], end="cut"),
            live(updates(*map(status, range(16, 21)))),
        ],
        "/api/v1/timelines/tag/MeToo": [answering(200, [status(n) for n in range(15, 8, -1)]), answering(200, [])],
        "/api/v1/streaming/public": [answering(401, {"error": "This method requires an authenticated user"})],
    }
    other = {
        "/api/v1/streaming/hashtag": [live(updates(*(status(n, first_id=5000) for n in range(5, 26))))],
        "/api/v1/streaming/public": [
            live(updates(status(90, "Good morning"), status(3, first_id=5000)) + b"event: delete\ndata: 77\n\n")
        ],
    }
    jetstream = (
        sending(*map(bluesky, range(1, 31)), b"no JSON", bluesky(31, "Good morning"), end="cut"),
        sending(*map(bluesky, range(20, 31)), *map(bluesky, range(40, 50)), end="silence"),
    )
    path = tmp_path / "posts.jsonl"
    path.write_bytes(lines(1, 10) + lines(11, 11)[:9])

    with (
        web({X_RULES: [XRules()] * 9, X_STREAM: x}) as x_server,
        web(one) as a,
        web(other) as b,
        sockets(*jetstream) as host,
        pipeline.worker(),
    ):
        pipeline.environment |= {"HASHTIDE_X_API": x_server.url, "HASHTIDE_X_BEARER_TOKEN": "the-token"}
        instances = (f"--instance={a.url}", f"--instance={b.url}", "--tag=MeToo")
        with (
            producing(pipeline, "x", "x") as from_x,
            producing(pipeline, "mastodon", "mastodon", *instances) as from_mastodon,
            producing(pipeline, "jetstream", "jetstream", f"--host={host.url}") as from_jetstream,
            producing(pipeline, "file", "file", "--follow", str(path)) as from_file,
        ):
            pipeline.until(lambda: counted(pipeline).get("native") == 10)
            with path.open("ab") as file:
                file.write(lines(11, 11)[9:] + lines(5, 12))
            path.rename(path.with_name("posts.jsonl.1"))
            path.write_bytes(lines(12, 15))
            expected = {"x": 60, "mastodon": 25, "bluesky": 40, "native": 15}
            pipeline.until(lambda: counted(pipeline) == expected)
            accounts = {
                "x": from_x.end(),
                "mastodon": from_mastodon.end(),
                "jetstream": from_jetstream.end(),
                "file": from_file.end(),
            }
            pipeline.settle()
            gaps = pipeline.documents("ingest-gaps")

    assert counted(pipeline) == expected
    assert [(name, account["dead"]) for name, account in accounts.items()] == [
        ("x", 1),
        ("mastodon", 0),
        ("jetstream", 1),
        ("file", 0),
    ]
    assert (accounts["x"]["posts"], accounts["x"]["control"]) == (20 + 26 + 21, 2)
    assert (accounts["mastodon"]["filtered"], accounts["mastodon"]["control"]) == (1, 1)
    assert (accounts["jetstream"]["posts"], accounts["jetstream"]["filtered"]) == (30 + 11 + 10, 1)
    assert {(gap["source"], gap["event"]["reason"]) for gap in gaps} == {("x", "disconnected")}
    assert len({letter.payload for letter in pipeline.dead_letters().values()}) == 2
    assert "the-token" not in pipeline.log() + (tmp_path / "produce-x.log").read_text()


def test_a_killed_source_goes_on_where_kafka_had_all_of_it(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(lines(1, 300))
    positions = Path(pipeline.environment["HASHTIDE_STATE_DIR"]) / "positions"
    first = [bluesky(number) for number in range(1, 301)]
    again = [bluesky(number) for number in range(200, 401)]

    def saved(name: str, reached: Callable[[dict[str, Any]], bool]) -> bool:
        return any(reached(json.loads(file.read_bytes())) for file in positions.glob(f"{name}*.json"))

    with sockets(sending(*first, end="silence"), sending(*again, end="silence")) as host, pipeline.worker():
        jetstream, follow = ("jetstream", f"--host={host.url}"), ("file", "--follow", str(path))
        with producing(pipeline, "jetstream", *jetstream) as one, producing(pipeline, "file", *follow) as other:
            pipeline.until(lambda: saved("jetstream", lambda at: at["cursor_us"] == first[-1]["time_us"]))
            pipeline.until(lambda: saved("file-", lambda at: at["place"]["offset"] == path.stat().st_size))
            one.kill()
            other.kill()
        with path.open("ab") as file:
            file.write(lines(301, 350))
        with producing(pipeline, "jetstream", *jetstream) as one, producing(pipeline, "file", *follow) as other:
            pipeline.until(lambda: counted(pipeline) == {"bluesky": 400, "native": 350})
            account = other.end()
            one.end()
        pipeline.settle()
    assert counted(pipeline) == {"bluesky": 400, "native": 350}
    assert account["posts"] == 50
    assert host.queries[1]["cursor"] == str(first[-1]["time_us"] - 5_000_000)
