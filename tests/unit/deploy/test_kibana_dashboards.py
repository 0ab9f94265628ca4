"""The compiled dashboards: up to date, complete, and using only fields of the index templates."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.kibana import build
from deploy.kibana.finish import DATA_VIEWS, panels
from hashtide.elasticsearch.templates import packaged_templates
from operations import kibana
from tests.conftest import IN_CI
from tests.lens import Annotation, Layer, annotations, filters, kql_fields, layers
from tests.paths import ROOT

OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in kibana.saved_objects().splitlines()]
DASHBOARDS = [each for each in OBJECTS if each["type"] == "dashboard"]
LAYERS = list(layers(OBJECTS))
ANNOTATIONS = list(annotations(OBJECTS))

NUMBERS = {"long", "integer", "short"}
EXACT = {"keyword", "boolean"}
FITTING = {
    "sum": NUMBERS,
    "max": NUMBERS | {"date"},
    "unique_count": EXACT | NUMBERS,
    "terms": EXACT | NUMBERS,
    "date_histogram": {"date"},
}


def _flat(properties: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in properties.items():
        if "properties" in field:
            found |= _flat(field["properties"], f"{prefix}{name}.")
        elif field.get("enabled", True):
            found[prefix + name] = field["type"]
    return found


def fields(data_view: str) -> dict[str, str]:
    """The searchable fields of a data view by the template of its indices, with their types."""
    (template,) = [
        each for each in packaged_templates().values() if each["index_patterns"] == [DATA_VIEWS[data_view][0]]
    ]
    return _flat(template["template"]["mappings"]["properties"])


def test_committed_dashboards_match_their_sources() -> None:
    made = subprocess.run(
        ["make", "--silent", ".venv-kibana/.installed"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    if "no Python 3.12 found" in made.stderr:
        (pytest.fail if IN_CI else pytest.skip)("the dashboards' compiler needs Python 3.12, which is not installed")
    assert made.returncode == 0, made.stderr
    assert build.compiled() == build.COMPILED.read_text(encoding="utf-8"), "run `make kibana`, and commit"


def test_refuses_filter_that_the_compiler_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "HERE", tmp_path)
    (tmp_path / "a.yaml").write_text("metrics: [{aggregation: sum, field: count, filter: {kql: 'kind:reply'}}]\n")
    with pytest.raises(build.NotCompiled, match=r"a\.yaml: the compiler would lose `filter:`"):
        build.compiled()


def test_error_names_missing_compiler(tmp_path: Path) -> None:
    with pytest.raises(build.NotCompiled, match="No such file or directory: run `make kibana`"):
        build.compiled(tmp_path / "kb-dashboard")


def test_has_both_dashboards_and_a_data_view_for_each_kind_of_index() -> None:
    assert [each["attributes"]["title"] for each in DASHBOARDS] == [
        "Hashtide: pipeline health",
        "Hashtide: reply volume",
    ]
    views = [each for each in OBJECTS if each["type"] == "index-pattern"]
    assert {view["id"]: view["attributes"]["title"] for view in views} == {
        "hashtide-reply-volume": "reply-volume-*",
        "hashtide-hashtag-volume": "hashtag-volume-*",
        "hashtide-posts": "posts-*",
        "hashtide-ingest-gaps": "ingest-gaps",
    }
    for view in views:
        assert view["attributes"]["timeFieldName"] == "@timestamp"
        assert fields(view["id"])["@timestamp"] == "date"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: str(each["id"]))
def test_every_reference_is_to_a_data_view(dashboard: dict[str, Any]) -> None:
    names = [reference["name"] for reference in dashboard["references"]]
    assert len(names) == len(set(names))
    assert {reference["id"] for reference in dashboard["references"]} <= set(DATA_VIEWS)
    for panel in panels(dashboard):
        for reference in panel["embeddableConfig"]["attributes"]["references"]:
            assert reference | {"name": f"{panel['panelIndex']}:{reference['name']}"} in dashboard["references"]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: str(each["id"]))
def test_panels_are_on_the_grid_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(dashboard):
        at = panel["gridData"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 48
        assert not cells & taken, panel["panelIndex"]
        taken |= cells


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.panel)
def test_every_column_uses_an_existing_field_of_the_right_type(layer: Layer) -> None:
    there = fields(layer.data_view)
    for column in layer.columns.values():
        if column["operationType"] == "count":
            assert column["sourceField"] == "___records___"
        elif column["operationType"] not in ("formula", "math"):
            assert there[column["sourceField"]] in FITTING[column["operationType"]], column
    for text in filters(layer):
        assert kql_fields(text), text
        assert set(kql_fields(text)) <= set(there), text
    assert set(layer.order) == set(layer.columns)


@pytest.mark.parametrize(
    "layer", [layer for layer in LAYERS if "volume" in layer.data_view], ids=lambda each: each.panel
)
def test_posts_are_sums_not_document_counts(layer: Layer) -> None:
    counted = [column["label"] for column in layer.columns.values() if column["operationType"] == "count"]
    assert counted in ([], ["Count documents"])
    sums = {column["sourceField"] for column in layer.columns.values() if column["operationType"] == "sum"}
    assert sums <= {"count"}


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda each: f"{each.panel}-{each.time_field}")
def test_every_annotation_uses_existing_fields(annotation: Annotation) -> None:
    there = fields(annotation.data_view)
    assert there[annotation.time_field] == "date"
    assert all(there[field] in EXACT | NUMBERS for field in annotation.fields)
    assert set(kql_fields(annotation.filter)) <= set(there)
    assert annotation.ignores_controls


def test_every_time_chart_marks_gaps() -> None:
    over_time = [
        layer.panel
        for layer in LAYERS
        if any(column["operationType"] == "date_histogram" for column in layer.columns.values())
    ]
    assert len(over_time) == 13
    assert [(each.panel, each.time_field) for each in ANNOTATIONS] == [
        (panel, field) for panel in over_time for field in ("event.start", "event.end")
    ]


def test_controls_filter_by_campaign_and_platform_in_every_layer() -> None:
    found = {}
    for dashboard in DASHBOARDS:
        group = json.loads(dashboard["attributes"]["controlGroupInput"]["panelsJSON"])
        inputs = [control["explicitInput"] for control in group.values()]
        found[dashboard["attributes"]["title"]] = [each["fieldName"] for each in inputs]
        for each in inputs:
            assert fields(each["dataViewId"])[each["fieldName"]] in EXACT
            for layer in layers([dashboard]):
                assert layer.ignores_controls == (each["fieldName"] not in fields(layer.data_view)), layer.panel
    assert found == {"Hashtide: pipeline health": [], "Hashtide: reply volume": ["campaign", "platform"]}


def test_map_shows_posts_by_iso_code() -> None:
    (lens,) = [
        panel["embeddableConfig"]["attributes"]
        for dashboard in DASHBOARDS
        for panel in panels(dashboard)
        if panel["panelIndex"] == "region-map"
    ]
    shown = lens["state"]["visualization"]
    (layer,) = [layer for layer in LAYERS if layer.panel == "region-map"]
    assert lens["visualizationType"] == "lnsChoropleth"
    assert (shown["emsLayerId"], shown["emsField"]) == ("world_countries", "iso2")
    assert layer.columns[shown["regionAccessor"]]["sourceField"] == "region"
    assert layer.columns[shown["valueAccessor"]]["sourceField"] == "count"
