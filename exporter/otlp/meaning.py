"""What a point is about: the same series that the same fact has when it comes over StatsD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from windsock.exporter.statsd.legacy import LegacyForms
from windsock.exporter.statsd.line import LONGEST_KEY, LONGEST_NAME, LONGEST_VALUE, MOST_TAGS, Head
from windsock.exporter.statsd.memory import Memory
from windsock.exporter.statsd.target import Rejected, Target
from windsock.exporter.statsd.translate import Translator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.catalog import Metric
    from windsock.exporter.statsd.legacy import Form
    from windsock.exporter.statsd.line import Tags, Type
    from windsock.exporter.statsd.names import Found
    from windsock.settings.exporter import Exporter as ExporterSettings

_KNOWN, _KNOWN_BYTES = 262_144, 32 << 20
_ENTRY = 800
"""Bytes that Python needs for an entry beside its text."""
_TIMERS: dict[str, Type] = {"ms": "ms", "": "ms", "s": "h"}
"""By the unit of a histogram: what a StatsD line in this unit has as its type. Airflow's are all in ms."""
_LASTING = frozenset({"statsd", "windsock"})
"""Sources of metrics that are there for ever; others are admitted again with each point, as they may have gone."""


class ModernForms(LegacyForms):
    """Over OpenTelemetry no modern name comes without its attributes, and no legacy one, lower-cased, without it."""

    @override
    def choose(self, found: Found, labels: dict[str, str]) -> Form | None:
        # What windsock's own callbacks send comes in one form alone, whichever it is.
        return "legacy" if found.form != "modern" and found.metric.source == "statsd" else None


class Meanings:
    """Remembers what was worked out before."""

    def __init__(self, settings: ExporterSettings, metrics: Iterable[Metric], statsd: Translator) -> None:
        config = settings.statsd.model_copy(update={"prefix": settings.otlp.prefix})
        # What DAG authors and plugins bring along has one budget, whichever way it comes.
        self.translator = Translator(metrics, config, statsd.custom, statsd.unmapped)
        self.translator.forms = ModernForms()
        self._known: Memory[tuple[str, Type, Tags], Target | str] = Memory(_KNOWN, _KNOWN_BYTES)
        self._generation = self.translator.generation

    def find(self, name: str, kind: Type, tags: Tags) -> Target | str:
        """The series, and what a value does to it; or why a point is not stored, in one word."""
        key = name, kind, tags
        known = self._known.get(key)
        if known is not None:
            return known
        size = sum(len(tag) + len(value) for tag, value in tags)
        if len(name) > LONGEST_NAME or len(tags) > MOST_TAGS:
            return "too_long"
        if any(len(tag) > LONGEST_KEY or len(value) > LONGEST_VALUE for tag, value in tags):
            return "too_long"
        found = self._work_out(name, kind, tags)
        if self.translator.generation != self._generation:
            self._generation = self.translator.generation
            self._known.clear()
        if isinstance(found, str) or found.metric.source in _LASTING:
            self._known.keep(key, found, _ENTRY + len(name) + size)
        return found

    def _work_out(self, name: str, kind: Type, tags: Tags) -> Target | str:
        # An attribute without a value, or without a name, is none.
        told = tuple((tag, value) for tag, value in tags if tag and value)
        verdict = self.translator.translate(Head(name, kind, 1.0, told, "influxdb"))
        if isinstance(verdict, Rejected):
            return verdict.reason if verdict.kind in ("sample_errors", "duplicates") else verdict.kind
        return verdict if isinstance(verdict, Target) else "legacy"


def kind_of(data: str, held: Any, unit: str) -> Type | None:
    """What points are as StatsD lines: `data` is their form, `held` what holds them; None: a unit that is no time's."""
    if data.endswith("histogram"):
        return _TIMERS.get(unit)
    return "g" if data == "gauge" or (data == "sum" and not held.is_monotonic) else "c"
