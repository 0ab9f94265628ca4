"""Personal data: marked, sent through the whole pipeline in every format, and searched for wherever data is stored.

Also posts that are deleted, by a platform or on a person's request, and must not come back.
"""

import json
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from elasticsearch.helpers import scan
from kafka import KafkaProducer

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.names import POSTS_ENRICHED, POSTS_RAW
from hashtide.identity import hash_author, load_keys
from hashtide.kafka.clients import connect
from hashtide.kafka.offsets import Offsets
from operations.cli.main import cli
from tests.integration.pipeline import Pipeline, Scraped
from tests.ports import free_ports
from tests.unit.producers.formats import fixtures
from tests.unit.producers.formats.fixtures import Json

HANDLE, NAME, PLACE, TEXT = "zqhandle", "zqname", "zqplace", "zqtext"
AUTHORS: Final = ("770192837465000001", "770192837465000002", "did:plc:zqauthor", "users/zqhandle")
"""Author ids of the payloads below, all invented. The Fediverse's ids are addresses that contain a handle."""

PEOPLE: Final = (HANDLE, NAME, *AUTHORS)
FAR: Final = (*PEOPLE, PLACE, TEXT)
"""What must not be stored after enrichment."""


def marked(payload: Json, **more: Any) -> Json:
    """A payload of the fixtures, with its people, places and texts replaced by marks."""
    said = json.dumps(payload | more)
    for usual, mark in (
        ("ines_invented", f"{HANDLE}_ines"),
        ("Ines Invented", f"{NAME} Ines"),
        ("Otto Other", f"{NAME} Otto"),
        ('"first"', f'"{HANDLE}_first"'),
        ("Porto, Portugal", f"{PLACE}, Portugal"),
        ("77001000000000001", AUTHORS[0]),
        ("77001000000000000", AUTHORS[0]),
        ('"77001"', f'"{AUTHORS[0]}"'),
        ('"77002"', f'"{AUTHORS[1]}"'),
        ('"77003"', f'"{AUTHORS[1]}"'),
        ("did:plc:ines0000000000000000000", f"{AUTHORS[2]}00000000000000"),
        ("users/ines", f"{AUTHORS[3]}_ines"),
        ("users/otto", f"{AUTHORS[3]}_otto"),
        ("@ines", f"@{HANDLE}_ines"),
        ('"ines"', f'"{HANDLE}_ines"'),
        ("Me too", f"Me too {TEXT}"),
        ("At nineteen", f"At {TEXT}"),
        ("Também eu", f"Também {TEXT}"),
        ("Tamb\\u00e9m eu", f"Tamb\\u00e9m {TEXT}"),
    ):
        said = said.replace(usual, mark)
    found: Json = json.loads(said)
    return found


def other_reply(payload: Json) -> Json:
    """A Bluesky post that replies to another person's post and quotes it."""
    theirs = {"uri": f"at://{AUTHORS[2]}11111111111111/app.bsky.feed.post/3mptbyoeyc22a", "cid": "bafy"}
    record = payload["commit"]["record"] | {
        "reply": {"root": theirs, "parent": theirs},
        "embed": {"$type": "app.bsky.embed.record", "record": theirs},
    }
    return payload | {"commit": payload["commit"] | {"record": record, "rkey": "3mptbyoeyc22l"}}


X_V2 = marked(fixtures.X_V2)
JETSTREAM = marked(fixtures.JETSTREAM)
MASTODON = marked(fixtures.MASTODON, in_reply_to_id="117020581259486600")
POSTS: Final[list[Json]] = [
    marked(fixtures.NATIVE, id="919660000000000009", username=f"{HANDLE}_native", name=f"{NAME} Native"),
    marked(fixtures.X_V1, text=f"RT {TEXT} #MeToo"),
    marked(fixtures.X_V1_EXTENDED, id=919660000000000002, id_str="919660000000000002"),
    X_V2,
    marked(fixtures.X_V2_RETWEET),
    MASTODON,
    marked(fixtures.MASTODON_REBLOG),
    JETSTREAM,
    other_reply(JETSTREAM),
    marked(fixtures.JETSTREAM_V2),
]
EDITS: Final[list[Json]] = [
    MASTODON | {"edited_at": "2026-08-01T14:52:45.123Z"},
    JETSTREAM | {"commit": JETSTREAM["commit"] | {"operation": "update"}},
]
DELETES: Final[list[Json]] = [JETSTREAM | {"commit": JETSTREAM["commit"] | {"operation": "delete", "record": None}}]
DEAD: Final[list[Json]] = [
    marked(fixtures.NATIVE, created_at=NAME),
    marked(fixtures.X_V1, created_at=NAME, timestamp_ms=NAME),
    {"data": X_V2["data"] | {"created_at": NAME}, "includes": X_V2["includes"]},
    MASTODON | {"created_at": NAME},
    MASTODON | {"visibility": "private"},
    JETSTREAM | {"commit": JETSTREAM["commit"] | {"operation": HANDLE}},
]


