"""The index templates, and how the results are laid out in Elasticsearch: `hashtide setup`, and the worker's check."""

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
    """The index templates are not as the jobs need them. The message says what to do."""


def packaged_templates() -> dict[str, dict[str, Any]]:
    """The packaged composable index templates (Elasticsearch guide, "Index templates"), by name."""
    folder = files(__package__) / "index_templates"
    found = {file.name.removesuffix(".json"): file for file in folder.iterdir() if file.name.endswith(".json")}
    return {f"hashtide-{name}": json.loads(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def setup(where: Where) -> list[str]:
    """Put the templates, but for those that a newer version has put; the names of those put. Harmless again and again.

    The index of gaps is made, too: dashboards mark them on every chart, and would complain until the first one came.
    Blocks. Raises IndicesUnready, and as `session` does.
    """
    put = []
    with session(where) as client:
        there = _templates_there(client)
        _refuse_newer_schema(where, there)
        for name, template in packaged_templates().items():
            if there.get(name, {}).get("version", 0) > template["version"]:
                log.info("index template %s is of a newer version of Hashtide, and stays as it is", name)
                continue
            client.indices.put_index_template(name=name, **template)
            put.append(name)
        if not client.indices.exists(index=INGEST_GAPS):
            client.options(ignore_status=400).indices.create(index=INGEST_GAPS)  # 400: another was faster
    return put


def extend(where: Where) -> list[str]:
    """Add to the indices that are there the fields that came with newer templates; the names of those changed.

    After `setup`, so that an index which is made meanwhile has them, too. Harmless again and again. Blocks. Raises
    IndicesUnready, and as `session` does.
    """
    extended = []
    with session(where) as client:
        for index, missing in sorted(_missing(where, client).items()):
            client.indices.put_mapping(index=index, properties=missing)
            log.info("index %s has new fields: %s", index, ", ".join(mappings.names(missing)))
            extended.append(index)
    return extended


def check(where: Where) -> None:
    """Raise IndicesUnready where a template or an index would not take what this version writes.

    Newer ones do, as long as they are of the same schema. Blocks. Raises as `session` does.
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
                f"index {index} in Elasticsearch at {where} was made by an older version of Hashtide, and would refuse "
                f"documents with {', '.join(mappings.names(missing))}: run `hashtide setup` first"
            )


def _templates_there(client: Elasticsearch) -> dict[str, dict[str, Any]]:
    answer = client.options(ignore_status=404).indices.get_index_template(name="hashtide-*").body  # 404: there is none
    return {item["name"]: item["index_template"] for item in answer.get("index_templates", [])}


def _refuse_newer_schema(where: Where, there: Mapping[str, Mapping[str, Any]]) -> None:
    for name, template in packaged_templates().items():
        ours = mappings.schema(template["template"]["mappings"])
        theirs = mappings.schema(there.get(name, {}).get("template", {}).get("mappings", {}))
        if theirs > ours:
            raise IndicesUnready(
                f"index template {name} in Elasticsearch at {where} is of schema {theirs}, and this version of "
                f"Hashtide knows schema {ours}: upgrade it (docs/upgrades.md)"
            )


def _missing(where: Where, client: Elasticsearch) -> dict[str, dict[str, Any]]:
    """For each index that lacks fields of ours, those. Raises IndicesUnready where adding fields would not do."""
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
                f"index {index} in Elasticsearch at {where} is of schema {mappings.schema(there)}, and this version of "
                f"Hashtide knows schema {mappings.schema(wanted)}: upgrade it (docs/upgrades.md)"
            )
        if clashing := mappings.clashing(wanted["properties"], there.get("properties", {})):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} has {', '.join(clashing)} with another type than Hashtide "
                "writes: it was made without its template. Reindex it under that, or delete it (docs/upgrades.md)"
            )
        if missing := mappings.missing(wanted["properties"], there.get("properties", {})):
            lacking[index] = missing
    return lacking
