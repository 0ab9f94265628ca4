"""What is found in Elasticsearch, and what it means: literal facts in, findings out."""

from collections.abc import Sequence
from typing import Any

import pytest

from operations.doctor import elasticsearch, elasticsearch_rules
from operations.doctor.facts import Disk, DiskWatermark, Health, IndexFacts, Privileges, Shard, Template
from operations.doctor.findings import Finding

GB = 1 << 30


def reported(findings: Sequence[Finding] | Finding) -> list[tuple[str, str]]:
    found = [findings] if isinstance(findings, Finding) else findings
    assert all(each.do for each in found if each.state in ("wrong", "warning")), "says what to do"
    return [(each.state, each.says) for each in found]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (["9.5.3"], ("ok", "server 9.5.3, client 9.5.1")),
        (["9.4.0", "9.5.3"], ("warning", "nodes have 2 versions: server 9.4.0, 9.5.3, client 9.5.1")),
        (["8.19.1"], ("wrong", "server 8.19.1, client 9.5.1: incompatible")),
    ],
)
def test_versions(server: list[str], said: tuple[str, str]) -> None:
    assert reported(elasticsearch_rules.version(server, "9.5.1")) == [said]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Health("green", 3), ("ok", "green, 3 nodes")),
        (
            Health("yellow", 1, 2, {"posts-2017.10.15": "yellow"}, Shard("posts-2017.10.15", False, "one node")),
            (
                "warning",
                "yellow: 2 shard copies unassigned: a disk failure may lose data: posts-2017.10.15: one node",
            ),
        ),
        (
            Health("red", 1, 1, {f"posts-2017.10.{day}": "red" for day in range(10, 15)}),
            (
                "wrong",
                "red: no primary shard for posts-2017.10.10, posts-2017.10.11, posts-2017.10.12 and 2 more",
            ),
        ),
        (Health("red", 1, 1, {}), ("warning", "red, but no index of ours is")),
    ],
)
def test_health(found: Health, said: tuple[str, str]) -> None:
    assert reported(elasticsearch_rules.health(found)) == [said]


OURS = [Template("hashtide-posts", ("posts-*",), 500, 2), Template("hashtide-ingest-gaps", ("ingest-gaps",), 500, 1)]


def test_templates_that_are_ours() -> None:
    low = Template("everything", ("*",), 0)
    other = Template("logs", ("logs-*",), 900, 1)
    assert reported(elasticsearch_rules.templates([*OURS, low, other], OURS)) == [("ok", "2, of this version")]


def test_templates_that_are_missing_are_one_line() -> None:
    assert reported(elasticsearch_rules.templates([], OURS)) == [
        ("wrong", "missing: hashtide-posts, hashtide-ingest-gaps; workers do not start")
    ]


def posts_template(version: int, schema: int) -> list[Template]:
    return [Template("hashtide-posts", ("posts-*",), 500, version, schema), OURS[1]]


@pytest.mark.parametrize("version", [0, 1])
def test_an_older_template_is_put_anew_by_setup(version: int) -> None:
    (found,) = elasticsearch_rules.templates(posts_template(version, schema=1), OURS)
    assert found == Finding(
        "index templates",
        "wrong",
        f"hashtide-posts has version {version}, ours is 2: workers do not start",
        "hashtide setup",
    )


def test_a_newer_template_of_the_same_schema_is_well() -> None:
    assert reported(elasticsearch_rules.templates(posts_template(version=3, schema=1), OURS)) == [
        ("ok", "2; newer, but compatible with this version: hashtide-posts")
    ]


def test_a_template_of_a_newer_schema_needs_a_newer_hashtide() -> None:
    (found,) = elasticsearch_rules.templates(posts_template(version=3, schema=2), OURS)
    assert found == Finding(
        "index templates",
        "wrong",
        "hashtide-posts has schema 2, ours is 1: workers of this version do not start",
        "upgrade this Hashtide (docs/upgrades.md)",
    )


