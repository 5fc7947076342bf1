"""A dashboard of rows of panels, and the classic JSON of it that Grafana 9 to 13 load."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grafanalib import core

from .panels import DATA_SOURCE, Json, Panel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 24
SCHEMA_VERSION = 39
TAGS = ("airflow", "windsock")

_ALL = {"text": ["All"], "value": ["$__all"]}
_BOARD_KEYS = {
    "annotations", "description", "editable", "graphTooltip", "links", "panels", "refresh", "schemaVersion", "tags",
    "templating", "time", "timezone", "title", "uid",
}  # fmt: skip
_CHOICE_KEYS = {
    "allValue", "current", "datasource", "hide", "includeAll", "label", "multi", "name", "query", "refresh", "sort",
    "type",
}  # fmt: skip
_ROW_KEYS = {"collapsed", "gridPos", "id", "panels", "title", "type"}
_PANEL_KEYS = {
    "datasource", "description", "fieldConfig", "gridPos", "id", "interval", "options", "targets", "timeFrom", "title",
    "transformations", "type",
}  # fmt: skip
"""What Grafana's own dashboards have; grafanalib writes a dozen more that nothing reads any longer."""
_DEAD_OPTIONS = {"fieldOptions", "showThresholdLabels", "showThresholdMarkers"}
"""BarGauge's old shape: Grafana would let it overwrite unit and calculation."""


@dataclass(frozen=True)
class Row:
    """A title over panels, which flow from left to right."""

    title: str
    panels: Sequence[Panel]


def variable(name: str, label: str, query: str) -> Any:
    """A choice of label values; "All" is one `.*` in each query, however many values there are."""
    return core.Template(
        name, query, label=label, dataSource=DATA_SOURCE, includeAll=True, multi=True, allValue=".*", refresh=2
    )


def outside(targets: Mapping[str, str | None]) -> list[Any]:
    """Links at the top to other places, by title; those that are not configured are left out."""
    return [
        core.DashboardLink(type="link", title=title, uri=url, targetBlank=True, keepTime=False)
        for title, url in targets.items()
        if url
    ]


def board(  # noqa: PLR0913  a dashboard is its settings
    *,
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Any],
    rows: Sequence[Row],
    links: Sequence[Any] = (),
) -> str:
    """Return the dashboard's JSON: sorted, with nothing in it that Grafana would not read."""
    dashboard = core.Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=list(TAGS),
        editable=False,
        graphTooltip=1,
        schemaVersion=SCHEMA_VERSION,
        refresh="1m",
        time=core.Time("now-6h", "now"),
        timezone="utc",
        annotations=core.Annotations([_FIRING]),
        templating=core.Templating([_DATA_SOURCE_CHOICE, *variables]),
        links=[_OTHERS, *links],
        panels=_laid_out(rows),
    ).auto_panel_ids()
    return json.dumps(_clean(_plain(dashboard)), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


_DATA_SOURCE_CHOICE = core.Template("datasource", "prometheus", label="Data source", type="datasource")
_OTHERS = core.DashboardLink(title="Airflow dashboards", tags=[TAGS[0]], asDropdown=True, includeVars=True)
_FIRING = {
    "name": "Firing alerts",
    "datasource": DATA_SOURCE,
    "enable": True,
    "iconColor": "red",
    # A step as long as the window draws regions; a smaller one would draw a line for each point.
    "expr": 'max_over_time(ALERTS{alertstate="firing",alertname!="Watchdog",cluster=~"$cluster"}[15m])',
    "step": "15m",
    "titleFormat": "{{alertname}}",
    "textFormat": "{{dag_id}} {{severity}}",
    "tagKeys": "severity",
}


def _laid_out(rows: Sequence[Row]) -> list[Panel]:
    """Give each panel its place: rows one below the other, panels side by side as far as they fit."""
    placed: list[Panel] = []
    y = 0
    for row in rows:
        placed.append(core.RowPanel(title=row.title, gridPos=core.GridPos(h=1, w=WIDTH, x=0, y=y)))
        y, x, line = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.gridPos.w > WIDTH:
                y, x, line = y + line, 0, 0
            panel.gridPos = core.GridPos(h=panel.gridPos.h, w=panel.gridPos.w, x=x, y=y)
            x, line = x + panel.gridPos.w, max(line, panel.gridPos.h)
            placed.append(panel)
        y += line
    return placed


def _plain(dashboard: Any) -> Json:
    plain: Json = json.loads(json.dumps(dashboard, default=lambda part: part.to_json_data()))
    return plain


def _clean(dashboard: Json) -> Json:
    choices = [_only(_CHOICE_KEYS, choice) for choice in dashboard["templating"]["list"]]
    panels = [_only(_ROW_KEYS if panel["type"] == "row" else _PANEL_KEYS, panel) for panel in dashboard["panels"]]
    for panel in panels:
        if "options" in panel:
            panel["options"] = _only(panel["options"].keys() - _DEAD_OPTIONS, panel["options"])
    for choice in choices:
        choice["current"] = _ALL if choice["includeAll"] else {}
    pruned: Json = _pruned({**_only(_BOARD_KEYS, dashboard), "templating": {"list": choices}, "panels": panels})
    return pruned


def _only(keys: set[str], part: Json) -> Json:
    return {key: value for key, value in part.items() if key in keys}


def _pruned(value: Any) -> Any:
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    if isinstance(value, dict):
        # The first step of a threshold is "from minus infinity", which is a null that means something.
        keep_null = set(value) == {"color", "value"}
        return {key: _pruned(item) for key, item in value.items() if item is not None or keep_null}
    return value
