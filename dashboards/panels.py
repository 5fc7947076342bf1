"""The kinds of panels that the dashboards are made of.

grafanalib is used here and in `board.py` only: what it leaves out, fills with a wrong default or writes in a shape of
old Grafana versions is put right in these functions, so that a dashboard reads as what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from grafanalib import core

from .queries import provenance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .queries import Query

Panel: TypeAlias = Any
"""One of grafanalib's panels, which has no types."""
Steps: TypeAlias = "Sequence[tuple[str, float | None]]"
"""Colours, each with the value from which it holds; the first one's is None."""
Json: TypeAlias = dict[str, Any]

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
NEUTRAL: Steps = (("text", None),)
FROM_ONE_RED: Steps = (("green", None), ("red", 1.0))
REFS = "ABCDEFGHIJ"


def stat(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    steps: Steps = NEUTRAL,
    words: Mapping[int, tuple[str, str]] | None = None,
    no_value: str = "no data",
    decimals: int | None = None,
    width: int = 4,
    recent: str | None = None,
) -> Panel:
    """One number per series. `words` shows values as a text in a colour; `recent` looks at no more than that time."""
    return core.Stat(
        **_common(title, description, [query], (width, 4)),
        format=unit,
        decimals=decimals,
        thresholds=_steps(steps),
        mappings=[_words(words)] if words else [],
        noValue=no_value,
        reduceCalc="lastNotNull",
        color={"mode": "thresholds"},
        colorMode="background" if words else "value",
        graphMode="none" if words or query.instant else "area",
        textMode="value_and_name" if query.legend else "value",
        timeFrom=recent,
    )


def timeseries(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    width: int = 8,
    stacked: bool = False,
    bars: bool = False,
    colors: Mapping[str, str] | None = None,
    steps: Steps = (),
    links: Sequence[Json] = (),
    no_value: str = "no data",
) -> Panel:
    """Lines or bars over time from zero up; `steps` draws thresholds; `colors` are by the series' names."""
    return core.TimeSeries(
        **_common(title, description, queries, (width, 8)),
        interval="1m",
        unit=unit,
        valueMin=0,
        drawStyle="bars" if bars else "line",
        fillOpacity=80 if bars else 20 if stacked else 5,
        lineWidth=0 if bars else 1,
        showPoints="never",
        stacking={"mode": "normal", "group": "A"} if stacked else {"mode": "none", "group": "A"},
        thresholds=_steps(steps),
        thresholdsStyleMode="line" if steps else "off",
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=[_override(name, color={"mode": "fixed", "fixedColor": c}) for name, c in (colors or {}).items()],
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links), "noValue": no_value}},
            "options": {"legend": {"showLegend": True}},
        },
    )


def bars(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    width: int = 8,
    links: Sequence[Json] = (),
) -> Panel:
    """A horizontal bar for each series, the last value of it."""
    return core.BarGauge(
        **_common(title, description, [query], (width, 8)),
        displayMode="gradient",
        orientation="horizontal",
        thresholds=[],
        extraJson={
            "fieldConfig": {
                "defaults": {"unit": unit, "min": 0, "color": {"mode": "continuous-BlYlRd"}, "links": list(links)},
                "overrides": [],
            },
            "options": {
                "showUnfilled": True,
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            },
        },
    )


@dataclass(frozen=True)
class Column:
    """A column of a table: `field` is a label, or the letter of the query whose value it shows."""

    field: str
    name: str
    unit: str = ""
    decimals: int | None = None
    steps: Steps = ()
    links: Sequence[Json] = ()


def table(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Sequence[Column],
    *,
    width: int = 12,
    no_value: str = "none",
) -> Panel:
    """A row for each combination of labels, sorted by the first column that shows a value, else by the first one."""
    values = {ref: f"Value #{ref}" if len(queries) > 1 else "Value" for ref in REFS[: len(queries)]}
    fields = [values.get(column.field, column.field) for column in columns]
    hidden = ["Time", *(value for value in values.values() if value not in fields)]
    first_value = next((column for column in columns if column.field in values), None)
    organize = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {field: index for index, field in enumerate(fields)},
        "renameByName": {field: column.name for field, column in zip(fields, columns, strict=True)},
    }
    return core.Table(
        **_common(title, description, queries, (width, 8), form="table"),
        thresholds=_steps(NEUTRAL),
        transformations=[
            *([{"id": "merge", "options": {}}] if len(queries) > 1 else []),
            {"id": "organize", "options": organize},
        ],
        overrides=[_override(column.name, **_cell(column)) for column in columns if _cell(column)],
        sortBy=[core.TableSortByField((first_value or columns[0]).name, first_value is not None)],
        extraJson={"fieldConfig": {"defaults": {"noValue": no_value}}},
    )


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    """A link from a series or a cell."""
    return {"title": title, "url": url, "targetBlank": new_tab}


def _common(
    title: str, description: str, queries: Sequence[Query], size: tuple[int, int], form: str = "time_series"
) -> Json:
    return {
        "title": title,
        "description": f"{description}\n\n{provenance(queries)}".strip(),
        "dataSource": DATA_SOURCE,
        "targets": [_target(ref, query, form) for ref, query in zip(REFS, queries, strict=False)],
        "gridPos": core.GridPos(w=size[0], h=size[1], x=0, y=0),
        "maxDataPoints": None,
    }


def _target(ref: str, query: Query, form: str) -> Json:
    instant = query.instant or form == "table"
    return {
        "datasource": DATA_SOURCE,
        "expr": query.scoped,
        "format": form,
        "instant": instant,
        "legendFormat": query.legend,
        "range": not instant,
        "refId": ref,
    }


def _steps(steps: Steps) -> list[Json]:
    return [{"color": color, "value": value} for color, value in steps]


def _words(words: Mapping[int, tuple[str, str]]) -> Json:
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return {"type": "value", "options": options}


def _override(name: str, **properties: Any) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def _cell(column: Column) -> Json:
    properties: Json = {}
    if column.unit:
        properties["unit"] = column.unit
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.links:
        properties["links"] = list(column.links)
    if column.steps:
        properties["thresholds"] = {"mode": "absolute", "steps": _steps(column.steps)}
        properties["color"] = {"mode": "thresholds"}
        # Grafana up to 9.3 reads the first, later ones the second.
        properties["custom__displayMode"] = "color-background-solid"
        properties["custom__cellOptions"] = {"type": "color-background", "mode": "basic"}
    return properties
