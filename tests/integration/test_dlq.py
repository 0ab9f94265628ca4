"""Dead letters on real servers: list, show, replay and drop them."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from click.testing import CliRunner, Result
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Post, Recount, decode, encode
from hashtide.contract.names import POSTS_RAW
from hashtide.contract.reasons import InvalidPost, Reason
from hashtide.kafka import topics
from hashtide.kafka.clients import connect
from hashtide.kafka.offsets import Offsets
from hashtide.settings import load
from operations.cli.dlq import dlq
from operations.dlq.index import LetterEntry
from operations.dlq.records import WholeLetter, opened_raw
from operations.wanted import wanted
from producers.publisher import Publisher
from producers.settings import ProducerSettings
from tests.integration.pipeline import Pipeline

OCTOBER_MS = 1_508_112_042_000  # 2017-10-16T00:00:42Z
LINES = (
    b'{"id": "1", "text": "so it is", "created_at": 1508112000}\n'
    b'{"id": "2", "text": "so it\n'
    b'{"id": "3", "created_at": 1508112000}\n'
    b"\x1b]0;owned\x07 \xff\n"
)


def bury(pipeline: Pipeline, letters: Iterable[DeadLetter]) -> None:
    with Publisher(load(ProducerSettings, pipeline.environment)) as publisher:
        for letter in letters:
            publisher.bury(letter)


def letter(payload: bytes, source: str, position: str, reason: Reason = "undecodable") -> DeadLetter:
    return DeadLetter(
        reason=reason, detail="by hand", source=source, position=position, payload=payload, at_ms=OCTOBER_MS
    )


def native(post_id: str) -> bytes:
    return json.dumps({"id": post_id, "text": "#MeToo", "created_at": OCTOBER_MS, "platform": "x"}).encode()


def post(post_id: str) -> Post:
    return Post(platform="x", post_id=post_id, created_at_ms=OCTOBER_MS, text="#MeToo")


def append(pipeline: Pipeline, value: bytes, partition: int) -> str:
    """Append a record to posts.raw; its position, as a worker's letter states it."""
    producer: Any = connect(KafkaProducer, pipeline.settings)
    with closing(producer):
        record = producer.send(POSTS_RAW, key=b"x:by hand", value=value, partition=partition).get(timeout=60)
    return f"{topics.check(pipeline.settings)[POSTS_RAW].id}:{partition}:{record.offset}"


def delete_records(pipeline: Pipeline, partition: int) -> None:
    """Delete all records of a partition of posts.raw, as retention does."""
    admin: Any = connect(KafkaAdminClient, pipeline.settings)
    with closing(admin), Offsets(pipeline.settings) as offsets:
        at = TopicPartition(POSTS_RAW, partition)
        admin.delete_records({at: offsets.ends(POSTS_RAW)[at]})


def typed(pipeline: Pipeline, *words: str, status: int = 0) -> Result:
    """`hashtide dlq` in this process: starting a dozen processes takes long."""
    result = CliRunner().invoke(dlq, words, env=pipeline.environment, obj=wanted)
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def reported(pipeline: Pipeline, *words: str, status: int = 0) -> Any:
    return json.loads(typed(pipeline, *words, "--json", status=status).stdout)


