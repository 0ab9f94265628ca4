"""The whole way of a post, on real Kafka and real Elasticsearch, by the commands that a user types."""

import gzip
import json
from pathlib import Path

from hashtide.clock import wall_clock_ms
from producers.synthetic import campaign
from stream_jobs.domain.campaign import unhashed_id
from stream_jobs.loading import load_campaigns, load_enricher
from stream_jobs.settings import StreamSettings
from tests.integration.pipeline import Pipeline
from tests.integration.truth import truth
from tests.ports import free_ports

FIXTURES = Path(__file__).parent / "fixtures"
START_MS = 1_508_112_000_000  # 2017-10-16T00:00:00Z

NATIVE = b"""\
{"id": "1", "platform": "x", "text": "Me too.", "created_at": "2017-10-15T20:30:05Z", "in_reply_to": "919659438700670976", "lang": "en", "place_country": "US"}
{"id": "2", "platform": "x", "text": "#MoiAussi", "created_at": "2017-10-15T20:30:59Z", "lang": "fr", "place_country": "FR"}
{"id": "3", "platform": "x", "text": "#MeToo #metoo #BelieveWomen", "created_at": "2017-10-15T20:31:00Z", "lang": "en"}
{"id": "3", "platform": "x", "text": "#MeToo #metoo #BelieveWomen", "created_at": "2017-10-15T20:31:00Z", "lang": "en"}
{"id": "4", "platform": "x", "text": "Nothing of the kind", "created_at": "2017-10-16T08:00:00Z", "lang": "en"}
"""  # noqa: E501


def test_posts_of_a_file_are_counted_once_by_every_dimension(pipeline: Pipeline) -> None:
    with pipeline.worker():
        summary = pipeline.json("produce", "file", "-", stdin=NATIVE)
        pipeline.settle()
    assert (summary["read"], summary["sent"], summary["dead"]) == (5, 5, 0)

    assert pipeline.json("counts", "--json") == {"total": 4, "rows": [{"key": None, "start": None, "count": 4}]}
    assert pipeline.json("counts", "--campaign", "metoo", "--json")["total"] == 3
    assert pipeline.json("counts", "--by", "language", "--json")["rows"] == [
        {"key": "en", "start": None, "count": 3},
        {"key": "fr", "start": None, "count": 1},
    ]
    assert pipeline.json("counts", "--by", "region", "--json")["rows"] == [
        {"key": "ZZ", "start": None, "count": 2},
        {"key": "FR", "start": None, "count": 1},
        {"key": "US", "start": None, "count": 1},
    ]
    assert pipeline.json("counts", "--by", "hashtag", "--campaign", "metoo", "--json") == {
        "total": 3,
        "rows": [
            {"key": "believewomen", "start": None, "count": 1},
            {"key": "metoo", "start": None, "count": 1},
            {"key": "moiaussi", "start": None, "count": 1},
        ],
    }
    assert pipeline.json("counts", "--by", "kind", "--interval", "1m", "--to", "2017-10-16", "--json")["rows"] == [
        {"key": "original", "start": "2017-10-15T20:30:00Z", "count": 1},
        {"key": "reply", "start": "2017-10-15T20:30:00Z", "count": 1},
        {"key": "original", "start": "2017-10-15T20:31:00Z", "count": 1},
    ]
    assert pipeline.json("counts", "--interval", "1d", "--from", "2017-10-16T00:00Z", "--json")["rows"] == [
        {"key": None, "start": "2017-10-16T00:00:00Z", "count": 1},
    ]


def test_a_filtered_stream_of_x_is_counted(pipeline: Pipeline) -> None:
    with pipeline.worker():
        summary = pipeline.json("produce", "file", str(FIXTURES / "filtered_stream.jsonl"), "--format", "x-v2")
        pipeline.settle()
    assert (summary["sent"], summary["control"], summary["dead"]) == (3, 1, 0)
    assert pipeline.json("counts", "--by", "platform", "--json") == {
        "total": 3,
        "rows": [{"key": "x", "start": None, "count": 3}],
    }
    (reply,) = [post for post in pipeline.documents("posts-*") if post["kind"] == "reply"]
    assert reply["answers_root"] is True
    assert reply["campaign"] == ["metoo"]
    assert (reply["language"], reply["region"]) == ("it", "IT")