def test_names_places_and_texts_are_stored_nowhere_after_enrichment(pipeline: Pipeline) -> None:
    pipeline.environment |= {"HASHTIDE_LOG_LEVEL": "debug", "HASHTIDE_DEAD_LETTER_PAYLOADS": "false"}
    pipeline.environment["HASHTIDE_PUBLISH_ENRICHED"] = "true"
    assert pipeline.json("setup", "--json")["topics_made"] == ["posts.enriched"]
    worker_port, producer_port = free_ports(2)
    file = pipeline.folder / "posts.jsonl"
    file.write_bytes(b"".join(fixtures.line(each) + b"\n" for each in POSTS + EDITS + DELETES + DEAD))
    with (
        pipeline.process("worker", f"--metrics-port={worker_port}") as worker,
        pipeline.process("produce", "file", str(file), "--follow", f"--metrics-port={producer_port}") as producer,
    ):
        pipeline.until(lambda: pipeline.length(POSTS_RAW) == 13)
        stranger(pipeline, f'{{"type":"{NAME}","text":"{TEXT} {HANDLE} {PLACE} {" ".join(AUTHORS)}"}}'.encode())
        pipeline.until(lambda: pipeline.length("posts.dead") == len(DEAD) + 1)
        pipeline.settle(14)
        metrics = Scraped(worker_port).text() + Scraped(producer_port).text()
        for process in (producer, worker):
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0, pipeline.log()
    assert pipeline.json("counts", "--json")["total"] == 9  # one Bluesky post comes twice, in both formats

    raw = [record for record in records(pipeline, POSTS_RAW) if record.key != b"stranger"]
    assert len(raw) == 13
    assert found_in(spelt(raw), PEOPLE) == set()
    assert found_in(spelt(raw), (TEXT, PLACE)) == {TEXT, PLACE}  # by design; it also shows that the search works

    published = records(pipeline, POSTS_ENRICHED)
    assert Counter(json.loads(record.value)["type"] for record in published) == {"post": 9, "edit": 2, "delete": 1}
    assert found_in(spelt(published), FAR) == set()

    letters = pipeline.dead_letters()
    kept = {letter.reason: letter.payload for letter in letters.values() if letter.kept}
    assert kept == {"private": b"", "undecodable": b""}  # nothing was kept; the worker's record is in posts.raw
    assert found_in((spelt_letter(key, letter) for key, letter in letters.items()), FAR) == set()

    assert found_in(everything_in_elasticsearch(pipeline), FAR) == set()
    assert b'hashtide_counted_posts_total{origin="live",platform="bluesky"} 2.0' in metrics
    assert b'hashtide_payloads_total{outcome="dead",source="file"} 6.0' in metrics
    assert found_in([metrics], FAR) == set()
    assert " DEBUG " in pipeline.log()
    assert found_in([pipeline.log().encode()], FAR) == set()
    state = Path(pipeline.environment["HASHTIDE_STATE_DIR"])
    assert found_in((path.read_bytes() for path in state.rglob("*") if path.is_file()), FAR) == set()

    shown = pipeline.hashtide("dlq", "show", listed(pipeline, "no-time")[0]).stdout.decode()
    assert "digest    " in shown
    assert "its bytes were not kept (HASHTIDE_DEAD_LETTER_PAYLOADS=false)" in shown
    stayed = json.loads(pipeline.hashtide("dlq", "replay", "--all", "--json", status=1).stdout)["stayed"]
    assert stayed == {"without-bytes": 5, "undecodable": 1, "private": 1}


def stranger(pipeline: Pipeline, value: bytes) -> None:
    """Send a message of another program to posts.raw."""
    producer: Any = connect(KafkaProducer, pipeline.settings)
    producer.send(POSTS_RAW, key=b"stranger", value=value).get(timeout=30)
    producer.close()


def records(pipeline: Pipeline, topic: str) -> list[Any]:
    with Offsets(pipeline.settings) as offsets:
        return list(offsets.records(topic))


def spelt(records: Iterable[Any]) -> Iterator[bytes]:
    """Everything that a record contains."""
    for record in records:
        yield repr((record.key, record.value, record.headers)).encode()


def spelt_letter(key: bytes, letter: DeadLetter) -> bytes:
    return repr((key, letter)).encode() + letter.payload


def everything_in_elasticsearch(pipeline: Pipeline) -> Iterator[bytes]:
    with pipeline.elasticsearch() as client:
        client.indices.refresh(index="*")
        for hit in scan(client, index="*", size=5000):
            yield json.dumps(hit).encode()
        yield json.dumps(client.indices.get(index="*", expand_wildcards="all").body).encode()
        yield json.dumps(client.cluster.state().body).encode()


def found_in(places: Iterable[bytes], marks: Iterable[str]) -> set[str]:
    everything = b"\n".join(places).lower()
    return {mark for mark in marks if mark.lower().encode() in everything}


def listed(pipeline: Pipeline, reason: str) -> list[str]:
    return [
        letter["id"] for letter in pipeline.json("dlq", "list", "--each", f"--reason={reason}", "--json")["letters"]
    ]


