"""Dead letters on the real stack: looked at, put back into the stream, dropped."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from click.testing import CliRunner, Result

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Post, encode
from hashtide.contract.names import POSTS_ENRICHED
from hashtide.contract.reasons import Reason
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.settings import load
from operations.cli.dlq import dlq
from operations.wanted import wanted
from producers.publisher import Publisher
from producers.settings import ProducerSettings
from stream_jobs import enriched
from stream_jobs.enriched import EnrichedPost, Recount
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


def enriched_post(post_id: str) -> EnrichedPost:
    return EnrichedPost(
        platform="x",
        post_id=post_id,
        created_at_ms=OCTOBER_MS,
        kind="original",
        language="en",
        language_source="detector",
        language_confidence=0.9,
        region=None,
        region_source=None,
        region_confidence=0.0,
    )


def typed(pipeline: Pipeline, *words: str, status: int = 0) -> Result:
    """`hashtide dlq` in this process: a dozen of them would take long to start."""
    result = CliRunner().invoke(dlq, words, env=pipeline.environment, obj=wanted)
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(pipeline: Pipeline, *words: str, status: int = 0) -> Any:
    return json.loads(typed(pipeline, *words, "--json", status=status).stdout)


def test_letters_are_listed_and_shown_and_stay_while_they_are_wrong_and_go_when_they_are_dropped(
    pipeline: Pipeline,
) -> None:
    pipeline.hashtide("produce", "file", "-", stdin=LINES)
    assert [(row["letters"], row["reason"], row["source"]) for row in told(pipeline, "list")["groups"]] == [
        (2, "not-json", "stdin"),
        (1, "no-text", "stdin"),
    ]
    assert "so it" not in typed(pipeline, "list", "--each").stdout
    [no_text] = told(pipeline, "list", "--each", "--reason=no-text", "--source=std")["letters"]
    assert (no_text["reason"], no_text["bytes"]) == ("no-text", 37)
    not_json = told(pipeline, "list", "--each", "--reason=not-json")["letters"]
    [hostile] = [found["id"] for found in not_json if found["bytes"] == 12]

    shown = typed(pipeline, "show", hostile[:6]).stdout
    assert shown.endswith("\n\n\\x1b]0;owned\\x07 \\xff\n")
    assert "\x1b" not in shown
    assert typed(pipeline, "show", "--raw", hostile).stdout_bytes == b"\x1b]0;owned\x07 \xff"
    assert told(pipeline, "show", hostile)["payload"] == "G10wO293bmVkByD/"

    assert told(pipeline, "replay", "--all", status=1) == {
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
    assert told(pipeline, "drop", "--all", "--dry-run") == {"selected": 3, "dropped": 0, "dry_run": True}
    dropped = told(pipeline, "drop", "--reason=not-json", "--yes")
    assert dropped == {"selected": 2, "dropped": 2, "dry_run": False}
    assert told(pipeline, "list", "--each") == {"letters": [no_text], "total": 1}
    gone = pipeline.hashtide("dlq", "show", hostile, status=1)
    assert gone.stderr.decode() == f"hashtide: no dead letter {hostile}: `hashtide dlq list --each` lists their ids\n"


def test_letters_that_can_be_read_now_are_counted_once_however_often_they_go_back(pipeline: Pipeline) -> None:
    life = topics.check(pipeline.settings)[POSTS_ENRICHED].id
    letters = [
        letter(native("1"), "file:a.jsonl", "line 7", "wrong-type"),
        letter(encode(post("2")), "posts.raw", "earlier-life:0:3"),
        letter(enriched.encode(enriched_post("3")), POSTS_ENRICHED, f"{life}:0:7"),  # by its key: partition 3
        letter(enriched.encode(enriched_post("4")), POSTS_ENRICHED, "earlier-life:3:7"),  # by its key: partition 2
        letter(b'{"type": "pst"}', "posts.raw", "earlier-life:0:4"),
    ]
    with pipeline.worker():
        for messages in (2, 4):
            bury(pipeline, letters)
            would_be = told(pipeline, "replay", "--all", "--dry-run", status=1)
            done = json.loads(pipeline.hashtide("dlq", "replay", "--all", "--json", status=1).stdout)
            assert would_be == done | {"dry_run": True}
            assert (done["replayed"], done["sent"], done["stayed"]) == (4, 4, {"undecodable": 1})
            assert told(pipeline, "list")["total"] == 1
            pipeline.settle(messages)
        assert pipeline.json("counts", "--json")["total"] == 4

    places: dict[str, list[int]] = {}
    recounts: Counter[int] = Counter()
    with Offsets(pipeline.settings) as offsets:
        for record in offsets.records(POSTS_ENRICHED):
            message = enriched.decode(record.value)
            if isinstance(message, EnrichedPost):
                places.setdefault(message.post_id, []).append(record.partition)
            elif isinstance(message, Recount):
                recounts[record.partition] += 1
    assert places == {"1": [1, 1], "2": [2, 2], "3": [0, 0], "4": [2, 2]}
    assert recounts == {0: 2, 2: 2}


def test_a_post_whose_count_was_refused_is_counted_once_it_goes_back(pipeline: Pipeline) -> None:
    """Its ledger entry is there already: what counts it is the order that is sent behind it."""
    day = "hashtag-volume-2017.10.16"
    posts = b"".join(native(post_id) + b"\n" for post_id in ("1", "2", "3"))
    with pipeline.worker():
        pipeline.assemble(1)  # with such an index there, no worker starts
        with pipeline.elasticsearch() as client:
            client.indices.create(index="posts-2017.10.16")  # always before the day's counts, else it is made anew
            client.indices.create(index=day, mappings={"properties": {"hashtag": {"type": "long"}}})
        pipeline.hashtide("produce", "file", "-", stdin=posts)
        pipeline.settle()
        assert pipeline.json("counts", "--json")["total"] == 3
        assert pipeline.json("counts", "--by=hashtag", "--json")["total"] == 0
        [refused] = told(pipeline, "list")["groups"]
        assert (refused["letters"], refused["reason"]) == (3, "refused-by-elasticsearch")
        [difference] = json.loads(pipeline.hashtide("verify", "--json", status=1).stdout)["differences"][:1]
        assert (difference["family"], difference["counted"], difference["by"]["hashtag"]) == (
            "hashtag-volume",
            0,
            "metoo",
        )

        with pipeline.elasticsearch() as client:
            client.indices.delete(index=day)  # the shipped template makes it anew
        replayed = told(pipeline, "replay", "--all")
        assert (replayed["replayed"], replayed["stayed"]) == (3, {})
        pipeline.settle()
        assert pipeline.json("counts", "--by=hashtag", "--json")["rows"] == [
            {"key": "metoo", "start": None, "count": 3}
        ]
        assert pipeline.json("counts", "--json")["total"] == 3
        assert pipeline.json("verify", "--json")["differences"] == []
