"""What the state file holds: series and what the translator learned, with a checksum, and all of it checked.

A line of JSON with the format and the SHA-256 of what follows, then one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .series.budget import refused_by
from .series.kinds import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .series.labels import Labels
    from .series.store import SeriesStore
    from .statsd.translate import Translator

_FORMAT = "windsock exporter state 3"
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = frozenset({"le", "quantile"})
_KINDS = frozenset({"counter", "gauge", "histogram"})
_LEARNED: dict[str, tuple[Any, ...]] = {
    "major": ("", "2", "3"),
    "dialect": ("", "plain", "influxdb", "datadog"),
    "parse_times_in_milliseconds": (False, True),
}
_FORMS = ("modern", "legacy", "untagged")


@dataclass(frozen=True)
class Row:
    """One counter, or one histogram with its sum as value."""

    family: str
    labels: Labels
    shown: bool
    value: float
    counts: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Saved:
    """A state that can be restored: whatever is in it may be exposed."""

    learned: dict[str, Any]
    custom: list[tuple[str, Any]]
    """Names that lines brought along, and their kinds."""
    rows: list[Row]


def dump(store: SeriesStore, translator: Translator) -> bytes:
    """The file's content."""
    metrics = (one.metric for one in store.families.values())
    custom = [(metric.name, metric.kind) for metric in metrics if metric.source in ("custom", "unmapped")]
    state = {"learned": translator.learned(), "custom": custom, "series": list(_series(store))}
    body = json.dumps(state, separators=(",", ":")).encode()
    return json.dumps({"format": _FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode() + b"\n" + body


def parse(content: bytes) -> Saved:
    """Raises ValueError, which says what is wrong, where the content is not what `dump` gave."""
    head, _, body = content.partition(b"\n")
    said = _load(head[:1000])
    if not isinstance(said, dict) or said.get("format") != _FORMAT:
        raise ValueError(f"expected {_FORMAT!r}")
    if said.get("sha256") != hashlib.sha256(body).hexdigest():
        raise ValueError("its checksum does not fit: it was cut or changed")
    state = _load(body)
    try:
        rows = [_row(*values) for values in state["series"]]
        custom = [(_text(name), _one_of(kind, _KINDS)) for name, kind in state["custom"]]
        learned = _learned(state["learned"])
    except (TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if len({(row.family, row.labels) for row in rows}) != len(rows):
        raise ValueError("a series stands twice")
    return Saved(learned, custom, rows)


def _series(store: SeriesStore) -> Iterator[list[Any]]:
    """[family, labels, shown, value] of a counter; [family, labels, shown, sum, counts, bounds] of a histogram.

    Gauges are left out: what they say is true only while someone says it. So is what grew beyond all numbers.
    """
    for name, family in store.families.items():
        for labels, series in family.series.items():
            shown = series not in family.unborn
            if isinstance(series, Counter) and math.isfinite(series.value):
                yield [name, labels, shown, series.value]
            elif isinstance(series, Histogram) and math.isfinite(series.sum):
                yield [name, labels, shown, series.sum, series.counts, series.bounds]


def _load(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _row(family: Any, labels: Any, shown: Any, value: Any, *rest: Any) -> Row:
    counts, bounds = rest or ((), ())
    return Row(
        _text(family),
        _labels([(_text(name), _text(text)) for name, text in labels]),
        _one_of(shown, (False, True)),
        _number(value),
        tuple(int(_number(count)) for count in counts),
        tuple(float(bound) for bound in bounds),
    )


def _labels(given: list[tuple[str, str]]) -> Labels:
    names = [name for name, _ in given]
    labels = tuple(given)
    if names != sorted(set(names)) or ("overflow" in names and refused_by(labels) is None):
        raise ValueError(f"no labels of one series: {', '.join(names)[:200]!r}")
    for name in names:
        if not _LABEL.fullmatch(name) or name.startswith("__") or name in _RESERVED:
            raise ValueError(f"no label of Prometheus: {name[:200]!r}")
    return labels


def _learned(learned: dict[str, Any]) -> dict[str, Any]:
    return {
        "forms": {_text(name): _one_of(form, _FORMS) for name, form in learned["forms"].items()},
        "dag_ids": [_text(dag_id) for dag_id in learned["dag_ids"]],
        **{name: _one_of(learned[name], values) for name, values in _LEARNED.items()},
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    value.encode()  # half of a character can't be exposed
    return value


def _number(value: Any) -> float:
    """What a counter can have counted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"expected a number that is not below 0, got {str(value)[:50]}")
    return value


def _one_of(value: Any, known: Any) -> Any:
    if value not in known:
        raise ValueError(f"expected one of {', '.join(map(str, known))}, got {str(value)[:50]!r}")
    return value
