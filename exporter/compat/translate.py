"""From a line's head to a series by the rules of a mapping, as statsd_exporter does it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from windsock import catalog
from windsock.exporter.statsd.target import Operation, Rejected, Target
from windsock.exporter.statsd.translate import Translator
from windsock.settings.exporter import StatsD

from .escape import escape, escape_label, escape_metric

if TYPE_CHECKING:
    from windsock.catalog import Kind
    from windsock.exporter.statsd.line import Head

    from .mapping import Mapping, Match
    from .rule import LineKind, Rule

_KINDS: dict[str, LineKind] = {"c": "counter", "g": "gauge", "ms": "observer", "h": "observer", "d": "observer"}
_OPERATIONS: dict[Kind, Operation] = {"counter": "add", "gauge": "set", "histogram": "observe", "summary": "observe"}
# The labels that the exposition itself puts on a sample.
_RESERVED = {"histogram": "le", "summary": "quantile"}
_SUFFIXES = {"histogram": ("_sum", "_count", "_bucket"), "summary": ("_sum", "_count")}


class MappedTranslator(Translator):
    """Translates by a mapping alone: no catalogue, nothing is held back or left out as a duplicate.

    A metric lives as long as someone holds it, which are its series and what the learner remembers: the number of
    names is bounded by theirs.
    """

    def __init__(self, mapping: Mapping, prefix: str | None = None) -> None:
        super().__init__((), StatsD(prefix=""))
        self.prefix = prefix
        self._mapping = mapping
        self._metrics: WeakValueDictionary[str, catalog.Metric] = WeakValueDictionary(
            {metric.family: metric for metric in (*catalog.own(), *catalog.metadata())}
        )

    def use(self, mapping: Mapping) -> None:
        """Go on with another mapping; a metric that is there keeps its type, its help and its buckets."""
        self._mapping = mapping
        self._changes += 1

    def translate(self, head: Head, *, line_feed: bool = False) -> Target | Rejected:
        """Return what to do with the values of `head`."""
        del line_feed
        if head.dialect != "plain":
            self.dialect = head.dialect
        line = _KINDS[head.type]
        match = self._mapping.find(head.name, line)
        rule = match.rule
        if rule.drop:
            return Rejected("ignored", "dropped_by_mapping")
        name = escape_metric(match.name)
        if not name:
            return Rejected("sample_errors", "empty_name")
        kind = rule.observer.kind if line == "observer" else line
        if kind in _RESERVED and rule.scale <= 0:
            return Rejected("sample_errors", "scale_not_positive")
        metric = self._metric(name, kind, rule)
        if metric is None:
            return Rejected("sample_errors", "type_conflict")
        # Histograms and summaries are kept in milliseconds.
        factor = rule.scale * (1000.0 if head.type in ("h", "d") else 1.0)
        return Target(metric, _labels(head, match, kind), _OPERATIONS[kind], factor, relative=True)

    def _metric(self, name: str, kind: Kind, rule: Rule) -> catalog.Metric | None:
        """The metric of this name; None where its samples would collide with those of a metric of another kind."""
        metric = self._metrics.get(name)
        if metric is None and not self._collides(name, kind):
            observer = rule.observer
            metric = self._metrics[name] = catalog.Metric(
                name,
                name,
                kind,
                rule.help,
                (),
                "mapping",
                ttl=rule.ttl,
                buckets=observer.buckets if kind == "histogram" else (),
                quantiles=catalog.Quantiles(observer.quantiles, observer.max_age, observer.age_buckets),
            )
        return metric if metric is not None and metric.kind == kind and metric.source == "mapping" else None

    def _collides(self, name: str, kind: Kind) -> bool:
        if any(name + suffix in self._metrics for suffix in _SUFFIXES.get(kind, ())):
            return True
        # Next to a gauge nothing can collide, but so statsd_exporter sees it.
        others = ("histogram", "summary") if kind in _SUFFIXES else ("histogram", "summary", "gauge")
        bases = (self._metrics.get(name.removesuffix(suffix)) for suffix in _SUFFIXES["histogram"])
        return any(base is not None and base.family != name and base.kind in others for base in bases)


def _labels(head: Head, match: Match, kind: Kind) -> tuple[tuple[str, str], ...]:
    tags = {escape(key): value for key, value in head.tags}
    labels = {**match.labels, **tags} if match.rule.honor_labels else {**tags, **match.labels}
    reserved = _RESERVED.get(kind, "")
    return tuple(sorted((escape_label(label, reserved), value) for label, value in labels.items()))
