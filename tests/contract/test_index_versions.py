"""Templates and indices of older and newer versions in a real Elasticsearch. Expected values are literals."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from elasticsearch import BadRequestError, Elasticsearch

from hashtide.elasticsearch import templates
from hashtide.elasticsearch.templates import IndicesUnready, packaged_templates

DAY = "posts-1999.12.31"
COUNTS = "reply-volume-1999.12.31"
OTHERS = "posts-of-somebody-else"


class Cluster:
    """Elasticsearch with our templates, and with templates and indices of other versions."""

    def __init__(self, url: str, client: Elasticsearch) -> None:
        self.url, self.client = url, client

    def put(self, name: str, template: dict[str, Any]) -> None:
        self.client.indices.put_index_template(name=name, **template)

    def version(self, name: str) -> int:
        (found,) = self.client.indices.get_index_template(name=name).body["index_templates"]
        version: int = found["index_template"]["version"]
        return version

    def made_by(self, name: str, template: dict[str, Any], *made: str) -> None:
        """Create indices under another template."""
        self.put(name, template)
        for index in made:
            self.client.indices.create(index=index)
        self.put(name, packaged_templates()[name])

    def unready(self) -> str:
        with pytest.raises(IndicesUnready) as caught:
            templates.check(self.url)
        return str(caught.value).replace(self.url, "URL")


@pytest.fixture
def cluster(url: str) -> Iterator[Cluster]:
    """Restores our own templates and removes the indices afterwards."""
    with Elasticsearch(url) as client:
        cluster = Cluster(url, client)
        yield cluster
        for name, template in packaged_templates().items():
            cluster.put(name, template)
        client.indices.delete(index=[DAY, COUNTS, OTHERS], ignore_unavailable=True)


def of_posts(*, version: int, without: str = "", schema: int = 2) -> dict[str, Any]:
    """The template of posts as another version might have it."""
    template = deepcopy(packaged_templates()["hashtide-posts"])
    template["version"] += version
    template["template"]["mappings"]["_meta"]["schema"] = schema
    template["template"]["mappings"]["properties"].pop(without, None)
    return template


def test_ready_after_setup_of_this_version(cluster: Cluster) -> None:
    cluster.client.indices.create(index=DAY)
    templates.check(cluster.url)
    assert templates.extend(cluster.url) == []


def test_older_template_is_not_ready_and_setup_replaces_it(cluster: Cluster) -> None:
    cluster.put("hashtide-posts", of_posts(version=-1))
    assert cluster.unready() == (
        "index template hashtide-posts in Elasticsearch at URL is of an older version: run `hashtide setup` first"
    )
    assert "hashtide-posts" in templates.setup(cluster.url)
    templates.check(cluster.url)


def test_missing_templates_are_not_ready_and_setup_creates_them(cluster: Cluster) -> None:
    cluster.client.indices.delete_index_template(name="hashtide-*")
    assert cluster.unready() == (
        "index template hashtide-canary in Elasticsearch at URL is missing: run `hashtide setup` first"
    )
    assert len(templates.setup(cluster.url)) == 5


def test_index_of_older_version_is_not_ready_until_extended(cluster: Cluster) -> None:
    older = of_posts(version=-1, without="why")
    cluster.made_by("hashtide-posts", older, DAY, OTHERS)
    document = {"@timestamp": 946_598_400_000, "why": ["metoo:tag"]}
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        cluster.client.index(index=DAY, document=document)
    assert cluster.unready() == (
        f"index {DAY} in Elasticsearch at URL comes from an older version of Hashtide and would refuse documents "
        "with why: run `hashtide setup` first"
    )
    assert templates.extend(cluster.url) == [DAY]
    assert templates.extend(cluster.url) == []
    templates.check(cluster.url)
    cluster.client.index(index=DAY, document=document)
    mapping = cluster.client.indices.get_mapping(index=[DAY, OTHERS]).body
    assert mapping[DAY]["mappings"]["properties"]["why"] == {"type": "keyword", "index": False}
    assert mapping[DAY]["mappings"]["dynamic"] == "strict"
    assert "why" not in mapping[OTHERS]["mappings"]["properties"]


def test_extends_nested_fields(cluster: Cluster) -> None:
    older = deepcopy(packaged_templates()["hashtide-reply-volume"])
    del older["template"]["mappings"]["properties"]["kafka"]["properties"]["partition"]
    cluster.made_by("hashtide-reply-volume", older, COUNTS)
    assert "would refuse documents with kafka.partition: " in cluster.unready()
    assert templates.extend(cluster.url) == [COUNTS]
    templates.check(cluster.url)


def test_newer_template_of_same_schema_is_ready_and_setup_keeps_it(cluster: Cluster) -> None:
    cluster.put("hashtide-posts", of_posts(version=1))
    templates.check(cluster.url)
    put = templates.setup(cluster.url)
    assert "hashtide-posts" not in put
    assert "hashtide-reply-volume" in put
    assert cluster.version("hashtide-posts") == packaged_templates()["hashtide-posts"]["version"] + 1


def test_a_template_of_a_newer_schema_stops_workers_and_setup(cluster: Cluster) -> None:
    cluster.put("hashtide-posts", of_posts(version=1, schema=3))
    expected = (
        "index template hashtide-posts in Elasticsearch at URL has schema 3, but this version of Hashtide knows "
        "schema 2: upgrade Hashtide (docs/upgrades.md)"
    )
    assert cluster.unready() == expected
    with pytest.raises(IndicesUnready, match="has schema 3"):
        templates.setup(cluster.url)
    assert cluster.version("hashtide-posts") == packaged_templates()["hashtide-posts"]["version"] + 1


def test_an_index_of_a_newer_schema_stops_workers_and_is_not_touched(cluster: Cluster) -> None:
    cluster.made_by("hashtide-posts", of_posts(version=1, schema=3, without="why"), DAY)
    assert cluster.unready().startswith(f"index {DAY} in Elasticsearch at URL has schema 3, but this version of ")
    with pytest.raises(IndicesUnready, match="has schema 3"):
        templates.extend(cluster.url)


def test_an_index_of_an_older_schema_stops_workers_and_setup_and_is_not_touched(cluster: Cluster) -> None:
    cluster.made_by("hashtide-posts", of_posts(version=-1, schema=1, without="why"), DAY, OTHERS)
    assert cluster.unready() == (
        f"index {DAY} in Elasticsearch at URL was made by an older version of Hashtide, with schema 1; this version "
        f"writes schema 2 and cannot go on from it. Delete it (DELETE /{DAY}) or use another Elasticsearch, and send "
        "the posts again (docs/upgrades.md)"
    )
    for refuses in (templates.setup, templates.extend):
        with pytest.raises(IndicesUnready, match="with schema 1; this version writes schema 2"):
            refuses(cluster.url)
    assert "why" not in cluster.client.indices.get_mapping(index=DAY).body[DAY]["mappings"]["properties"]


def test_setup_puts_no_template_while_an_index_of_an_older_schema_is_there(cluster: Cluster) -> None:
    older = of_posts(version=-1, schema=1)
    cluster.put("hashtide-posts", older)
    cluster.client.indices.create(index=DAY)
    with pytest.raises(IndicesUnready, match="with schema 1"):
        templates.setup(cluster.url)
    assert cluster.version("hashtide-posts") == older["version"]
    cluster.client.indices.delete(index=DAY)
    assert "hashtide-posts" in templates.setup(cluster.url)
    templates.check(cluster.url)


def test_an_index_with_fields_of_another_type_is_named(cluster: Cluster) -> None:
    other = of_posts(version=0)
    other["template"]["mappings"]["properties"]["campaign"] = {"type": "text"}
    cluster.made_by("hashtide-posts", other, DAY)
    assert cluster.unready() == (
        f"index {DAY} in Elasticsearch at URL has the wrong type for campaign: it was created without "
        "its template. Reindex it with the template, or delete it (docs/upgrades.md)"
    )