def test_letters_are_listed_and_shown_and_stay_as_long_as_they_are_wrong_until_they_are_dropped(
    pipeline: Pipeline,
) -> None:
    pipeline.hashtide("produce", "file", "-", stdin=LINES)
    assert [(row["letters"], row["reason"], row["source"]) for row in reported(pipeline, "list")["groups"]] == [
        (2, "not-json", "stdin"),
        (1, "no-text", "stdin"),
    ]
    assert "so it" not in typed(pipeline, "list", "--each").stdout
    [no_text] = reported(pipeline, "list", "--each", "--reason=no-text", "--source=std")["letters"]
    assert (no_text["reason"], no_text["bytes"]) == ("no-text", 37)
    not_json = reported(pipeline, "list", "--each", "--reason=not-json")["letters"]
    [hostile] = [found["id"] for found in not_json if found["bytes"] == 12]

    shown = typed(pipeline, "show", hostile[:6]).stdout
    assert shown.endswith("\n\n\\x1b]0;owned\\x07 \\xff\n")
    assert "\x1b" not in shown
    assert typed(pipeline, "show", "--raw", hostile).stdout_bytes == b"\x1b]0;owned\x07 \xff"
    assert reported(pipeline, "show", hostile)["payload"] == "G10wO293bmVkByD/"

    assert reported(pipeline, "replay", "--all", status=1) == {
        "selected": 3,
        "replayed": 0,
        "sent": 0,
        "stayed": {"not-json": 2, "no-text": 1},
        "dry_run": False,
        "ended": "finished",
    }

    for command in ("replay", "drop"):
        assert "a filter or --all" in typed(pipeline, command, status=2).output
    assert "Drop 1 dead letters for good? [y/N]" in typed(pipeline, "drop", hostile, status=1).output
    assert reported(pipeline, "drop", "--all", "--dry-run") == {"selected": 3, "dropped": 0, "dry_run": True}
    dropped = reported(pipeline, "drop", "--reason=not-json", "--yes")
    assert dropped == {"selected": 2, "dropped": 2, "dry_run": False}
    assert reported(pipeline, "list", "--each") == {"letters": [no_text], "total": 1}
    gone = pipeline.hashtide("dlq", "show", hostile, status=1)
    assert gone.stderr.decode() == f"hashtide: no dead letter {hostile}: `hashtide dlq list --each` lists their ids\n"


def test_letters_that_are_valid_now_are_counted_once_however_often_they_are_replayed(pipeline: Pipeline) -> None:
    with pipeline.worker():
        there = append(pipeline, encode(post("2")), partition=0)  # its key belongs to partition 2
        append(pipeline, b'{"type": "pst"}', partition=3)  # the worker makes a letter of it
        pipeline.settle(2)
        letters = [
            letter(native("1"), "file:a.jsonl", "line 7", "wrong-type"),
            letter(b"", POSTS_RAW, there),
            letter(b"", POSTS_RAW, there.removesuffix(":0") + ":99"),  # no such offset
            letter(b"", POSTS_RAW, "earlier-topic:0:0"),
        ]
        for messages in (5, 8):  # in each round two posts and an order to recount
            bury(pipeline, letters)
            would_be = reported(pipeline, "replay", "--all", "--dry-run", status=1)
            done = json.loads(pipeline.hashtide("dlq", "replay", "--all", "--json", status=1).stdout)
            assert would_be == done | {"dry_run": True}
            assert (done["selected"], done["replayed"], done["sent"]) == (5, 2, 2)
            assert done["stayed"] == {"undecodable": 1, "without-bytes": 2}
            assert reported(pipeline, "list")["total"] == 3
            pipeline.settle(messages)
        assert pipeline.json("counts", "--json")["total"] == 2

    places: dict[str, list[int]] = {}
    recounts: Counter[tuple[int, int]] = Counter()
    with Offsets(pipeline.settings) as offsets:
        for record in offsets.records(POSTS_RAW):
            try:
                message = decode(record.value)
            except InvalidPost:
                continue
            if isinstance(message, Post):
                places.setdefault(message.post_id, []).append(record.partition)
            elif isinstance(message, Recount):
                recounts[record.partition, message.window_ms] += 1
    assert places == {"1": [1, 1], "2": [0, 0, 0]}
    assert recounts == {(0, 1_508_112_000_000): 2}


def test_a_worker_s_letter_has_bytes_as_long_as_posts_raw_has_its_record(pipeline: Pipeline) -> None:
    with pipeline.worker():
        append(pipeline, b'{"type": "\xff"}', partition=3)
        pipeline.settle(1)
    [listed] = reported(pipeline, "list", "--each")["letters"]
    assert (listed["reason"], listed["source"]) == ("undecodable", "posts.raw")
    shown = typed(pipeline, "show", listed["id"]).stdout
    assert "bytes     13\n" in shown
    assert " at the latest: then posts.raw deletes its record\n" in shown
    assert shown.endswith('\n\n{"type": "\\xff"}\n')
    assert typed(pipeline, "show", "--raw", listed["id"]).stdout_bytes == b'{"type": "\xff"}'
    as_json = reported(pipeline, "show", listed["id"])
    assert as_json["payload"] == "eyJ0eXBlIjogIv8ifQ=="
    assert "kept_until" in as_json

    delete_records(pipeline, partition=3)
    gone = "posts.raw no longer has its record (HASHTIDE_RETENTION_RAW_DAYS): send its source again"
    assert typed(pipeline, "show", listed["id"]).stdout.endswith(f"\n{gone}\n")
    failed = pipeline.hashtide("dlq", "show", "--raw", listed["id"], status=1)
    assert failed.stderr.decode() == f"hashtide: dead letter {listed['id']} has no bytes: {gone}\n"
    replayed = typed(pipeline, "replay", "--all", status=1).stdout
    assert replayed.startswith("0 of 1 letters replayed, as 0 messages\n")
    assert gone in replayed
    assert reported(pipeline, "list")["total"] == 1


