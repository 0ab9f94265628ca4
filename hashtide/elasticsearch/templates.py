"""The index templates: `hashtide setup` installs them, workers check them at start."""

import json
import logging
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from elasticsearch import Elasticsearch

from hashtide.contract.names import INGEST_GAPS
from hashtide.elasticsearch import mappings
from hashtide.elasticsearch.client import Where
from hashtide.elasticsearch.session import session
from hashtide.errors import HashtideError

log = logging.getLogger(__name__)


class IndicesUnready(HashtideError):
    """The index templates do not fit the jobs. The message says what to do."""


def packaged_templates() -> dict[str, dict[str, Any]]:
    """The packaged composable index templates (Elasticsearch guide, "Index templates"), by name."""
    folder = files(__package__) / "index_templates"
    found = {file.name.removesuffix(".json"): file for file in folder.iterdir() if file.name.endswith(".json")}
    return {f"hashtide-{name}": json.loads(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def setup(where: Where) -> list[str]:
    """Install the templates, except those that a newer version installed; returns the names installed. Idempotent.

    Also creates the index of gaps: dashboards mark gaps on every chart, and would fail until the first one came.
    Blocks. Raises IndicesUnready, and as `session` does.
    """
    put = []
    with session(where) as client:
        there = _templates_there(client)
        _refuse_newer_schema(where, there)
        _missing(where, client)  # raises for an index that this version cannot write to
        for name, template in packaged_templates().items():
            if there.get(name, {}).get("version", 0) > template["version"]:
                log.info("index template %s is of a newer version of Hashtide: left unchanged", name)
                continue
            client.indices.put_index_template(name=name, **template)
            put.append(name)
        if not client.indices.exists(index=INGEST_GAPS):
            client.options(ignore_status=400).indices.create(index=INGEST_GAPS)  # 400: another process was faster
    return put


def extend(where: Where) -> list[str]:
    """Add the fields of newer templates to existing indices; returns the names of the changed indices. Idempotent.

    Call it after `setup`, so that an index created meanwhile has the fields, too. Blocks. Raises IndicesUnready, and as
    `session` does.
    """
    extended = []
    with session(where) as client:
        for index, missing in sorted(_missing(where, client).items()):
            client.indices.put_mapping(index=index, properties=missing)
            log.info("index %s has new fields: %s", index, ", ".join(mappings.names(missing)))
            extended.append(index)
    return extended


def check(where: Where) -> None:
    """Raise IndicesUnready if a template or an index would not accept what this version writes.

    Newer ones of the same schema do. Blocks. Raises as `session` does.
    """
    with session(where) as client:
        there = _templates_there(client)
        _refuse_newer_schema(where, there)
        for name, template in packaged_templates().items():
            if there.get(name, {}).get("version", 0) < template["version"]:
                raise IndicesUnready(
                    f"index template {name} in Elasticsearch at {where} is "
                    f"{'missing' if name not in there else 'of an older version'}: run `hashtide setup` first"
                )
        for index, missing in sorted(_missing(where, client).items()):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} comes from an older version of Hashtide and would refuse "
                f"documents with {', '.join(mappings.names(missing))}: run `hashtide setup` first"
            )


def _templates_there(client: Elasticsearch) -> dict[str, dict[str, Any]]:
    answer = client.options(ignore_status=404).indices.get_index_template(name="hashtide-*").body  # 404: none
    return {item["name"]: item["index_template"] for item in answer.get("index_templates", [])}


def _refuse_newer_schema(where: Where, there: Mapping[str, Mapping[str, Any]]) -> None:
    for name, template in packaged_templates().items():
        ours = mappings.schema(template["template"]["mappings"])
        theirs = mappings.schema(there.get(name, {}).get("template", {}).get("mappings", {}))
        if theirs > ours:
            raise IndicesUnready(
                f"index template {name} in Elasticsearch at {where} has schema {theirs}, but this version of "
                f"Hashtide knows schema {ours}: upgrade Hashtide (docs/upgrades.md)"
            )


def _missing(where: Where, client: Elasticsearch) -> dict[str, dict[str, Any]]:
    """Missing fields by index. Raises IndicesUnready if adding fields would not be enough."""
    ours = packaged_templates()
    patterns = sorted({pattern for template in ours.values() for pattern in template["index_patterns"]})
    found = client.indices.get_mapping(index=patterns, ignore_unavailable=True).body
    lacking: dict[str, dict[str, Any]] = {}
    for index, held in found.items():
        template = mappings.template_of(index, ours)
        if template is None:
            continue
        wanted, there = template["template"]["mappings"], held["mappings"]
        if mappings.schema(there) > mappings.schema(wanted):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} has schema {mappings.schema(there)}, but this version of "
                f"Hashtide knows schema {mappings.schema(wanted)}: upgrade Hashtide (docs/upgrades.md)"
            )
        if clashing := mappings.clashing(wanted["properties"], there.get("properties", {})):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} has the wrong type for {', '.join(clashing)}: "
                "it was created without its template. Reindex it with the template, or delete it (docs/upgrades.md)"
            )
        if mappings.schema(there) < mappings.schema(wanted):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} was made by an older version of Hashtide, with schema "
                f"{mappings.schema(there)}; this version writes schema {mappings.schema(wanted)} and cannot go on from "
                f"it. Delete it (DELETE /{index}) or use another Elasticsearch, and send the posts again "
                "(docs/upgrades.md)"
            )
        if missing := mappings.missing(wanted["properties"], there.get("properties", {})):
            lacking[index] = missing
    return lacking
