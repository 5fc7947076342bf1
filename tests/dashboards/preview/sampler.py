"""A board with a panel of each kind that Grafana has and that dashboards may use."""

from __future__ import annotations

import json
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
STATES = {
    "type": "value",
    "options": {"0": {"text": "stopped", "color": "red"}, "1": {"text": "running", "color": "green"}},
}
REDUCED = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
ORGANIZED = {
    "excludeByName": {"Time": True},
    "indexByName": {"dag_id": 0, "Value #B": 1, "Value #A": 2},
    "renameByName": {"dag_id": "DAG", "Value #A": "Good", "Value #B": "Bad"},
}
HERE = "/d/windsock-overview?${__url_time_range}&${cluster:queryparam}&var-dag_id="
LINK = {"title": "Only ${__field.labels.dag_id}", "url": HERE + "${__field.labels.dag_id:percentencode}"}
CELL = {"title": "Open", "url": HERE + "${__data.fields.DAG:percentencode}"}


def ended(state: str) -> str:
    return f'sum by (dag_id) (increase(airflow_ti_finish_total{{dag_id=~"$dag_id",state="{state}"}}[$__range]))'


def target(expr: str, ref: str = "A", **more: Any) -> dict[str, Any]:
    return {"datasource": SOURCE, "expr": expr, "refId": ref, "range": True, "instant": False, **more}


def instant(expr: str, ref: str = "A", **more: Any) -> dict[str, Any]:
    return target(expr, ref, range=False, instant=True, **more)


def panel(kind: str, title: str, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "title": title, "datasource": SOURCE, "targets": list(targets), **more}


