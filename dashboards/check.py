"""What a dashboard's JSON must be, so that Grafana loads all of them and no panel is silent without a reason."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from . import promql, targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .targets import Json

OLDEST_SCHEMA = 39
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Grafana refuses a longer one."""
_DEAD = frozenset({"graph", "singlestat", "table-old", "grafana-piechart-panel", "grafana-worldmap-panel"})
"""Panels of Angular, which Grafana 11 and later do not draw."""
_WITHOUT_QUERIES = frozenset({"text", "dashlist", "alertlist", "annolist", "news"})
_HOUR = 3600


def problems(texts: Mapping[str, str]) -> list[str]:
    """Return what is wrong with these dashboards, by file name: one line each, with file, panel and query."""
    found: list[str] = []
    boards: dict[str, Json] = {}
    for name, text in texts.items():
        try:
            board = json.loads(text)
        except ValueError as error:
            found.append(f"{name}: no JSON: {error}")
            continue
        if not isinstance(board, dict) or not isinstance(board.get("panels", []), list):
            found.append(f"{name}: expected a dashboard, an object with panels")
            continue
        boards[name] = board
    for name, board in boards.items():
        try:
            lines = [*_board(board), *_nulls(board), *_panels(board), *_queries(board)]
        except (AttributeError, KeyError, TypeError) as error:
            lines = [f"not what Grafana reads: {type(error).__name__}: {error}"]
        found += [f"{name}: {line}" for line in lines]
    return found + _twice(boards)


def _board(board: Json) -> Iterator[str]:
    if not _UID.fullmatch(str(board.get("uid", ""))):
        yield "uid: expected up to 40 letters, digits, - and _: without one Grafana makes a new one each time"
    if not board.get("title"):
        yield "title: expected one: Grafana refuses a dashboard without"
    schema = board.get("schemaVersion", 0)
    if not isinstance(schema, int) or schema < OLDEST_SCHEMA:
        yield f"schemaVersion: expected {OLDEST_SCHEMA} or more: Grafana rewrites what is older"
    for key in ("id", "version"):
        if key in board:
            yield f"{key}: belongs to one Grafana; leave it out"


def _twice(boards: Mapping[str, Json]) -> list[str]:
    """In one folder a uid or a title that stands twice stops Grafana's provider, for all other files too."""
    lines = []
    for key in ("uid", "title"):
        first: dict[str, str] = {}
        for name, board in boards.items():
            value = str(board.get(key, ""))
            if value and first.setdefault(value, name) != name:
                lines.append(f"{name}: {key} {value!r} is that of {first[value]} too: Grafana would load neither")
    return lines


def _nulls(value: Any, path: str = "") -> Iterator[str]:
    if value is None:
        yield f"{path}: null: leave it out"
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _nulls(one, f"{path}[{index}]")
    elif isinstance(value, dict):
        # The first step of a threshold holds from minus infinity on.
        steps = set(value) == {"color", "value"}
        for key, one in value.items():
            if not (steps and key == "value"):
                yield from _nulls(one, f"{path}.{key}" if path else key)


def _panels(board: Json) -> Iterator[str]:
    ids: set[Any] = set()
    titles: set[str] = set()
    for panel in board.get("panels", ()):
        if panel.get("type") == "row" and panel.get("panels") and not panel.get("collapsed"):
            yield f"row {panel.get('title', '')!r}: is open and holds panels, which vanish: put them behind it"
    for panel in (*board.get("panels", ()), *(one for one in targets.panels(board) if one not in board["panels"])):
        where = f"{'row' if panel.get('type') == 'row' else 'panel'} {panel.get('title', '')!r}"
        if panel.get("id") in ids:
            yield f"{where}: id {panel.get('id')} stands twice"
        ids.add(panel.get("id"))
        if panel.get("type") == "row":
            continue
        if panel.get("title") in titles:
            yield f"{where}: another panel has this title"
        titles.add(str(panel.get("title")))
        yield from (f"{where}: {line}" for line in _panel(panel))


def _panel(panel: Json) -> Iterator[str]:
    kind = panel.get("type", "")
    if not kind or kind in _DEAD:
        yield f"type {kind!r}: Grafana draws it no more"
    if not panel.get("title"):
        yield "has no title"
    if kind in _WITHOUT_QUERIES:
        return
    if not panel.get("description"):
        yield "description: expected what good looks like"
    if not panel.get("targets"):
        yield "has no query"
    if kind != "logs" and not panel.get("fieldConfig", {}).get("defaults", {}).get("noValue"):
        yield "fieldConfig.defaults.noValue: expected why there may be nothing to show"
    refs = [target.get("refId") for target in panel.get("targets", ())]
    if len(set(refs)) < len(refs):
        yield f"two queries have one refId: {', '.join(map(str, refs))}"


def _queries(board: Json) -> Iterator[str]:
    chosen = targets.values(board)
    for target in targets.targets(board):
        try:
            expr = targets.filled(target, chosen, _HOUR)
        except ValueError as error:
            yield f"{target}: {error}"
            continue
        for line in promql.problems(f"group({expr})" if target.variable else expr):
            yield f"{target}: {line}"
