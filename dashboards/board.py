"""A dashboard of rows of panels, and the classic JSON of it that Grafana 9 to 13 load."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grafanalib import core

from .annotations import ANNOTATIONS
from .variables import CLUSTER, DAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .panels import Json, Panel

WIDTH = 24
SCHEMA_VERSION = 39
TAGS = ("airflow", "windsock")

_ALL = {"text": ["All"], "value": ["$__all"]}
_BOARD_KEYS = {
    "annotations", "description", "editable", "graphTooltip", "links", "panels", "refresh", "schemaVersion", "tags",
    "templating", "time", "timezone", "title", "uid",
}  # fmt: skip
_CHOICE_KEYS = {
    "allValue", "current", "datasource", "hide", "includeAll", "label", "multi", "name", "query", "refresh", "regex",
    "sort", "type",
}  # fmt: skip
_ROW_KEYS = {"collapsed", "gridPos", "id", "panels", "title", "type"}
_PANEL_KEYS = {
    "datasource", "description", "fieldConfig", "gridPos", "id", "interval", "maxDataPoints", "options", "targets",
    "timeFrom", "title", "transformations", "type",
}  # fmt: skip
"""What Grafana's own dashboards have; grafanalib writes a dozen more that nothing reads any longer."""
_DEAD_OPTIONS = {"fieldOptions", "showThresholdLabels", "showThresholdMarkers"}
"""BarGauge's old shape: Grafana would let it overwrite unit and calculation."""


@dataclass(frozen=True)
class Row:
    """Panels, which flow from left to right, below a title; without one there is no line for it.

    A `closed` one shows its title alone, until somebody opens it: nothing in it is asked before.
    """

    title: str
    panels: Sequence[Panel]
    closed: bool = False


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
    rows: Sequence[Row],
    dag: Any = DAG,
    variables: Sequence[Any] = (),
    links: Sequence[Any] = (),
    span: str = "now-6h",
) -> str:
    """Return the dashboard's JSON: sorted, with nothing in it that Grafana would not read.

    Data source, cluster and DAG can be chosen on each of them: what a link carries along is never lost. `dag` is the
    choice of DAGs; `span` is how far back it looks at first.
    """
    dashboard = core.Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=list(TAGS),
        editable=False,
        graphTooltip=1,
        schemaVersion=SCHEMA_VERSION,
        refresh="1m",
        time=core.Time(span, "now"),
        timezone="utc",
        annotations=core.Annotations(list(ANNOTATIONS)),
        templating=core.Templating([_DATA_SOURCE_CHOICE, CLUSTER, dag, *variables]),
        links=[_OTHERS, *links],
        panels=_laid_out(rows),
    ).auto_panel_ids()
    return json.dumps(_clean(_plain(dashboard)), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


_DATA_SOURCE_CHOICE = core.Template("datasource", "prometheus", label="Data source", type="datasource")
_OTHERS = core.DashboardLink(title="Airflow dashboards", tags=[TAGS[0]], asDropdown=True, includeVars=True)


def _laid_out(rows: Sequence[Row]) -> list[Panel]:
    """Give each panel its place: rows one below the other, panels side by side as far as they fit."""
    placed: list[Panel] = []
    y = 0
    for row in rows:
        if row.title:
            head = core.RowPanel(title=row.title, collapsed=row.closed, gridPos=core.GridPos(h=1, w=WIDTH, x=0, y=y))
            placed.append(head)
            y += 1
        x, line, below = 0, 0, y
        for panel in row.panels:
            if x + panel.gridPos.w > WIDTH:
                below, x, line = below + line, 0, 0
            panel.gridPos = core.GridPos(h=panel.gridPos.h, w=panel.gridPos.w, x=x, y=below)
            x, line = x + panel.gridPos.w, max(line, panel.gridPos.h)
        if row.closed:
            head.panels = list(row.panels)
        else:
            placed += row.panels
            y = below + line
    return placed


def _plain(dashboard: Any) -> Json:
    plain: Json = json.loads(json.dumps(dashboard, default=lambda part: part.to_json_data()))
    return plain


def _clean(dashboard: Json) -> Json:
    choices = [_only(_CHOICE_KEYS, choice) for choice in dashboard["templating"]["list"]]
    panels = [_panel(panel) for panel in dashboard["panels"]]
    for choice in choices:
        choice["current"] = _ALL if choice["includeAll"] else {}
    pruned: Json = _pruned({**_only(_BOARD_KEYS, dashboard), "templating": {"list": choices}, "panels": panels})
    return pruned


def _panel(panel: Json) -> Json:
    if panel["type"] == "row":
        return {**_only(_ROW_KEYS, panel), "panels": [_panel(one) for one in panel["panels"]]}
    kept = _only(_PANEL_KEYS, panel)
    if "options" in kept:
        kept["options"] = _only(kept["options"].keys() - _DEAD_OPTIONS, kept["options"])
    return kept


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
