"""Compares the mappings of an index or template of another version of Hashtide with ours. Pure.

A template's `version` rises with every change. `_meta.schema` of its mappings rises only with a change that breaks
older workers. Versions of equal schema differ only by added fields, which an older worker does not write.
"""

import re
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Mapping[str, Any]]
"""The `properties` of mappings: name to definition."""


def schema(mappings: Mapping[str, Any]) -> int:
    """The schema of mappings; 1 if they do not state it, most likely because they were made by hand."""
    found: int = mappings.get("_meta", {}).get("schema", 1)
    return found


def missing(ours: Fields, there: Fields) -> dict[str, Any]:
    """Our fields that an index lacks, as `properties` to add. Mappings are strict: the index would refuse every
    document with one of these fields."""
    found: dict[str, Any] = {}
    for name, field in ours.items():
        if name not in there:
            found[name] = field
        elif inner := missing(field.get("properties", {}), there[name].get("properties", {})):
            found[name] = {"properties": inner}
    return found


def clashing(ours: Fields, there: Fields, at: str = "") -> list[str]:
    """Full names of our fields that have another type in an index. Adding fields cannot repair that."""
    found = []
    for name, field in ours.items():
        if name in there:
            if field.get("type", "object") != there[name].get("type", "object"):
                found.append(at + name)
            found += clashing(field.get("properties", {}), there[name].get("properties", {}), f"{at}{name}.")
    return found


def names(fields: Fields) -> list[str]:
    """Full names of fields."""
    found = []
    for name, field in fields.items():
        inner = names(field.get("properties", {}))
        found += [f"{name}.{each}" for each in inner] if inner else [name]
    return found


def template_of(index: str, templates: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The template of an index that workers write, daily or single; None for any other index.

    A pattern like posts-* may also match indices of others: those are ignored.
    """
    for template in templates.values():
        for pattern in template["index_patterns"]:
            daily = re.escape(pattern).replace(r"\*", r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}")
            if re.fullmatch(daily, index):
                return template
    return None