def native(post_id: str, author: str = "77001") -> Json:
    created_at = f"2017-10-15T20:41:0{post_id[-1]}Z"
    return {"id": post_id, "text": f"{TEXT} #MeToo", "created_at": created_at, "platform": "x", "author_id": author}


def lines(*payloads: Json) -> bytes:
    return b"".join(fixtures.line(payload) + b"\n" for payload in payloads)


def test_deleted_and_forgotten_posts_do_not_come_back(pipeline: Pipeline) -> None:
    pipeline.environment["HASHTIDE_STORE_TEXT"] = "true"
    first = lines(native("1"), native("2"), native("3", "77002"), JETSTREAM)
    deletion = lines(*DELETES)
    with pipeline.worker():
        pipeline.json("produce", "file", "-", stdin=first)
        pipeline.settle(4)
        assert sorted(entry["text"][:6] for entry in pipeline.documents("posts-*")) == ["Também", *[TEXT] * 3]
        pipeline.json("produce", "file", "-", stdin=deletion)
        pipeline.settle(5)
        assert left(pipeline) == {AUTHOR_1: 2, AUTHOR_2: 1, None: 1}

        assert "1 old keys kept" in typed(pipeline, "key", "rotate")
        pipeline.json("produce", "file", "-", stdin=lines(native("4"), native("1")))  # the second is a duplicate
        pipeline.settle(7)
        keys = load_keys(pipeline.settings)
        new, old = (hash_author(key, "x", "77001") for key in (keys.author, *keys.old))
        assert (of_author(pipeline, new), of_author(pipeline, old)) == (1, 2)
        assert reported(pipeline, "counts")["total"] == 5

        looked = reported(pipeline, "forget", "--author=-", "--dry-run", stdin=b"x:77001\n")
        assert (looked["found"], looked["emptied"], looked["authors"]) == (3, 0, [new, old])
        done = reported(pipeline, "forget", "--author=-", stdin=b"X:77001\n")
        assert (done["found"], done["emptied"], done["on_their_way"], done["authors"]) == (3, 3, 0, [])
        assert set(done["kept_until"]) == {"posts.raw", "posts.dead"}
        one = reported(pipeline, "forget", "--post=x:3")
        assert (one["found"], one["emptied"], one["empty_already"]) == (1, 1, 0)
        again = reported(pipeline, "forget", "--author=x:77001", "--post=x:3")
        assert (again["found"], again["emptied"], again["empty_already"]) == (1, 0, 1)
        address = JETSTREAM["did"] + "/app.bsky.feed.post/" + JETSTREAM["commit"]["rkey"]
        assert reported(pipeline, "forget", f"--post=bluesky:at://{address}")["empty_already"] == 1
        gone(pipeline)

        pipeline.json("produce", "file", "-", stdin=first + lines(native("4")))  # the same file again
        pipeline.settle(16)  # 4 of them are orders to empty an entry
        gone(pipeline)
    pipeline.environment["HASHTIDE_GROUP"] += "-again"  # reads all of posts.raw again
    with pipeline.worker():
        pipeline.settle(16)
        gone(pipeline)
        assert reported(pipeline, "verify")["differences"] == []
    lagging = pipeline.json("produce", "file", "-", stdin=lines(native("5")))
    assert lagging["sent"] == 1
    looked = reported(pipeline, "forget", "--author=x:77001", "--dry-run")
    assert (looked["found"], looked["on_their_way"]) == (0, 1)


def typed(pipeline: Pipeline, *words: str, stdin: bytes = b"") -> str:
    """A command in this process: starting so many processes takes long."""
    result = CliRunner().invoke(cli, words, input=stdin, env=pipeline.environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def reported(pipeline: Pipeline, *words: str, stdin: bytes = b"") -> Any:
    return json.loads(typed(pipeline, *words, "--json", stdin=stdin))


AUTHOR_1, AUTHOR_2 = "author 1", "author 2"


def left(pipeline: Pipeline) -> dict[str | None, int]:
    """Number of ledger documents by author; None: empty ones."""
    keys = load_keys(pipeline.settings)
    called = {hash_author(keys.author, "x", "77001"): AUTHOR_1, hash_author(keys.author, "x", "77002"): AUTHOR_2}
    counts: dict[str | None, int] = {}
    for entry in pipeline.documents("posts-*"):
        author = called[entry["author"]] if "author" in entry else None
        counts[author] = counts.get(author, 0) + 1
    return counts


def of_author(pipeline: Pipeline, hashed: str) -> int:
    return sum(entry.get("author") == hashed for entry in pipeline.documents("posts-*"))


def gone(pipeline: Pipeline) -> None:
    """The ids of all five posts are still known, and nothing else about them."""
    entries = pipeline.documents("posts-*")
    assert [entry.keys() for entry in entries] == [{"@timestamp", "ledger", "deleted_at"}] * 5
    assert reported(pipeline, "counts")["total"] == 5
