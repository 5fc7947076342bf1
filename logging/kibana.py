"""Kibana's saved objects as NDJSON, for Stack management → Saved objects → Import.

The form is that of Kibana's export: https://www.elastic.co/docs/api/doc/kibana/operation/operation-post-saved-objects-import.
The version of a type's form is said in `migrationVersion` (7.x) or `typeMigrationVersion` (since 8.8); a newer Kibana
migrates it. What 7.17 exports 9.x does not take, so each generation has a file of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .searches import SHOWN, TOPS, VALUES, indices, searches

if TYPE_CHECKING:
    from windsock.settings import Settings

    from .searches import Search, Top

_FORMS = {"index-pattern": "7.11.0", "search": "7.9.3", "visualization": "7.17.0", "dashboard": "7.17.0"}
_SOURCE = "kibanaSavedObjectMeta.searchSourceJSON.index"
Json = dict[str, Any]

_COUNT = {"id": "1", "enabled": True, "type": "count", "schema": "metric", "params": {}}
_AXIS = {"show": True, "labels": {"show": True, "truncate": 100}, "title": {}, "scale": {"type": "linear"}, "style": {}}
_LINES = {"show": True, "type": "histogram", "mode": "stacked", "valueAxis": "ValueAxis-1", "showCircles": True}
_STACKED = {
    "type": "histogram",
    "grid": {"categoryLines": False},
    "categoryAxes": [{"id": "CategoryAxis-1", "type": "category", "position": "bottom", **_AXIS}],
    "valueAxes": [{"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", **_AXIS}],
    "seriesParams": [{**_LINES, "data": {"id": "1", "label": "Lines"}}],
    "addTooltip": True,
    "addLegend": True,
    "legendPosition": "right",
    "times": [],
    "addTimeMarker": False,
}
_PLACES = ((0, 0, 48, 10), (0, 10, 16, 14), (16, 10, 16, 14), (32, 10, 16, 14), (0, 24, 48, 20))
"""Of each panel: x, y, width, height, of 48 columns."""


def ndjson(settings: Settings, version: str) -> str:
    """One object a line; `version` is one of filebeat.VERSIONS."""
    made = _Objects(version, settings.logs.index)
    view = made.view(indices(settings))
    found = [made.search(search) for search in searches(settings)]
    charts = [made.levels(), *map(made.top, TOPS)]
    objects = (view, *found, *charts, made.dashboard([*charts, found[0]]))
    return "".join(json.dumps(one, sort_keys=True) + "\n" for one in objects)


@dataclass(frozen=True)
class _Objects:
    """The saved objects of one data view, whose id is `index`, as that of all others begins."""

    version: str
    index: str

    def view(self, indices: str) -> Json:
        attributes = {"title": indices, "name": f"Airflow's logs ({self.index})", "timeFieldName": "@timestamp"}
        return self._object("index-pattern", self.index, attributes)

    def search(self, search: Search) -> Json:
        order = [[search.by, "asc"]] if search.by else []
        shown: Json = {"title": f"Airflow: {search.title}", "columns": list(search.columns)}
        if self.version != "7.17":  # there it is a setting of the whole of Kibana
            shown["sampleSize"] = SHOWN
        attributes = {**shown, "sort": [*order, ["@timestamp", "desc"]]}
        return self._of_the_view("search", search.name, search.query, attributes)

    def top(self, top: Top) -> Json:
        terms = {"field": top.field, "orderBy": "1", "order": "desc", "size": VALUES, "missingBucket": False}
        aggregations = [_COUNT, {"id": "2", "enabled": True, "type": "terms", "schema": "bucket", "params": terms}]
        params = {"perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "showTotal": False}
        state = {"title": f"Airflow: {top.title}", "type": "table", "aggs": aggregations, "params": params}
        return self._visualization(top.name, top.query, state)

    def levels(self) -> Json:
        times = {"field": "@timestamp", "interval": "auto", "min_doc_count": 1, "useNormalizedEsInterval": True}
        levels = {"field": "level", "orderBy": "1", "order": "desc", "size": 6}
        aggregations = [
            _COUNT,
            {"id": "2", "enabled": True, "type": "date_histogram", "schema": "segment", "params": times},
            {"id": "3", "enabled": True, "type": "terms", "schema": "group", "params": levels},
        ]
        state = {"title": "Airflow: Lines by level", "type": "histogram", "aggs": aggregations, "params": _STACKED}
        return self._visualization("levels", "*", state)

    def dashboard(self, shown: list[Json]) -> Json:
        panels, references = [], []
        for number, (one, (x, y, w, h)) in enumerate(zip(shown, _PLACES, strict=True), 1):
            name = f"panel_{number}"
            place = {"x": x, "y": y, "w": w, "h": h, "i": str(number)}
            panel = {"version": "7.17.0", "type": one["type"], "gridData": place, "panelIndex": str(number)}
            panels.append({**panel, "embeddableConfig": {"enhancements": {}}, "panelRefName": name})
            references.append({"name": f"{number}:{name}", "type": one["type"], "id": one["id"]})
        source = {"query": {"query": "", "language": "lucene"}, "filter": []}
        attributes = {
            "title": "Airflow: Logs",
            "description": "Click a DAG, a team or a type to see its lines only.",
            "panelsJSON": json.dumps(panels),
            "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
            "timeRestore": False,
            "version": 1,
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
        }
        return self._object("dashboard", f"{self.index}-overview", attributes, *references)

    def _visualization(self, name: str, query: str, state: Json) -> Json:
        attributes = {"title": state["title"], "visState": json.dumps(state), "uiStateJSON": "{}", "version": 1}
        return self._of_the_view("visualization", name, query, attributes)

    def _of_the_view(self, kind: str, name: str, query: str, attributes: Json) -> Json:
        source = {"query": {"query": query, "language": "lucene"}, "filter": [], "indexRefName": _SOURCE}
        meta = {"kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)}}
        view = {"id": self.index, "name": _SOURCE, "type": "index-pattern"}
        return self._object(kind, f"{self.index}-{name}", {"description": "", **attributes, **meta}, view)

    def _object(self, kind: str, name: str, attributes: Json, *references: Json) -> Json:
        forms: Json = (
            {"coreMigrationVersion": "7.17.0", "migrationVersion": {kind: _FORMS[kind]}}
            if self.version == "7.17"
            else {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": _FORMS[kind]}
        )
        return {"id": name, "type": kind, "attributes": attributes, "references": list(references), **forms}
