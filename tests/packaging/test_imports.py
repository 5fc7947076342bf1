"""The import graph: no circle, for types neither, and each room of the exporter imports only what lies below it."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("windsock", "exporter", "dashboards", "alerts", "logging", "callbacks", "demo")

BELOW = {
    "process": set(),
    "series": set(),
    "statsd": {"process", "series"},
    "compat": {"series", "statsd"},
    "forecast": set(),
    "database": {"process", "series", "forecast"},
    "reconciler": {"process", "series", "database"},
    "web": {"process", "series", "statsd", "parts", "pipeline"},
    "otlp": {"process", "series", "statsd", "web"},
    "openlineage": {"process", "series", "statsd", "web"},
    "celery": {"process", "series"},
    "plugin": {"series", "database", "web"},
}
"""By room of the exporter: what of it the room may import. Commands, and what puts the rooms together, stand above."""


def modules() -> dict[str, Path]:
    """All modules by their full name."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if any(part.is_symlink() for part in (path, *path.parents) if part != ROOT and ROOT in part.parents):
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts if parts[0] == "windsock" else ("windsock", *parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules that one imports, anywhere in it and for types too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {f"{module}.{alias.name}" if f"{module}.{alias.name}" in known else module for alias in node.names}
    return (found & known.keys()) - {name}


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@cache
def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: imports(name, path, known) for name, path in known.items()}


def test_no_module_imports_itself_by_way_of_others():
    assert len(modules()) > 250
    assert circle(graph()) == []


def test_a_room_of_the_exporter_imports_what_lies_below_it():
    start = "windsock.exporter."
    wrong = []
    for name, found in graph().items():
        room = name.removeprefix(start).partition(".")[0] if name.startswith(start) else ""
        if room in BELOW and not name.endswith(".commands"):
            others = {one.removeprefix(start).partition(".")[0] for one in found if one.startswith(start)}
            wrong += [f"{name} imports {other}" for other in sorted(others - BELOW[room] - {room})]
    assert wrong == []