def looks(*overrides: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    return {"defaults": defaults, "overrides": list(overrides)}


def override(name: str, **properties: Any) -> dict[str, Any]:
    given = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": given}


PANELS = [
    panel(
        "stat",
        "words",
        instant("up", legendFormat="{{job}}"),
        fieldConfig=looks(mappings=[STATES], color={"mode": "thresholds"}),
        options={**REDUCED, "colorMode": "background", "textMode": "value_and_name"},
    ),
    panel("stat", "empty", instant("nothing_of_that_name"), fieldConfig=looks(noValue="Airflow 3.2 and later")),
    panel("stat", "seconds", instant("vector(5400)"), fieldConfig=looks(unit="s"), options=REDUCED),
    panel("stat", "bytes", instant("vector(3 * 1024 * 1024)"), fieldConfig=looks(unit="bytes"), options=REDUCED),
    panel(
        "stat", "share", instant("vector(0.1234)"), fieldConfig=looks(unit="percentunit", decimals=1), options=REDUCED
    ),
    panel(
        "stat",
        "window",
        instant("vector($__range_s) + 0 * count_over_time(vector(1)[$__rate_interval:15s])"),
        options=REDUCED,
    ),
    panel(
        "gauge",
        "dial",
        instant("vector(40)"),
        fieldConfig=looks(
            max=80,
            unit="percent",
            thresholds={
                "mode": "absolute",
                "steps": [{"color": "green", "value": None}, {"color": "red", "value": 60}],
            },
        ),
        options=REDUCED,
    ),
    panel(
        "bargauge",
        "bars",
        instant(ended("failed"), legendFormat="{{dag_id}}"),
        fieldConfig=looks(min=0, links=[LINK], color={"mode": "continuous-BlYlRd"}),
        options=REDUCED,
    ),
    panel(
        "timeseries",
        "lines",
        target(ended("success"), legendFormat="{{dag_id}}"),
        fieldConfig=looks(
            override("billing", color={"mode": "fixed", "fixedColor": "purple"}),
            links=[LINK],
            min=0,
            custom={"thresholdsStyle": {"mode": "line"}, "fillOpacity": 10},
            thresholds={"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 5}]},
        ),
        options={
            "legend": {"showLegend": True, "displayMode": "table", "calcs": ["max"], "sortBy": "Max", "sortDesc": True},
            "tooltip": {"mode": "multi"},
        },
    ),
    panel(
        "timeseries",
        "stack",
        target("sum by (state) (rate(airflow_ti_finish_total[$__rate_interval]))", legendFormat="{{state}}"),
        fieldConfig=looks(
            custom={"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
        ),
        interval="1m",
    ),
    panel(
        "table",
        "joined",
        instant(ended("success"), "A", format="table"),
        instant(ended("failed"), "B", format="table"),
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": ORGANIZED}],
        fieldConfig=looks(
            override("DAG", links=[CELL]),
            override(
                "Bad",
                decimals=0,
                color={"mode": "thresholds"},
                custom__cellOptions={"type": "color-background"},
                thresholds={
                    "mode": "absolute",
                    "steps": [{"color": "transparent", "value": None}, {"color": "red", "value": 1}],
                },
            ),
        ),
        options={"sortBy": [{"displayName": "Bad", "desc": True}]},
    ),
    panel(
        "state-timeline",
        "states",
        target("up", legendFormat="{{job}}"),
        fieldConfig=looks(mappings=[STATES], color={"mode": "fixed", "fixedColor": "text"}),
    ),
    panel(
        "status-history",
        "history",
        target("up", legendFormat="{{job}}"),
        interval="1m",
        fieldConfig=looks(mappings=[STATES]),
    ),
    panel(
        "heatmap",
        "buckets",
        target(
            "sum by (le) (increase(airflow_dagrun_schedule_delay_seconds_bucket[$__rate_interval]))",
            format="heatmap",
            legendFormat="{{le}}",
        ),
        options={"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges"}},
    ),
    panel("piechart", "pie", instant(ended("success"), legendFormat="{{dag_id}}"), options=REDUCED),
    panel(
        "barchart",
        "matrix",
        instant("sum by (dag_id, state) (airflow_ti_finish_total)", format="table"),
        transformations=[
            {"id": "groupingToMatrix", "options": {"rowField": "dag_id", "columnField": "state", "valueField": "Value"}}
        ],
        options={"orientation": "horizontal", "stacking": "normal"},
    ),
    panel("alertlist", "alerts", options={"stateFilter": {"firing": True}}),
    panel(
        "text",
        "words on it",
        options={
            "mode": "markdown",
            "content": "**Bold** of ${dag_id:text} <b id='never'>and [a link](https://example.org/x)",
        },
    ),
    panel("dashlist", "others", options={"tags": ["airflow"]}),
    panel("logs", "log lines", {"refId": "A", "datasource": {"type": "elasticsearch", "uid": "x"}, "query": "*"}),
    panel("timeseries", "elsewhere", {"refId": "A", "datasource": {"type": "elasticsearch", "uid": "x"}, "query": "*"}),
    panel("geomap", "unheard of", instant("up")),
    panel("table", "unknown transformation", instant("up", format="table"), transformations=[{"id": "heatmap"}]),
    panel("stat", "wrong query", instant("sum(up) by by")),
]


def _placed() -> list[dict[str, Any]]:
    for index, one in enumerate(PANELS):
        one.update(id=index + 1, gridPos={"x": index % 4 * 6, "y": index // 4 * 8, "w": 6, "h": 8})
    hidden = {**panel("stat", "in a closed row", instant("vector(7)"), options=REDUCED), "id": 98}
    hidden["gridPos"] = {"x": 0, "y": 101, "w": 6, "h": 4}
    closed = {"type": "row", "title": "Closed", "id": 99, "collapsed": True, "panels": [hidden], "gridPos": {"y": 100}}
    return [*PANELS, closed]


def _choice(name: str, query: str) -> dict[str, Any]:
    return {
        "type": "query",
        "name": name,
        "label": name,
        "query": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "sort": 1,
        "current": {"text": ["All"], "value": ["$__all"]},
        "datasource": SOURCE,
    }


BOARD: dict[str, Any] = {
    "uid": "sampler",
    "title": "Sampler",
    "tags": ["airflow"],
    "schemaVersion": 39,
    "time": {"from": "now-1h", "to": "now"},
    "refresh": "",
    "panels": _placed(),
    "links": [
        {
            "type": "dashboards",
            "title": "Airflow dashboards",
            "tags": ["airflow"],
            "asDropdown": True,
            "includeVars": True,
            "keepTime": True,
        }
    ],
    "annotations": {
        "list": [
            {
                "name": "Alerts",
                "expr": 'ALERTS{alertstate="firing"}',
                "step": "1m",
                "enable": True,
                "iconColor": "red",
                "titleFormat": "{{alertname}}",
            }
        ]
    },
    "templating": {
        "list": [
            {"type": "datasource", "name": "datasource", "query": "prometheus", "current": {}},
            _choice("cluster", "label_values(up, cluster)"),
            _choice("dag_id", 'label_values(airflow_ti_finish_total{cluster=~"$cluster"}, dag_id)'),
        ]
    },
}


def part(*titles: str) -> dict[str, str]:
    """A board of these panels only, as `small.json`."""
    panels = [one for one in PANELS if one["title"] in titles]
    return {"small.json": json.dumps({**BOARD, "uid": "small", "panels": panels})}
