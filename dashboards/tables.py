"""Tables: a row for each combination of labels, a column for each label or query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafanalib import core

from .panels import NEUTRAL, REFS, common, override, step_list
from .queries import silence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .panels import Json, Panel, Steps
    from .queries import Query


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
    height: int = 8,
    no_value: str | None = None,
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
        **common(title, description, queries, (width, height), form="table"),
        thresholds=step_list(NEUTRAL),
        transformations=[
            *([{"id": "merge", "options": {}}] if len(queries) > 1 else []),
            {"id": "organize", "options": organize},
        ],
        overrides=[override(column.name, **_cell(column)) for column in columns if _cell(column)],
        sortBy=[core.TableSortByField((first_value or columns[0]).name, first_value is not None)],
        extraJson={"fieldConfig": {"defaults": {"unit": "short", "noValue": no_value or silence(queries)}}},
    )


def _cell(column: Column) -> Json:
    properties: Json = {}
    if column.unit:
        properties["unit"] = column.unit
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.links:
        properties["links"] = list(column.links)
    if column.steps:
        properties["thresholds"] = {"mode": "absolute", "steps": step_list(column.steps)}
        properties["color"] = {"mode": "thresholds"}
        # Grafana up to 9.3 reads the first, later ones the second.
        properties["custom__displayMode"] = "color-background-solid"
        properties["custom__cellOptions"] = {"type": "color-background", "mode": "basic"}
    return properties
