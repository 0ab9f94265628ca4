"""How an index, or a template, of another version of Hashtide stands to ours. Pure.

A template's `version` rises with every change. `_meta.schema` of its mappings rises only with one that an older worker
can't live with; without that, versions differ by fields that were added, and an older worker just does not write those.
"""

import re
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Mapping[str, Any]]
"""The `properties` of mappings: name to definition."""


def schema(mappings: Mapping[str, Any]) -> int:
    """The schema of mappings; of those that do not say, made by hand most likely, the first."""
    found: int = mappings.get("_meta", {}).get("schema", 1)
    return found


def missing(ours: Fields, there: Fields) -> dict[str, Any]:
    """Those of our fields that an index has not, as `properties` to be added to it. Its mappings are strict: it would
    refuse every document that has one of them."""
    found: dict[str, Any] = {}
    for name, field in ours.items():
        if name not in there:
            found[name] = field
        elif inner := missing(field.get("properties", {}), there[name].get("properties", {})):
            found[name] = {"properties": inner}
    return found


def clashing(ours: Fields, there: Fields, at: str = "") -> list[str]:
    """Those of our fields that an index has with another type, by their full names. No addition can mend that."""
    found = []
    for name, field in ours.items():
        if name in there:
            if field.get("type", "object") != there[name].get("type", "object"):
                found.append(at + name)
            found += clashing(field.get("properties", {}), there[name].get("properties", {}), f"{at}{name}.")
    return found


def names(fields: Fields) -> list[str]:
    """The full names of fields."""
    found = []
    for name, field in fields.items():
        inner = names(field.get("properties", {}))
        found += [f"{name}.{each}" for each in inner] if inner else [name]
    return found


def template_of(index: str, templates: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The template that an index was made by, if it is one that workers write: an index of a day, or one alone.

    A pattern like posts-* may have others' indices, too: those are none of our business.
    """
    for template in templates.values():
        for pattern in template["index_patterns"]:
            daily = re.escape(pattern).replace(r"\*", r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}")
            if re.fullmatch(daily, index):
                return template
    return None
