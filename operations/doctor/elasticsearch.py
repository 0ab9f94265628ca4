"""Facts about Elasticsearch. Only reads. Each call blocks up to ANSWER_S and raises the client's errors."""

from collections.abc import Mapping
from contextlib import closing
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from elasticsearch import ApiError, Elasticsearch

from deploy.docker.accounts import PATTERNS, ROLES
from hashtide.clock import skew_ms, wall_clock_ms
from hashtide.elasticsearch import mappings
from hashtide.elasticsearch.client import Connection, connect
from hashtide.elasticsearch.templates import packaged_templates
from operations.doctor.facts import Disk, DiskWatermark, Health, IndexFacts, Privileges, Shard, Skew, Template

ANSWER_S: Final = 4.0
WATERMARKS: Final = ("low", "high", "flood_stage")
NO_SECURITY: Final = (400, 404, 405)
"""Statuses if the security module is off or missing: no handler for that path."""


def wanted_templates() -> list[Template]:
    """The templates that `hashtide setup` installs."""
    return [_template(name, template) for name, template in packaged_templates().items()]


class ElasticsearchProbe:
    """A context manager. Call `health` first."""

    def __init__(self, at: Connection) -> None:
        self._at = at

    def __enter__(self) -> Self:
        self._client: Elasticsearch = connect(self._at, ANSWER_S)
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self._client):
            pass

    def health(self) -> Health:
        """The cluster's health, and why it is not green."""
        whole = self._client.cluster.health(timeout="2s").body
        if whole["status"] == "green":
            return Health("green", whole["number_of_nodes"])
        level = self._client.cluster.health(level="indices", timeout="2s", filter_path="indices.*.status")
        ours = {name: index["status"] for name, index in level.body.get("indices", {}).items() if _is_ours(name)}
        return Health(
            whole["status"],
            whole["number_of_nodes"],
            whole["unassigned_shards"],
            {name: status for name, status in ours.items() if status != "green"},
            self._unassigned(),
        )

    def _unassigned(self) -> Shard | None:
        try:
            found = self._client.cluster.allocation_explain().body
        except ApiError:  # no unassigned shard any more, or no permission
            return None
        decisions = [
            decider["explanation"]
            for node in found.get("node_allocation_decisions", ())
            for decider in node.get("deciders", ())
            if decider.get("decision") == "NO"
        ]
        why = decisions[0] if decisions else found.get("allocate_explanation") or found["unassigned_info"]["reason"]
        return Shard(found["index"], bool(found["primary"]), str(why))

    def versions(self) -> list[str]:
        """The nodes' distinct versions."""
        nodes = self._client.nodes.info(metric="os", filter_path="nodes.*.version").body["nodes"]
        return sorted({node["version"] for node in nodes.values()})

    def templates(self) -> list[Template]:
        """All composable index templates."""
        found = self._client.indices.get_index_template().body["index_templates"]
        return [_template(each["name"], each["index_template"]) for each in found]

    def indices(self) -> list[IndexFacts]:
        """Our indices: their blocks, and how they differ from our templates. Skips others with similar names."""
        ours = packaged_templates()
        found = self._client.indices.get(
            index=PATTERNS,
            ignore_unavailable=True,
            expand_wildcards="open",
            filter_path="*.settings.index.blocks,*.settings.index.uuid,*.mappings",
        ).body
        return [
            index(name, found[name], template)
            for name in sorted(found)
            if (template := mappings.template_of(name, ours)) is not None
        ]

    def disks(self) -> tuple[list[Disk], list[DiskWatermark]]:
        """The data nodes' disks, and the disk watermarks."""
        stats = self._client.nodes.stats(metric="fs", filter_path="nodes.*.name,nodes.*.roles,nodes.*.fs.total").body
        disks = [
            Disk(node["name"], node["fs"]["total"]["total_in_bytes"], node["fs"]["total"]["available_in_bytes"])
            for node in stats.get("nodes", {}).values()
            if any(role.startswith("data") for role in node.get("roles", ())) and node.get("fs", {}).get("total")
        ]
        all_ = self._client.cluster.get_settings(include_defaults=True, flat_settings=True).body
        return disks, watermarks({**all_.get("defaults", {}), **all_["persistent"], **all_["transient"]})

    def skew(self) -> Skew:
        """The answering node's clock compared with ours."""
        asked_ms = wall_clock_ms()
        nodes = self._client.nodes.stats(node_id="_local", metric="breaker", filter_path="nodes.*.timestamp").body
        (theirs_ms,) = (node["timestamp"] for node in nodes["nodes"].values())
        return Skew(skew_ms(asked_ms, wall_clock_ms(), theirs_ms))

    def privileges(self) -> Privileges:
        """Each role's privileges that our login lacks."""
        missing: dict[str, tuple[str, ...]] = {}
        user = ""
        for name, role in ROLES.items():
            try:
                found = self._client.security.has_privileges(cluster=role["cluster"], index=role["indices"]).body
            except ApiError as error:
                if error.status_code in NO_SECURITY:
                    return Privileges()
                raise
            user = str(found["username"])
            missing[name.removeprefix("hashtide_")] = lacking(found)
        return Privileges(user, missing)


def lacking(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The distinct privileges that an answer of _has_privileges denies."""
    cluster = [name for name, has in found["cluster"].items() if not has]
    index = [name for privileges in found["index"].values() for name, has in privileges.items() if not has]
    return tuple(dict.fromkeys(cluster + index))


def watermarks(settings: Mapping[str, Any]) -> list[DiskWatermark]:
    """The disk watermarks in the cluster's flat settings."""
    prefix = "cluster.routing.allocation.disk.watermark."
    return [
        DiskWatermark(name, str(settings[prefix + name]), _headroom(settings.get(f"{prefix}{name}.max_headroom")))
        for name in WATERMARKS
        if prefix + name in settings
    ]


def _headroom(value: Any) -> str | None:
    return None if value in (None, "", "-1") else str(value)


def _is_ours(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in PATTERNS)


def _template(name: str, template: Mapping[str, Any]) -> Template:
    return Template(
        name,
        tuple(template["index_patterns"]),
        int(template.get("priority") or 0),
        int(template.get("version") or 0),
        mappings.schema(template.get("template", {}).get("mappings", {})),
    )


def index(name: str, found: Mapping[str, Any], template: Mapping[str, Any]) -> IndexFacts:
    """Compare an index (an answer of GET /INDEX) with its template."""
    wanted, actual = template["template"]["mappings"], found.get("mappings", {})
    fields, theirs = wanted["properties"], actual.get("properties", {})
    blocks = found.get("settings", {}).get("index", {}).get("blocks", {})
    return IndexFacts(
        name,
        blocks=tuple(sorted(block for block, on in blocks.items() if str(on) == "true")),
        newer_schema=schema if (schema := mappings.schema(actual)) > mappings.schema(wanted) else None,
        clashing=tuple(mappings.clashing(fields, theirs)),
        missing=tuple(mappings.names(mappings.missing(fields, theirs))),
    )
