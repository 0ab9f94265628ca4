"""Compiled dashboards as Elasticsearch sees them: each Lens layer's request, and its rows.

Kibana cannot run in the tests. This module builds from a layer's columns the aggregations that Lens sends for them
(Kibana's "Inspect" shows them), for the operations that our dashboards use. It raises NotImplementedError for any
other: add a new kind of panel here first. Math is done on the answer, as in Kibana.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from deploy.kibana.finish import DATA_VIEWS, panels
from hashtide.elasticsearch.session import WHOLE

Json = dict[str, Any]

METRICS = {"sum": "sum", "max": "max", "unique_count": "cardinality"}
BUCKETS = ("terms", "date_histogram")


class Layer(NamedTuple):
    """One query of a panel."""

    panel: str
    title: str
    data_view: str
    columns: dict[str, Json]
    order: list[str]
    ignores_controls: bool

    @property
    def pattern(self) -> str:
        return DATA_VIEWS[self.data_view][0]

    @property
    def buckets(self) -> list[str]:
        return [id_ for id_ in self.order if self.columns[id_]["operationType"] in BUCKETS]

    @property
    def metrics(self) -> list[str]:
        """What Elasticsearch computes."""
        return [i for i in self.order if self.columns[i]["operationType"] not in (*BUCKETS, "formula", "math")]

    @property
    def shown(self) -> list[str]:
        """What users see: the result of a formula, not its parts."""
        parts = {part for column in self.columns.values() for part in column.get("references", [])}
        return [id_ for id_ in self.order if id_ not in self.buckets and id_ not in parts]


class Annotation(NamedTuple):
    """A query that marks moments on a chart."""

    panel: str
    data_view: str
    time_field: str
    fields: list[str]
    filter: str
    ignores_controls: bool


def layers(objects: Sequence[Json]) -> Iterator[Layer]:
    """Every layer of every panel of every dashboard."""
    for panel, lens in _lenses(objects):
        ids = {reference["name"]: reference["id"] for reference in lens["references"]}
        sources = lens["state"]["datasourceStates"]
        if set(sources) - {"formBased"} and any(sources[name].get("layers") for name in sources if name != "formBased"):
            raise NotImplementedError(f"{panel}: a layer that is no form-based one")
        if lens["state"]["filters"] or lens["state"]["query"]["query"]:
            raise NotImplementedError(f"{panel}: a filter or a query of its own")
        for id_, layer in sources["formBased"]["layers"].items():
            view = ids[f"indexpattern-datasource-layer-{id_}"]
            ignores = layer["ignoreGlobalFilters"]
            yield Layer(panel, lens["title"], view, layer["columns"], layer["columnOrder"], ignores)


def annotations(objects: Sequence[Json]) -> Iterator[Annotation]:
    """Every annotation of every panel."""
    for panel, lens in _lenses(objects):
        ids = {reference["name"]: reference["id"] for reference in lens["references"]}
        for layer in lens["state"]["visualization"].get("layers", []):
            for each in layer.get("annotations", []):
                view = ids[f"xy-visualization-layer-{layer['layerId']}"]
                text = _kql_of(each["filter"])
                ignores = layer["ignoreGlobalFilters"]
                yield Annotation(panel, view, each["timeField"], each["extraFields"], text, ignores)


def _lenses(objects: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    for dashboard in objects:
        if dashboard["type"] == "dashboard":
            for panel in panels(dashboard):
                if panel["type"] != "lens":
                    raise NotImplementedError(f"{panel['panelIndex']}: a panel of type {panel['type']}")
                yield panel["panelIndex"], panel["embeddableConfig"]["attributes"]


def _kql_of(query: Json) -> str:
    if query["language"] != "kuery":
        raise NotImplementedError(f"query language {query['language']}")
    text: str = query["query"]
    return text


def filters(layer: Layer) -> list[str]:
    """The KQL of its columns."""
    return [_kql_of(column["filter"]) for column in layer.columns.values() if column.get("filter")]


def kql_fields(text: str) -> list[str]:
    """The fields that a KQL text names."""
    return re.findall(r"([\w.@]+)\s*:", text)


def kql(text: str) -> Json:
    """KQL as Kibana translates it: only `field:value`, `field:*`, `and` and `not`."""
    clauses = []
    for part in re.split(r"\s+and\s+", text):
        found = re.fullmatch(r"(not\s+)?([\w.@]+):([\w-]+|\*)", part)
        if found is None:
            raise NotImplementedError(f"KQL: {text}")
        negated, field, value = found.groups()
        clause: Json = {"exists": {"field": field}} if value == "*" else {"match": {field: value}}
        clauses.append({"bool": {"must_not": [clause]}} if negated else clause)
    return {"bool": {"filter": clauses}}


def ask(client: Elasticsearch, layer: Layer, query: Sequence[Json], interval: str) -> list[tuple[Any, ...]]:
    """The rows of a layer for the documents of `query`, including those of the second request if others are shown."""
    answer = client.search(index=layer.pattern, **request(layer, query, interval), **WHOLE)
    found = rows(layer, answer.body)
    if wants_others(layer):
        top = [bucket["key"] for bucket in answer["aggregations"][layer.buckets[0]]["buckets"]]
        found += rows(layer, client.search(index=layer.pattern, **request(layer, query, interval, top), **WHOLE).body)
    return found


def request(layer: Layer, query: Sequence[Json], interval: str, beside: Sequence[str] | None = None) -> Json:
    """The search of a layer; `beside`: the second one, for all but these terms of the first column."""
    aggs = {id_: _metric(layer.columns[id_]) for id_ in layer.metrics if _counts_nothing_else(layer.columns[id_])}
    for id_ in reversed(layer.buckets):
        column = layer.columns[id_]
        if beside is not None and id_ == layer.buckets[0]:
            terms = [{"match_phrase": {column["sourceField"]: term}} for term in beside]
            rest = {"bool": {"must": [{"exists": {"field": column["sourceField"]}}], "must_not": terms}}
            aggs = {id_: {"filters": {"filters": {"Other": rest}}, "aggs": aggs}}
        else:
            ranking = {by: _metric(layer.columns[by])} if (by := _ranked_by(layer, column)) else {}
            aggs = {id_: _bucket(layer, column, interval) | {"aggs": aggs | ranking}}
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": list(query)}}, "aggs": aggs}


def _counts_nothing_else(column: Json) -> bool:
    """False for a count of documents without a filter: every bucket includes it."""
    return column["operationType"] != "count" or column.get("filter") is not None


def _metric(column: Json) -> Json:
    operation = column["operationType"]
    if operation == "count":
        return {"filter": kql(_kql_of(column["filter"]))}
    if operation not in METRICS:
        raise NotImplementedError(f"operation {operation}")
    metric = {METRICS[operation]: {"field": column["sourceField"]}}
    return {"filter": kql(_kql_of(column["filter"])), "aggs": {"of": metric}} if column.get("filter") else metric


def _bucket(layer: Layer, column: Json, interval: str) -> Json:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        histogram = {"field": field, "fixed_interval": interval, "time_zone": "UTC", "min_doc_count": 1}
        return {"date_histogram": histogram}
    if params["missingBucket"] or params["include"] or params["exclude"] or params.get("secondaryFields"):
        raise NotImplementedError(f"{layer.panel}: terms with {params}")
    by = "_key" if params["orderBy"]["type"] == "alphabetical" else _ranked_by(layer, column) or "_count"
    return {"terms": {"field": field, "size": params["size"], "order": {by: params["orderDirection"]}}}


def _ranked_by(layer: Layer, column: Json) -> str | None:
    """The metric whose largest values are the top terms; None for any other order."""
    id_: str | None = column.get("params", {}).get("orderBy", {}).get("columnId")
    return id_ if id_ is not None and _counts_nothing_else(layer.columns[id_]) else None


def wants_others(layer: Layer) -> bool:
    """Whether the rest outside the top terms is queried too; Lens nests terms of the whole range outermost."""
    others = [id_ for id_ in layer.buckets if layer.columns[id_].get("params", {}).get("otherBucket")]
    if others not in ([], layer.buckets[:1]):
        raise NotImplementedError(f"{layer.panel}: others within others")
    return bool(others)


def rows(layer: Layer, answer: Json) -> list[tuple[Any, ...]]:
    """The answer as rows: the buckets' keys, then the shown values."""
    total = answer["hits"]["total"]["value"]
    return list(_rows(layer, layer.buckets, answer.get("aggregations", {}) | {"doc_count": total}, ()))


