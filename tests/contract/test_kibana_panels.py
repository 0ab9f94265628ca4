"""Every panel's question, asked of real Elasticsearch that holds what the count agent wrote.

A panel that is added is in `test_every_panel_answers` by itself; what it must answer belongs into EXPECTED.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch as Client

from hashtide.contract.messages import EmptyEntry, Gap, PostDelete
from hashtide.elasticsearch import session
from operations import kibana
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.events import EnrichedBatch, Event
from stream_jobs.enriched import Enriched
from stream_jobs.store.elasticsearch import Elasticsearch
from tests import lens
from tests.fakes.kafka import Graveyard
from tests.fakes.labels import LABELS
from tests.lens import Annotation, Layer, annotations, kql, layers
from tests.unit.operations.test_kibana import TITLES, running
from tests.unit.stream_jobs.agents.counting import KEY, ms, post

OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in kibana.saved_objects().splitlines()]
LAYERS = {layer.panel: layer for layer in layers(OBJECTS)}
ANNOTATIONS = list(annotations(OBJECTS))

DAY = "2017-11-20"
NOW_MS = ms(f"{DAY}T22:05:00Z")
RANGE = {
    "range": {
        "@timestamp": {"gte": f"{DAY}T00:00:00Z", "lte": f"{DAY}T23:59:59Z", "format": "strict_date_optional_time"}
    }
}
TOPIC = "kIbAnAkIbAnAkIbAnAkIbA"

ME = ("metoo",)
P0: list[Enriched] = [
    post("1", f"{DAY}T20:00:30Z", answers_root=True, region="US", campaigns=ME, hashtags=ME, author="a1"),
    post("2", f"{DAY}T20:00:31Z", kind="original", region="GB", campaigns=ME, author="a2",
         hashtags=("believewomen", "metoo")),
    post("3", f"{DAY}T20:00:40Z", kind="repost", language="fr", region="FR", region_source="profile", campaigns=ME,
         hashtags=ME, author="a1"),
    post("4", f"{DAY}T21:30:00Z", kind="original", language="it", region="IT", campaigns=("harbour", "metoo"),
         hashtags=("quellavoltache",), platform="mastodon", author="a3"),
    # in a batch of its own, when the watermark has closed its minute: corrects the count of the first one
    post("5", f"{DAY}T20:00:50Z", answers_root=True, region="US", campaigns=ME, hashtags=ME, author="a4"),
    PostDelete(platform="x", post_id="2", deleted_at_ms=ms(f"{DAY}T22:00:00Z")),
    post("3", f"{DAY}T20:00:40Z", kind="repost", language="fr", region="FR", campaigns=ME, author="a1",
         edited_at_ms=ms(f"{DAY}T22:01:00Z")),
    Gap(source="mastodon:social.example", from_ms=ms(f"{DAY}T20:10:00Z"), to_ms=ms(f"{DAY}T20:20:00Z"),
        reason="disconnected"),
    Gap(source="x", from_ms=ms(f"{DAY}T20:30:00Z"), to_ms=ms(f"{DAY}T20:31:00Z"), reason="limited", estimated_posts=40),
]  # fmt: skip
P1: list[Enriched] = [
    post("6", f"{DAY}T21:30:10Z", language="und", language_source="none", platform="bluesky", origin="backfill"),
    post("7", f"{DAY}T21:31:00Z", kind="quote", language="es", region="ES", campaigns=ME, author="a2"),
]


@pytest.fixture(scope="module")
def filled(url: str) -> Iterator[Client]:
    """Elasticsearch with seven posts and two gaps of a day that no other test has."""

    async def no_order(partition: int, orders: Sequence[EmptyEntry]) -> None:
        raise AssertionError("every deletion is in the partition of its post")

    async def count() -> None:
        async with Elasticsearch(url, bulk_bytes=1 << 20) as store:
            agent = CountAgent(
                store,
                Graveyard(),
                no_order,
                CountOptions(topic_id=TOPIC, key=KEY, cached_counts=1000, grace_ms=900_000),
                labels=LABELS,
                clock_ms=lambda: NOW_MS,
            )
            for partition, first, messages in ((0, 0, P0[:4]), (0, 4, P0[4:]), (1, 0, P1)):
                events = [Event(offset, message) for offset, message in enumerate(messages, first)]
                await agent.handle(EnrichedBatch(partition, 1, events, ()))

    asyncio.run(count())
    with session.session(url) as client:
        client.indices.refresh(index="*")
        yield client
        client.indices.delete(index=[*client.indices.get(index="*-2017.11.20").body, "ingest-gaps"])


def ask(client: Client, layer: Layer, interval: str = "1h", *chosen: dict[str, Any]) -> list[tuple[Any, ...]]:
    query = [RANGE, *(() if layer.ignores_controls else chosen)]
    return lens.ask(client, layer, query, interval)


EIGHT, NINE = f"{DAY}T20:00:00.000Z", f"{DAY}T21:00:00.000Z"
NEWEST = f"{DAY}T21:31:00.000Z"
GAPS = [
    ("mastodon:social.example", "disconnected", 1, 0.0, f"{DAY}T20:20:00.000Z"),
    ("x", "limited", 1, 40.0, f"{DAY}T20:31:00.000Z"),
]

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "posts": [(7.0,)],
    "settled": [(4 / 7,)],
    "newest": [(NEWEST,)],
    "answers-root": [(2 / 7,)],
    "reposts": [(1 / 7,)],
    "authors": [(4,)],
    "volume-by-kind": [
        ("original", EIGHT, 1.0), ("original", NINE, 1.0), ("quote", NINE, 1.0), ("reply", EIGHT, 2.0),
        ("reply", NINE, 1.0), ("repost", EIGHT, 1.0),
    ],
    "volume-by-language": [
        ("en", EIGHT, 3.0), ("es", NINE, 1.0), ("fr", EIGHT, 1.0), ("it", NINE, 1.0), ("und", NINE, 1.0),
    ],
    "volume-by-region": [
        ("ES", NINE, 1.0), ("FR", EIGHT, 1.0), ("GB", EIGHT, 1.0), ("IT", NINE, 1.0), ("US", EIGHT, 2.0),
        ("ZZ", NINE, 1.0),
    ],
    "region-map": [("ES", 1.0), ("FR", 1.0), ("GB", 1.0), ("IT", 1.0), ("US", 2.0), ("ZZ", 1.0)],
    "top-hashtags": [("believewomen", 1.0), ("metoo", 4.0), ("quellavoltache", 1.0)],
    "by-campaign": [("harbour", "mastodon", 1.0), ("metoo", "mastodon", 1.0), ("metoo", "x", 5.0)],
    "answers-root-over-time": [(EIGHT, 0.5), (NINE, 0.0)],
    "originals-reposts": [(EIGHT, 1.0, 1.0), (NINE, 1.0, 0.0)],
    "authors-over-time": [(EIGHT, 2), (NINE, 2)],
    "status-over-time": [("corrected", EIGHT, 2.0), ("final", EIGHT, 2.0), ("provisional", NINE, 3.0)],
    "gaps": GAPS,
    "health-newest": [(NEWEST,)],
    "health-counted": [(7.0,)],
    "health-ledger": [(7,)],
    "health-provisional": [(3.0,)],
    "health-corrected": [(2 / 7,)],
    "health-gaps": [(2,)],
    "volume-by-partition": [(0, EIGHT, 4.0), (0, NINE, 1.0), (1, NINE, 2.0)],
    "partitions": [
        (0, 5.0, 1.0, f"{DAY}T21:30:00.000Z", 4, 1.0), (1, 2.0, 2.0, NEWEST, 2, 0.0),
    ],
    "status-backlog": [("corrected", EIGHT, 2.0), ("final", EIGHT, 2.0), ("provisional", NINE, 3.0)],
    "volume-by-origin": [("backfill", NINE, 1.0), ("live", EIGHT, 4.0), ("live", NINE, 2.0)],
    "gaps-over-time": [("disconnected", EIGHT, 1), ("limited", EIGHT, 1)],
    "gaps-by-source": GAPS,
    "edits-deletions": [(EIGHT, 1, 1), (NINE, 0, 0)],
    "known": [(EIGHT, 1.0, 1.0), (NINE, 2 / 3, 2 / 3)],
    "language-sources": [("none", 1), ("platform", 5)],
    "region-sources": [("profile", 1)],
}  # fmt: skip


@pytest.mark.parametrize("panel", LAYERS)
def test_every_panel_answers(filled: Client, panel: str) -> None:
    found = ask(filled, LAYERS[panel])
    assert all(value is not None for row in found for value in row), found
    assert any(value for row in found for value in row[len(LAYERS[panel].buckets) :]), found


def test_no_two_questions_go_by_one_name() -> None:
    assert len(LAYERS) == len(list(layers(OBJECTS)))


@pytest.mark.parametrize("panel", EXPECTED)
def test_panels_answer_what_was_posted(filled: Client, panel: str) -> None:
    assert sorted(ask(filled, LAYERS[panel])) == EXPECTED[panel]


def test_what_is_not_among_the_top_values_is_shown_as_other(filled: Client) -> None:
    few = LAYERS["volume-by-language"]
    columns = {id_: msgspec.json.decode(msgspec.json.encode(column)) for id_, column in few.columns.items()}
    columns[few.buckets[0]]["params"]["size"] = 1
    found = ask(filled, few._replace(columns=columns))
    assert sorted(found) == [("Other", EIGHT, 1.0), ("Other", NINE, 3.0), ("en", EIGHT, 3.0)]


@pytest.mark.parametrize(
    ("control", "value", "posts", "authors"), [("campaign", "harbour", 1.0, 1), ("platform", "x", 5.0, 3)]
)
def test_the_controls_narrow_every_panel_but_the_gaps(
    filled: Client, control: str, value: str, posts: float, authors: int
) -> None:
    chosen = {"match_phrase": {control: value}}
    assert ask(filled, LAYERS["posts"], "1h", chosen) == [(posts,)]
    assert ask(filled, LAYERS["authors"], "1h", chosen) == [(authors,)]
    assert sum(row[-1] for row in ask(filled, LAYERS["top-hashtags"], "1h", chosen)) == {"harbour": 1, "x": 5}[value]
    assert sorted(ask(filled, LAYERS["gaps"], "1h", chosen)) == GAPS


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda each: f"{each.panel}-{each.time_field}")
def test_gaps_are_marked_where_they_begin_and_end(filled: Client, annotation: Annotation) -> None:
    """As Kibana asks, but for top_hits in place of top_metrics, which the server in the tests does not have."""
    moment = annotation.time_field
    times = {moment: {"gte": f"{DAY}T00:00:00Z", "lte": f"{DAY}T23:59:59Z"}}
    marks = {"top_hits": {"size": 10, "sort": [{moment: "asc"}], "_source": [moment, *annotation.fields]}}
    histogram = {
        "date_histogram": {"field": moment, "fixed_interval": "1m", "min_doc_count": 1},
        "aggs": {"marks": marks},
    }
    answer = filled.search(
        index="ingest-gaps",
        size=0,
        query={"range": times},
        aggs={"of": {"filter": kql(annotation.filter), "aggs": {"time": histogram}}},
    )
    found = [
        (
            bucket["key_as_string"],
            hit["_source"]["source"],
            hit["_source"]["event"]["reason"],
            hit["_source"]["estimated_posts"],
        )
        for bucket in answer["aggregations"]["of"]["time"]["buckets"]
        for hit in bucket["marks"]["hits"]["hits"]
    ]
    at = {"event.start": ("20:10", "20:30"), "event.end": ("20:20", "20:31")}[moment]
    assert found == [
        (f"{DAY}T{at[0]}:00.000Z", "mastodon:social.example", "disconnected", None),
        (f"{DAY}T{at[1]}:00.000Z", "x", "limited", 40),
    ]


def test_setup_imports_the_dashboards(environment: dict[str, str]) -> None:
    with running() as server:
        command = [sys.executable, "-m", "operations.cli", "setup", "--json", "--kibana", server.url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["imported_into_kibana"] == TITLES
    assert len(server.objects) == 6
