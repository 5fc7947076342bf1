"""The dashboard of the logs, for Grafana with an Elasticsearch data source: the same searches as Kibana's.

The data source is that of deploy/grafana: its time field is `@timestamp`, its message field `event`, its level field
`level`. Shapes: https://grafana.com/docs/grafana/latest/datasources/elasticsearch/.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from windsock.links import LOGS_UID

from .searches import CHOICES, LINES, SHOWN, TOPS, VALUES

if TYPE_CHECKING:
    from .searches import Search, Top

Json = dict[str, Any]

# Not `datasource`: a link from another board would bring its Prometheus along under that name.
_SOURCE = {"type": "elasticsearch", "uid": "${logs}"}
_CHOSEN = "dag_id:$dag_id AND task_id:$task_id AND team:$team"


def dashboard() -> Json:
    """The dashboard's JSON; variables choose the data source, DAGs, tasks and teams."""
    panels = [
        _levels({"x": 0, "y": 0, "w": 24, "h": 8}),
        *(_top(top, {"x": 8 * place, "y": 8, "w": 8, "h": 9}) for place, top in enumerate(TOPS)),
        *(_lines(search, {"x": 0, "y": 17 + 12 * place, "w": 24, "h": 12}) for place, search in enumerate(LINES)),
    ]
    return {
        "uid": LOGS_UID,
        "title": "Airflow logs",
        "tags": ["airflow", "windsock"],
        "schemaVersion": 39,
        "editable": False,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "timezone": "browser",
        "templating": {
            "list": [
                {"type": "datasource", "name": "logs", "label": "Data source", "query": "elasticsearch"},
                _choice("dag_id", "DAG"),
                _choice("task_id", "Task"),
                _choice("team", "Team"),
            ]
        },
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }


def _choice(field: str, label: str) -> Json:
    return {
        "type": "query",
        "name": field,
        "label": label,
        "datasource": _SOURCE,
        "query": json.dumps({"find": "terms", "field": field, "size": CHOICES}),
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        # A line without a team is one of them too: `team:*` would leave it out.
        "allValue": f"(* OR (*:* AND NOT _exists_:{field}))",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(kind: str, title: str, query: str, place: Json, target: Json) -> Json:
    asked = {"refId": "A", "datasource": _SOURCE, "query": query, "timeField": "@timestamp", **target}
    return {"type": kind, "title": title, "datasource": _SOURCE, "gridPos": place, "targets": [asked]}


def _levels(place: Json) -> Json:
    buckets = [
        {"type": "terms", "id": "2", "field": "level", "settings": {"size": "6", "order": "desc", "orderBy": "_count"}},
        {"type": "date_histogram", "id": "3", "field": "@timestamp", "settings": {"interval": "auto"}},
    ]
    target = {"metrics": [{"type": "count", "id": "1"}], "bucketAggs": buckets}
    bars = {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"}}
    panel = _panel("timeseries", "Lines by level", _CHOSEN, place, target)
    return {**panel, "fieldConfig": {"defaults": {"custom": bars, "unit": "short"}, "overrides": []}}


def _top(top: Top, place: Json) -> Json:
    terms = {"size": str(VALUES), "order": "desc", "orderBy": "_count", "min_doc_count": "1"}
    buckets = [{"type": "terms", "id": "2", "field": top.field, "settings": terms}]
    target = {"metrics": [{"type": "count", "id": "1"}], "bucketAggs": buckets}
    return _panel("table", top.title, f"{top.query} AND {_CHOSEN}", place, target)


def _lines(search: Search, place: Json) -> Json:
    target = {"metrics": [{"type": "logs", "id": "1", "settings": {"limit": str(SHOWN)}}], "bucketAggs": []}
    panel = _panel("logs", search.title, f"{search.query} AND {_CHOSEN}", place, target)
    options = {"showTime": True, "sortOrder": "Descending", "enableLogDetails": True, "wrapLogMessage": True}
    return {**panel, "options": options}