def _rows(layer: Layer, buckets: Sequence[str], node: Json, keys: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if not buckets:
        yield (*keys, *(_value(layer, id_, node) for id_ in layer.shown))
        return
    found = node[buckets[0]]["buckets"]
    for bucket in found if isinstance(found, list) else [each | {"key": key} for key, each in found.items()]:
        yield from _rows(layer, buckets[1:], bucket, (*keys, bucket.get("key_as_string", bucket["key"])))


def _value(layer: Layer, id_: str, node: Json) -> Any:
    column = layer.columns[id_]
    if column["operationType"] == "formula":
        (part,) = column["references"]
        return _value(layer, part, node)
    if column["operationType"] == "math":
        return _math(layer, column["params"]["tinymathAst"], node)
    if column["operationType"] == "count":
        return (node[id_] if column.get("filter") else node)["doc_count"]
    result = node[id_]["of"] if column.get("filter") else node[id_]
    return result.get("value_as_string", result["value"])


def _math(layer: Layer, ast: Any, node: Json) -> Any:
    if isinstance(ast, str):
        return _value(layer, ast, node)
    if isinstance(ast, dict) and ast.get("name") == "divide":
        above, below = (_math(layer, each, node) for each in ast["args"])
        return above / below if below else None
    raise NotImplementedError(f"formula: {ast}")
