"""What is wrong with a query: no PromQL, a metric that nothing exposes, a counter's value as it is, a gauge's rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import promql_parser

from windsock import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RATES = frozenset({"rate", "increase", "irate"})
_OF_NO_VALUE = frozenset({"absent", "absent_over_time", "present_over_time", "changes", "resets", "group", "count"})
"""They look at whether there is a series or a change, not at the number that a counter happens to have reached."""
_OURS = ("airflow_", "windsock_")
_SUFFIXES = ("_bucket", "_sum", "_count")


def problems(expr: str) -> list[str]:
    """Return what is wrong with an expression without Grafana's variables, one line each."""
    try:
        parsed = promql_parser.parse(expr)
    except ValueError as error:
        return [f"no PromQL: {error}"]
    return list(dict.fromkeys(_problems(parsed)))


def names(expr: str) -> list[str]:
    """Return the names of what an expression reads, in their order. Raises ValueError for what is no PromQL."""
    return list(dict.fromkeys(name for name, _ in _read(promql_parser.parse(expr), ())))


def reads(read: Iterable[str], metric: str) -> bool:
    """Whether a metric, or one of a histogram's samples, is among the names that a query reads."""
    return any(name == metric or name in {metric + suffix for suffix in _SUFFIXES} for name in read)


def kind(name: str) -> str:
    """Return the kind of a sample: counter, gauge; a histogram's samples are counters. Raises KeyError."""
    try:
        found = catalog.family(name)
    except KeyError:
        suffix = next((one for one in _SUFFIXES if name.endswith(one)), "")
        found = catalog.family(name.removesuffix(suffix))
        if not suffix or found.kind != "histogram":
            raise KeyError(name) from None
        return "counter"
    return found.kind


def _problems(parsed: Any) -> Iterator[str]:
    for name, within in _read(parsed, ()):
        if not name.startswith(_OURS) or name.startswith(("airflow_custom_", catalog.UNMAPPED)):
            continue
        try:
            found = kind(name)
        except KeyError:
            yield f"nothing exposes {name}"
            continue
        if found == "histogram":
            yield f"{name} is a histogram: its samples are {', '.join(name + suffix for suffix in _SUFFIXES)}"
        elif found == "counter" and not {*within} & (_RATES | _OF_NO_VALUE):
            yield f"the counter {name} is neither under rate() nor under increase()"
        elif found == "gauge" and (asked := {*within} & _RATES):
            yield f"the gauge {name} is under {min(asked)}(), which is for counters"


def _read(node: Any, within: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each name that is read, and the functions and aggregations around it."""
    match type(node).__name__:
        case "VectorSelector":
            yield node.name or "", within
        case "MatrixSelector":
            yield from _read(node.vector_selector, within)
        case "AggregateExpr":
            yield from _read(node.expr, (*within, str(node.op)))
        case "Call":
            for argument in node.args:
                yield from _read(argument, (*within, node.func.name))
        case "BinaryExpr":
            yield from _read(node.lhs, within)
            yield from _read(node.rhs, within)
        case "ParenExpr" | "UnaryExpr" | "SubqueryExpr":
            yield from _read(node.expr, within)
        case _:
            pass