def test_bad_lines_go_to_the_dead_letters_with_reason_and_raw_bytes_and_the_rest_goes_on(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    lines = [
        b"not json",
        b'{"id": "1", "text": "no time"}',
        b'{"text": "no id", "created_at": "2017-10-15T20:30:05Z"}',
        b'{"id": "2", "text": "tomorrow\'s", "created_at": "2150-01-01T00:00:00Z"}',
        b'{"id": "3", "text": "too old", "created_at": "2005-12-31T23:59:59Z"}',
        b'{"id": "4", "created_at": "2017-10-15T20:30:05Z", "text": "' + b"x" * (1 << 20) + b'"}',
        b'{"id": "5", "text": "good", "created_at": "2017-10-15T20:30:05Z"}',
    ]
    path = tmp_path / "lines.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    with pipeline.worker():
        summary = pipeline.json("produce", "file", str(path), "--format", "native")
        again = pipeline.json("produce", "file", str(path), "--format", "native")
        pipeline.settle()
    assert (summary["read"], summary["sent"], summary["dead"]) == (7, 1, 6)
    assert again["dead"] == 6
    assert pipeline.json("counts", "--json")["total"] == 1

    letters = sorted(pipeline.dead_letters().values(), key=lambda letter: letter.position)
    assert [(letter.position, letter.reason) for letter in letters] == [
        ("line 1", "not-json"),
        ("line 2", "no-time"),
        ("line 3", "no-id"),
        ("line 4", "in-the-future"),
        ("line 5", "before-2006"),
        ("line 6", "too-large"),
    ]
    assert {letter.source for letter in letters} == {"file:lines.jsonl.gz"}
    assert [letter.payload for letter in letters[:5]] == lines[:5]
    assert letters[5].payload == lines[5][: 1 << 20]


def test_60_000_posts_with_duplicates_equal_the_truth_key_by_key(pipeline: Pipeline) -> None:
    arguments = ("--posts=60000", "--seed=7", "--start=2017-10-16")
    with pipeline.worker(), pipeline.worker():
        summary = pipeline.json("produce", "campaign", *arguments)
        pipeline.settle()
    plan = campaign.plan(60_000, 7, START_MS)
    assert (plan.duplicates, plan.malformed) == (600, 300)
    assert (summary["read"], summary["sent"], summary["dead"]) == (60_900, 60_600, 300)
    assert len(pipeline.dead_letters()) == 300

    expected = truth(
        campaign.payloads(60_000, 7, START_MS),
        load_enricher(load_campaigns(StreamSettings(), unhashed_id)),
        now_ms=wall_clock_ms(),
        origin="synthetic",
    )
    assert sum(count for key, count in expected.items() if key[0] == "reply-volume") == 60_000
    assert pipeline.sums() == expected
    assert len(pipeline.documents("posts-*")) == 60_000


def test_setup_again_changes_nothing(pipeline: Pipeline) -> None:
    assert pipeline.json("setup", "--json") == {
        "topics_made": [],
        "partitions_added": [],
        "templates_put": [
            "hashtide-canary",
            "hashtide-hashtag-volume",
            "hashtide-ingest-gaps",
            "hashtide-posts",
            "hashtide-reply-volume",
        ],
        "indices_extended": [],
        "retention_differs": [],
    }


def test_metrics_are_served_on_loopback(pipeline: Pipeline) -> None:
    import urllib.request

    (port,) = free_ports(1)
    with pipeline.process("worker", f"--metrics-port={port}"):
        pipeline.json("produce", "file", "-", stdin=NATIVE)
        pipeline.settle()
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    assert "hashtide_duplicate_posts_total 1.0" in text.splitlines()
    assert 'hashtide_counted_posts_total{origin="replay",platform="x"} 4.0' in text


def test_tag_needs_no_server_and_shows_every_field(pipeline: Pipeline) -> None:
    nowhere = {"HASHTIDE_KAFKA": "127.0.0.1:1", "HASHTIDE_ELASTICSEARCH": "http://127.0.0.1:1"}
    pipeline.environment |= nowhere
    lines = pipeline.hashtide("tag", stdin=NATIVE).stdout.splitlines()
    assert len(lines) == 5
    assert json.loads(lines[0]) == {
        "id": "x:1",
        "platform": "x",
        "created_at": "2017-10-15T20:30:05.000Z",
        "kind": "reply",
        "in_reply_to": "x:919659438700670976",
        "answers_root": True,
        "hashtags": [],
        "campaigns": ["metoo"],
        "why": {"metoo": ["root-reply", "phrase"]},
        "language": "en",
        "language_source": "platform",
        "language_confidence": 1.0,
        "language_claimed": None,
        "region": "US",
        "region_source": "place",
        "region_confidence": 0.99,
    }
