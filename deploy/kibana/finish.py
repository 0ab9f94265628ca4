"""Pure: adds what kb-dashboard-cli cannot express: data views, a region map, and gaps as annotations.

The format is Kibana 9's. A dashboard is a saved object; its panels are JSON in a string. A Lens panel has a data source
(layers of columns) and a visualization, and refers to its data views by references.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

SavedObject = dict[str, Any]

DATA_VIEWS: Final = {
    "hashtide-reply-volume": ("reply-volume-*", "Hashtide: reply volume"),
    "hashtide-hashtag-volume": ("hashtag-volume-*", "Hashtide: hashtag volume"),
    "hashtide-posts": ("posts-*", "Hashtide: posts (the ledger)"),
    "hashtide-ingest-gaps": ("ingest-gaps", "Hashtide: gaps"),
}
"""Data views: id -> index pattern, name. The time field of all is @timestamp."""

GAPS: Final = "hashtide-ingest-gaps"
REGION_MAP: Final = "region-map"
"""The panel that becomes a region map. Its source is a table of regions and posts."""

GAP_FIELDS: Final = ["source", "event.reason", "estimated_posts"]
"""The fields shown in a gap annotation's tooltip."""


def finished(compiled: Iterable[SavedObject]) -> list[SavedObject]:
    """Data views, then the finished dashboards: referenced objects come first."""
    return [*map(_data_view, DATA_VIEWS), *map(_dashboard, compiled)]


def ndjson(objects: Iterable[SavedObject]) -> str:
    """Saved objects in Kibana's import format: one per line."""
    return "".join(_dumps(each) + "\n" for each in objects)


def panels(dashboard: SavedObject) -> list[dict[str, Any]]:
    """The panels of a dashboard."""
    found: list[dict[str, Any]] = json.loads(dashboard["attributes"]["panelsJSON"])
    return found


def _data_view(id_: str) -> SavedObject:
    pattern, name = DATA_VIEWS[id_]
    # allowNoIndex: the data view must work before the first post creates an index
    attributes = {"title": pattern, "name": name, "timeFieldName": "@timestamp", "allowNoIndex": True}
    return {
        "type": "index-pattern",
        "id": id_,
        "attributes": attributes,
        "references": [],
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": "8.0.0",
    }


def _dashboard(compiled: SavedObject) -> SavedObject:
    dashboard = {name: compiled[name] for name in ("type", "id", "attributes", "references")}
    dashboard |= {name: compiled[name] for name in ("coreMigrationVersion", "typeMigrationVersion")}
    found = panels(dashboard)
    for panel in found:
        lens = panel["embeddableConfig"]["attributes"]
        _rank_over_all_time(lens)
        _free_gaps_of_filters(lens)
        if panel["panelIndex"] == REGION_MAP:
            _make_region_map(lens)
        if _is_over_time(lens):
            dashboard["references"] = [*dashboard["references"], _annotate_gaps(panel["panelIndex"], lens)]
    dashboard["attributes"] = dashboard["attributes"] | {"panelsJSON": _dumps(found)}
    return dashboard


def _layers(lens: dict[str, Any]) -> dict[str, dict[str, Any]]:
    layers: dict[str, dict[str, Any]] = lens["state"]["datasourceStates"]["formBased"]["layers"]
    return layers


def _rank_over_all_time(lens: dict[str, Any]) -> None:
    """Order terms before time, as Lens does: rank terms over the whole range, not separately in each bar."""
    for layer in _layers(lens).values():
        operations = {id_: column["operationType"] for id_, column in layer["columns"].items()}
        layer["columnOrder"].sort(key=lambda id_: {"terms": 0, "date_histogram": 1}.get(operations[id_], 2))


def _free_gaps_of_filters(lens: dict[str, Any]) -> None:
    """Exclude gaps from the controls: a gap has no campaign or platform, so the controls would hide all gaps."""
    ids = {reference["name"]: reference["id"] for reference in lens["references"]}
    for id_, layer in _layers(lens).items():
        layer["ignoreGlobalFilters"] = ids[f"indexpattern-datasource-layer-{id_}"] == GAPS


def _make_region_map(lens: dict[str, Any]) -> None:
    ((id_, layer),) = _layers(lens).items()
    region, posts = layer["columnOrder"]
    lens["visualizationType"] = "lnsChoropleth"
    lens["state"]["visualization"] = {
        "layerId": id_,
        "layerType": "data",
        "emsLayerId": "world_countries",
        "emsField": "iso2",
        "regionAccessor": region,
        "valueAccessor": posts,
    }


def _is_over_time(lens: dict[str, Any]) -> bool:
    columns = [column for layer in _layers(lens).values() for column in layer["columns"].values()]
    over_time = any(column["operationType"] == "date_histogram" for column in columns)
    return lens["visualizationType"] == "lnsXY" and over_time


def _annotate_gaps(panel: str, lens: dict[str, Any]) -> dict[str, str]:
    """Add markers where gaps begin and end. Returns the reference that the dashboard needs."""
    layer = f"{panel}-gaps"
    common = {
        "type": "query",
        "key": {"type": "point_in_time"},
        "filter": {"type": "kibana_query", "query": "source:*", "language": "kuery"},
        "extraFields": GAP_FIELDS,
        "color": "#bd271e",
        "lineStyle": "dashed",
        "lineWidth": 1,
    }
    annotations = [
        common | {"id": f"{layer}-begin", "label": "Gap begins", "icon": "alert", "timeField": "event.start"},
        common | {"id": f"{layer}-end", "label": "Gap ends", "icon": "flag", "timeField": "event.end"},
    ]
    lens["state"]["visualization"]["layers"].append(
        {
            "layerId": layer,
            "layerType": "annotations",
            "annotations": annotations,
            "ignoreGlobalFilters": True,  # as in _free_gaps_of_filters
            "persistanceType": "byValue",  # Kibana's spelling
        }
    )
    reference = {"type": "index-pattern", "id": GAPS, "name": f"xy-visualization-layer-{layer}"}
    lens["references"].append(reference)
    return reference | {"name": f"{panel}:{reference['name']}"}


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