def test_records_are_read_by_position_from_the_same_incarnation_of_posts_raw_only(pipeline: Pipeline) -> None:
    def found(*positions: str) -> list[bytes | None]:
        """The bytes at positions of posts.raw."""
        letters = [letter(b"", POSTS_RAW, position) for position in positions]
        entry = LetterEntry(
            key=b"", partition=0, offset=0, reason="undecodable", source=POSTS_RAW, at_ms=OCTOBER_MS, size=0
        )
        with opened_raw(pipeline.settings, topics.check(pipeline.settings)[POSTS_RAW].id) as records:
            wholes: list[WholeLetter] = list(records.whole((entry, each) for each in letters))
        assert [whole.letter for whole in wholes] == letters
        assert all((whole.appended_ms is None) == (whole.value is None) for whole in wholes)
        return [whole.value for whole in wholes]

    values = [b"%d" % number for number in range(5)]
    first, *others = [append(pipeline, value, partition=1) for value in values]
    other_partition = append(pipeline, b"other", partition=2)
    assert found(others[-1], other_partition, *others[:-1], first) == [b"4", b"other", b"1", b"2", b"3", b"0"]

    delete_records(pipeline, partition=1)
    newest = append(pipeline, b"5", partition=1)
    assert found(first, *others, newest, other_partition) == [None] * 5 + [b"5", b"other"]

    pipeline.remove_topics()
    topics.setup(pipeline.settings)
    again = append(pipeline, b"another topic", partition=1)
    assert found(first, other_partition, again) == [None, None, b"another topic"]


def test_a_post_whose_count_was_refused_is_counted_after_a_replay(pipeline: Pipeline) -> None:
    """Its ledger entry exists already: what counts it is the order to recount, which follows it."""
    day = "hashtag-volume-2017.10.16"
    posts = b"".join(native(post_id) + b"\n" for post_id in ("1", "2", "3"))
    with pipeline.worker():
        pipeline.assemble(1)  # a worker does not start with the index below
        with pipeline.elasticsearch() as client:
            client.indices.create(index="posts-2017.10.16")  # without it, the worker creates the day's indices again
            client.indices.create(index=day, mappings={"properties": {"hashtag": {"type": "long"}}})
        pipeline.hashtide("produce", "file", "-", stdin=posts)
        pipeline.settle()
        assert pipeline.json("counts", "--json")["total"] == 3
        assert pipeline.json("counts", "--by=hashtag", "--json")["total"] == 0
        [refused] = reported(pipeline, "list")["groups"]
        assert (refused["letters"], refused["reason"]) == (3, "refused-by-elasticsearch")
        [difference] = json.loads(pipeline.hashtide("verify", "--json", status=1).stdout)["differences"][:1]
        assert (difference["family"], difference["counted"], difference["by"]["hashtag"]) == (
            "hashtag-volume",
            0,
            "metoo",
        )

        with pipeline.elasticsearch() as client:
            client.indices.delete(index=day)  # it is created again with the right types
        replayed = reported(pipeline, "replay", "--all")
        assert (replayed["replayed"], replayed["stayed"]) == (3, {})
        pipeline.settle()
        assert pipeline.json("counts", "--by=hashtag", "--json")["rows"] == [
            {"key": "metoo", "start": None, "count": 3}
        ]
        assert pipeline.json("counts", "--json")["total"] == 3
        assert pipeline.json("verify", "--json")["differences"] == []
