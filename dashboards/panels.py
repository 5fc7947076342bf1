"""The kinds of panels that the dashboards are made of; tables are in `tables.py`.

grafanalib is used here, in `tables.py`, `variables.py` and `board.py` only: what it leaves out, fills with a wrong
default or writes in a shape of old Grafana versions is put right in these functions, so that a dashboard reads as what
it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from grafanalib import core

from .queries import provenance, silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .queries import Query

Panel: TypeAlias = Any
"""One of grafanalib's panels, which has no types."""
Steps: TypeAlias = "Sequence[tuple[str, float | None]]"
"""Colours, each with the value from which it holds; the first one's is None."""
Words: TypeAlias = "Mapping[int, tuple[str, str]]"
"""Texts and colours by value."""
Json: TypeAlias = dict[str, Any]

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GOOD, WARN, BAD, IDLE, LENGTH = "blue", "orange", "dark-red", "text", "#7b7f8a"
"""Apart for the colour-blind too: by hue between good and the rest, by lightness between warning and bad."""
NEUTRAL: Steps = ((IDLE, None),)
FROM_ONE_BAD: Steps = ((GOOD, None), (BAD, 1.0))
FROM_ONE_WARN: Steps = ((GOOD, None), (WARN, 1.0))
ALIVE: Words = {0: ("stopped", BAD), 1: ("alive", GOOD)}
UP: Words = {0: ("down", BAD), 1: ("up", GOOD)}
BARS = 100
"""Bars side by side: with one for each pixel nobody sees one, and each costs Prometheus as much."""
REFS = "ABCDEFGHIJ"
_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    steps: Steps = NEUTRAL,
    words: Words | None = None,
    no_value: str | None = None,
    decimals: int | None = None,
    width: int = 4,
    height: int = 4,
    recent: str | None = None,
    interval: str | None = None,
    links: Sequence[Json] = (),
) -> Panel:
    """One number per series. `words` shows values as a text in a colour.

    `recent` looks at no more than that time; a rate is over `interval` at least.
    """
    return core.Stat(
        **common(title, description, [query], (width, height)),
        format=unit,
        decimals=decimals,
        thresholds=step_list(steps),
        mappings=[_words(words)] if words else [],
        noValue=no_value or silence([query], short=True),
        reduceCalc="lastNotNull",
        color={"mode": "thresholds"},
        colorMode="background" if words or len(steps) > 1 else "value",
        graphMode="none" if words or query.instant else "area",
        textMode="value_and_name" if query.legend else "value",
        timeFrom=recent,
        interval=interval,
        extraJson={"fieldConfig": {"defaults": {"links": list(links)}}},
    )


def timeseries(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    width: int = 8,
    height: int = 8,
    stacked: bool = False,
    bars: bool = False,
    coarse: bool = False,
    colors: Mapping[str, str] | None = None,
    steps: Steps = (),
    links: Sequence[Json] = (),
    no_value: str | None = None,
) -> Panel:
    """Lines or bars over time from zero up; `steps` draws thresholds; `colors` are by series' names, or `/patterns/`.

    Bars are stacked: side by side one would hide the other. `coarse` lines have no more points than there are bars:
    where each point costs Prometheus a look at all DAGs.
    """
    return core.TimeSeries(
        **common(title, description, queries, (width, height), points=BARS if bars or coarse else None),
        interval="1m",
        unit=unit,
        valueMin=0,
        drawStyle="bars" if bars else "line",
        fillOpacity=80 if bars else 20 if stacked else 5,
        lineWidth=0 if bars else 1,
        showPoints="never",
        stacking={"mode": "normal" if stacked or bars else "none", "group": "A"},
        thresholds=step_list(steps),
        thresholdsStyleMode="line" if steps else "off",
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=[override(name, color={"mode": "fixed", "fixedColor": c}) for name, c in (colors or {}).items()],
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links), "noValue": no_value or silence(queries)}},
            "options": {"legend": {"showLegend": True}},
        },
    )


def bars(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    decimals: int | None = None,
    width: int = 8,
    links: Sequence[Json] = (),
    no_value: str | None = None,
) -> Panel:
    """A horizontal bar for each series, the last value of it; one of them is always the longest, which is no alarm."""
    return core.BarGauge(
        **common(title, description, [query], (width, 8)),
        displayMode="gradient",
        orientation="horizontal",
        thresholds=[],
        extraJson={
            "fieldConfig": {
                "defaults": {
                    "unit": unit,
                    "decimals": decimals,
                    "min": 0,
                    "color": {"mode": "fixed", "fixedColor": LENGTH},
                    "links": list(links),
                    "noValue": no_value or silence([query]),
                },
                "overrides": [],
            },
            "options": {"showUnfilled": True, "reduceOptions": _LAST},
        },
    )


def states(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    *queries: Query,
    words: Words,
    width: int = 12,
    height: int = 8,
    links: Sequence[Json] = (),
    no_value: str | None = None,
) -> Panel:
    """A band for each series, in which each value is a text in a colour over time."""
    return core.StateTimeline(
        **common(title, description, queries, (width, height)),
        interval="1m",
        # A step, or colours by thresholds, would hide the texts.
        thresholds=[],
        mappings=[_words(words)],
        showValue="never",
        extraJson={
            "fieldConfig": {
                "defaults": {
                    "color": {"mode": "fixed", "fixedColor": IDLE},
                    "unit": "short",
                    "links": list(links),
                    "noValue": no_value or silence(queries),
                }
            },
            "options": {"legend": {"showLegend": True}},
        },
    )


def heatmap(title: str, description: str, query: Query, *, width: int = 12, no_value: str | None = None) -> Panel:
    """How many observations of seconds fell into each bucket; `query` is a sum by `le` of increases."""
    return core.Heatmap(
        **common(title, description, [query], (width, 8), form="heatmap"),
        interval="5m",
        options={
            "calculate": False,
            "yAxis": {"unit": "s"},
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
            "cellGap": 1,
        },
        extraJson={"fieldConfig": {"defaults": {"unit": "s", "noValue": no_value or silence([query])}}},
    )


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    """A link from a series or a cell."""
    return {"title": title, "url": url, "targetBlank": new_tab}


def common(  # noqa: PLR0913  a panel is its settings
    title: str,
    description: str,
    queries: Sequence[Query],
    size: tuple[int, int],
    *,
    form: str = "time_series",
    points: int | None = None,
) -> Json:
    """What every panel has; `form` is the shape in which Grafana reads the answers, `points` the most of a line."""
    return {
        "title": title,
        "description": f"{description}\n\n{provenance(queries)}".strip(),
        "dataSource": DATA_SOURCE,
        "targets": [_target(ref, query, form) for ref, query in zip(REFS, queries, strict=False)],
        "gridPos": core.GridPos(w=size[0], h=size[1], x=0, y=0),
        "maxDataPoints": points,
    }


def step_list(steps: Steps) -> list[Json]:
    """Thresholds as Grafana reads them."""
    return [{"color": color, "value": value} for color, value in steps]


def override(name: str, **properties: Any) -> Json:
    """What is different for the field of this name, or `/of this pattern/`; `__` stands for a dot."""
    return {
        "matcher": {"id": "byRegexp" if name.startswith("/") else "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
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


def _words(words: Words) -> Json:
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return {"type": "value", "options": options}
