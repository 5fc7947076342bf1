"""The queries in a dashboard's JSON, and what Grafana makes of one before it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json: TypeAlias = dict[str, Any]

SCRAPE = 15
"""Seconds between two scrapes, as the data source is told (deploy/grafana): `$__rate_interval` is made of it."""
POINTS = 1000
"""Points of a line that Grafana asks for: about the pixels of a panel over half of a screen."""
_STEPS = (15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds: what Grafana rounds a step to."""
_VARIABLE = re.compile(r"\$\{(\w+)(?:\.\w+)?(?::\w+)?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LABEL_VALUES = re.compile(r"label_values\(\s*(.+),\s*(\w+)\s*\)", re.DOTALL)
_QUERY_RESULT = re.compile(r"query_result\((.+)\)", re.DOTALL)


@dataclass(frozen=True)
class Target:
    """One query of PromQL; those of a variable and of an annotation have no panel."""

    place: str
    """`Failed tries`, `variable dag_id`, `annotation Firing alerts`."""
    ref: str
    expr: str
    """As it stands there: with Grafana's variables."""
    instant: bool = False
    """One value instead of a line."""
    no_value: str = ""
    """What the panel says where there is nothing."""
    smallest: int = SCRAPE
    """Seconds: the step is no smaller."""
    points: int = POINTS
    """Of a line, at most."""
    variable: str = ""
    """The name of the variable whose values this asks for …"""
    label: str = ""
    """… and the label that holds them: only the series themselves are asked for. Without one, a label of the variable's
    name holds them in the answer, in their order."""
    opens_on_first: bool = False
    """Whether the board opens on the first of them: the variable has no "All"."""
    window: int = 0
    """Seconds that the panel looks back, whatever the board's range is; 0: as the board."""

    def __str__(self) -> str:
        return f"{self.place}, query {self.ref}" if self.ref else self.place


def panels(board: Json) -> Iterator[Json]:
    """Yield the panels with something to show: no rows, but what a collapsed row holds."""
    for panel in board.get("panels", ()):
        if panel.get("type") == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def targets(board: Json) -> Iterator[Target]:
    """Yield every query of PromQL: of panels, annotations and variables."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            if "expr" in target:
                yield Target(
                    str(panel.get("title", "")),
                    str(target.get("refId", "")),
                    str(target["expr"]),
                    bool(target.get("instant")),
                    str(panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "")),
                    smallest=_seconds(str(panel.get("interval", ""))) or SCRAPE,
                    points=int(panel.get("maxDataPoints", POINTS)),
                    window=_seconds(str(panel.get("timeFrom", ""))),
                )
    for annotation in board.get("annotations", {}).get("list", ()):
        if annotation.get("expr"):
            yield Target(f"annotation {annotation.get('name', '')}", "", str(annotation["expr"]))
    for choice in board.get("templating", {}).get("list", ()):
        text = choice.get("query", "")
        text = str(text.get("query", "") if isinstance(text, dict) else text)
        found = _LABEL_VALUES.fullmatch(text) or _QUERY_RESULT.fullmatch(text)
        if choice.get("type") == "query" and found:
            name = str(choice.get("name", ""))
            first = not choice.get("includeAll")
            label = found[2] if found.re is _LABEL_VALUES else ""
            yield Target(
                f"variable {name}", "", found[1], instant=True, variable=name, label=label, opens_on_first=first
            )


def step(window: int, smallest: int = SCRAPE, points: int = POINTS) -> int:
    """Return the step in seconds that Grafana chooses for a range of `window` seconds."""
    wanted = max(smallest, window / points)
    return next((one for one in _STEPS if one >= wanted), _STEPS[-1])


def values(board: Json) -> dict[str, str]:
    """Return what each variable stands for as the board is opened: all, else its current or its first value.

    Of one whose values only a Prometheus knows it is all of them.
    """
    return {str(choice.get("name", "")): _value(choice) for choice in board.get("templating", {}).get("list", ())}


def filled(target: Target, chosen: Mapping[str, str], window: int, scrape: int = SCRAPE) -> str:
    """Return the expression for the board's range of `window` seconds. Raises ValueError for an unknown variable.

    `scrape`: seconds between two samples of what is asked.
    """
    window = target.window or window
    every = step(window, target.smallest, target.points)
    known = {
        "__rate_interval": f"{max(every + scrape, 4 * scrape)}s",
        "__interval": f"{every}s",
        "__interval_ms": f"{every * 1000}",
        "__range": f"{window}s",
        "__range_s": f"{window}",
        "__range_ms": f"{window * 1000}",
        **chosen,
    }

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[3]
        if name not in known:
            raise ValueError(f"no variable ${name}")
        return known[name]

    # A `$` that ends a regular expression has no name behind it.
    return _VARIABLE.sub(value, target.expr)


def _value(choice: Json) -> str:
    if choice.get("includeAll"):
        return str(choice.get("allValue") or ".*")
    current = choice.get("current", {}).get("value")
    if isinstance(current, list):
        current = "|".join(map(str, current))
    if current:
        return str(current)
    text = choice.get("query", "")
    if choice.get("type") == "query" or not isinstance(text, str):
        return ".*"
    return text.partition(",")[0].rpartition(" : ")[2].strip()


def _seconds(text: str) -> int:
    found = re.fullmatch(r">?(\d+)([smhd])", text)
    return int(found[1]) * _UNITS[found[2]] if found else 0