@pytest.mark.parametrize("pattern", ["posts-*", "post*", "*", "posts-2017.*"])
def test_a_template_that_comes_before_ours(pattern: str) -> None:
    found = [*OURS, Template("theirs", (pattern,), 501, 1)]
    assert ("wrong", "theirs (priority 501) takes precedence over hashtide-posts (500)") in reported(
        elasticsearch_rules.templates(found, OURS)
    )


def test_indices_that_take_documents() -> None:
    found = [IndexFacts("posts-2017.10.15"), IndexFacts("ingest-gaps")]
    assert reported(elasticsearch_rules.indices(found)) == [("ok", "2, all accept documents")]


def test_indices_that_take_none() -> None:
    found = [
        IndexFacts("posts-2017.10.15", ("read_only_allow_delete",)),
        IndexFacts("posts-2017.10.16", ("read_only_allow_delete", "write")),
    ]
    assert reported(elasticsearch_rules.indices(found)) == [
        (
            "wrong",
            "block read_only_allow_delete on posts-2017.10.15, posts-2017.10.16: Elasticsearch set it because a disk "
            "was too full, and removes it when there is space",
        ),
        ("wrong", "block write on posts-2017.10.16: somebody set it"),
    ]


def test_indices_that_an_older_version_made_are_extended_by_setup() -> None:
    found = [IndexFacts("posts-2017.10.15", missing=("why",)), IndexFacts("posts-2017.10.16", missing=("from", "why"))]
    assert elasticsearch_rules.indices(found) == [
        Finding(
            "indices",
            "wrong",
            "no from, why in posts-2017.10.15, posts-2017.10.16; workers of this version do not start",
            "hashtide setup",
        )
    ]


def test_indices_of_a_newer_schema_and_of_no_template() -> None:
    found = [IndexFacts("posts-2017.10.15", newer_schema=2), IndexFacts("ingest-gaps", clashing=("at", "reason"))]
    assert reported(elasticsearch_rules.indices(found)) == [
        ("wrong", "schema newer than this version: posts-2017.10.15; workers of this version do not start"),
        ("wrong", "ingest-gaps: at, reason with a type other than we write; workers do not start"),
    ]


def mapped(posts: dict[str, Any], schema: int) -> dict[str, Any]:
    return {"mappings": {"_meta": {"schema": schema}, "properties": posts}}


def test_how_an_index_stands_to_our_template_is_read_out_of_its_mappings() -> None:
    ours = {"template": mapped({"id": {"type": "keyword"}, "at": {"type": "date"}}, 1)}
    theirs = {"id": {"type": "text"}}, {"id": {"type": "keyword"}, "at": {"type": "date"}, "new": {"type": "long"}}
    assert elasticsearch.index("posts-2017.10.15", mapped(theirs[0], 1), ours) == IndexFacts(
        "posts-2017.10.15", clashing=("id",), missing=("at",)
    )
    assert elasticsearch.index("posts-2017.10.15", mapped(theirs[1], 1), ours) == IndexFacts("posts-2017.10.15")
    assert elasticsearch.index("posts-2017.10.15", mapped(theirs[1], 2), ours) == IndexFacts(
        "posts-2017.10.15", newer_schema=2
    )
    blocked = {"settings": {"index": {"blocks": {"write": "true", "read": "false"}}}} | mapped(theirs[1], 1)
    assert elasticsearch.index("posts-2017.10.15", blocked, ours) == IndexFacts("posts-2017.10.15", ("write",))


MARKS = [
    DiskWatermark("low", "85%", "200GB"),
    DiskWatermark("high", "90%", "150GB"),
    DiskWatermark("flood_stage", "95%", "100GB"),
]


@pytest.mark.parametrize(
    ("free_gb", "total_gb", "said"),
    [
        (50, 100, ("ok", "at least 50.0 GiB free, below all watermarks")),
        (
            15,
            100,
            ("warning", "node a: 15.0 GiB free of 100.0 GiB (15%), past the low watermark: it gets no new shards"),
        ),
        (
            10,
            100,
            ("warning", "node a: 10.0 GiB free of 100.0 GiB (10%), past the high watermark: shards move away from it"),
        ),
        (
            5,
            100,
            ("wrong", "node a: 5.0 GiB free of 100.0 GiB (5%), past the flood stage: its indices are read-only"),
        ),
        # Of a disk of 10 TiB, 85 % would leave 1.5 TiB unused: the headroom is enough.
        (201, 10_240, ("ok", "at least 201.0 GiB free, below all watermarks")),
        (
            99,
            10_240,
            ("wrong", "node a: 99.0 GiB free of 10,240.0 GiB (1%), past the flood stage: its indices are read-only"),
        ),
    ],
)
def test_disks(free_gb: int, total_gb: int, said: tuple[str, str]) -> None:
    assert reported(elasticsearch_rules.disks([Disk("a", total_gb * GB, free_gb * GB)], MARKS)) == [said]


def test_unknown_disk_usage() -> None:
    assert reported(elasticsearch_rules.disks([], MARKS)) == [
        ("not checked", "Elasticsearch does not report its disks")
    ]


@pytest.mark.parametrize(
    ("mark", "free_bytes"),
    [
        (DiskWatermark("low", "85%"), 150),
        (DiskWatermark("low", "0.85"), 150),
        (DiskWatermark("low", "85%", "100b"), 100),
        (DiskWatermark("low", "85%", "-1"), 150),
        (DiskWatermark("low", "10kb"), 10_240),
        (DiskWatermark("low", "1.5GB"), 1_610_612_736),
    ],
)
def test_how_much_a_watermark_wants_free_of_a_thousand_bytes(mark: DiskWatermark, free_bytes: int) -> None:
    assert elasticsearch_rules.must_be_free(mark, 1000) == free_bytes


def test_watermarks_are_read_out_of_flat_settings() -> None:
    prefix = "cluster.routing.allocation.disk.watermark."
    flat = {
        f"{prefix}low": "85%",
        f"{prefix}low.max_headroom": "200GB",
        f"{prefix}high": "10gb",
        f"{prefix}high.max_headroom": "-1",
        "cluster.name": "x",
    }
    assert elasticsearch.watermarks(flat) == [DiskWatermark("low", "85%", "200GB"), DiskWatermark("high", "10gb", None)]


def test_security_that_is_off() -> None:
    assert reported(elasticsearch_rules.privileges(Privileges(), encrypted=False, local=True)) == [
        ("ok", "security is off: anyone who can reach Elasticsearch has full access. It runs on this machine")
    ]
    assert reported(elasticsearch_rules.privileges(Privileges(), encrypted=True, local=False)) == [
        ("warning", "security is off: anyone who can reach Elasticsearch has full access")
    ]


WORKER = Privileges("mina", {"setup": ("create_index",), "worker": (), "watch": ()})


def test_a_login_is_named_by_what_it_is_good_for() -> None:
    assert reported(elasticsearch_rules.privileges(WORKER, encrypted=True, local=False)) == [
        ("ok", "mina: enough for worker, watch; setup lacks create_index")
    ]


def test_a_login_that_anybody_can_overhear() -> None:
    assert reported(elasticsearch_rules.privileges(WORKER, encrypted=False, local=False)) == [
        ("warning", "mina: credentials cross the network unencrypted")
    ]


def test_a_login_that_is_good_for_nothing() -> None:
    found = Privileges("mina", {"worker": ("monitor", "write"), "watch": ("read",)})
    assert reported(elasticsearch_rules.privileges(found, encrypted=True, local=False)) == [
        ("wrong", "mina: worker lacks monitor, write; watch lacks read")
    ]


def test_what_is_denied_is_read_out_of_the_answer() -> None:
    """The shape is that of Elasticsearch's reference, "Has privileges"."""
    answer = {
        "username": "mina",
        "has_all_requested": False,
        "cluster": {"monitor": True, "manage_index_templates": False},
        "index": {
            "posts-*": {"read": True, "write": False},
            "reply-volume-*": {"read": True, "write": False},
        },
        "application": {},
    }
    assert elasticsearch.lacking(answer) == ("manage_index_templates", "write")
