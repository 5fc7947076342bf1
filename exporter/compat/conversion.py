"""From a mapping file to windsock.yaml: what the catalogue knows by itself, what needs the file, what is lost."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from windsock.exporter.statsd.prefix import advice, foreign_prefix

from .chart import helm_chart
from .recognition import examples, recognise, sent_as
from .rule import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .file import MappingFile
    from .mapping import Mapping
    from .recognition import Recognised
    from .rule import Rule


@dataclass(frozen=True)
class Conversion:
    """What becomes of a mapping file."""

    configuration: dict[str, Any]
    """The `exporter` section of windsock.yaml."""
    known: tuple[Recognised, ...]
    unknown: tuple[Rule, ...]
    """The catalogue has no metric for these."""
    lost: tuple[str, ...]


def convert(path: str, file: MappingFile, prefix: str) -> Conversion:
    """Work out what becomes of a mapping file; `prefix` is Airflow's `statsd_prefix`."""
    recognised = tuple(recognise(file.mapping, prefix))
    matched = tuple(one for one in recognised if one.matches)
    known = tuple(one for one in matched if not one.rule.drop)
    rules = {id(one.rule) for one in recognised}
    unknown = tuple(rule for rule in file.mapping.rules if id(rule) not in rules and not rule.drop)
    lost = [*file.remarks, *_never_matching(recognised), *_foreign(unknown, prefix)]
    if _is_chart(file.mapping, prefix):
        configuration: dict[str, Any] = {"naming": "helm-chart"}
    elif unknown:
        configuration = {"mapping_config": path}
    else:
        buckets = {one.metric.family: list(one.rule.observer.buckets) for one in known if _has_buckets(one)}
        configuration = {"naming": "prometheus", **({"buckets": buckets} if buckets else {})}
        lost += _lost_in_catalogue(file.mapping, matched)
    return Conversion(configuration, known, unknown, tuple(lost))


def _never_matching(recognised: Sequence[Recognised]) -> Iterator[str]:
    """What is said of rules that ask for lines of another type than Airflow's."""
    matching = {id(one.rule) for one in recognised if one.matches}
    for one in {id(one.rule): one for one in recognised if id(one.rule) not in matching}.values():
        yield f"{one.rule.match} matches nothing: it asks for {one.kind} lines, and Airflow sends {sent_as(one.metric)}"


def _foreign(unknown: Sequence[Rule], prefix: str) -> Iterator[str]:
    found = {foreign_prefix(name, prefix) for rule in unknown for name in examples(rule)} - {None}
    for other in sorted(other for other in found if other is not None):
        yield f"names with another prefix: {advice(other)}, and import again"


def _is_chart(mapping: Mapping, prefix: str) -> bool:
    rules, chart = (
        {(rule.match, rule.name, frozenset(rule.labels), rule.drop) for rule in one.rules}
        for one in (mapping, helm_chart(prefix))
    )
    return bool(rules) and rules <= chart


def _has_buckets(one: Recognised) -> bool:
    observer = one.rule.observer
    return one.metric.kind == observer.kind == "histogram" and observer.buckets != Observer.buckets


def _lost_in_catalogue(mapping: Mapping, matched: Sequence[Recognised]) -> Iterator[str]:
    known = [one for one in matched if not one.rule.drop]
    dropped = [one.metric.family for one in matched if one.rule.drop]
    if any(one.metric.kind == "histogram" and one.rule.observer.kind == "summary" for one in known):
        yield 'summaries become histograms: x{quantile="0.9"} is histogram_quantile(0.9, rate(x_bucket[5m])) then'
    if any(isfinite(one.rule.ttl) for one in known):
        yield "ttl: gauges go after exporter.expiry.gauges, counters and histograms with their DAG"
    for rule in {one.rule.match: one.rule for one in known if one.rule.scale != 1}.values():
        yield f"scale of {rule.match}: the catalogue has each metric's unit"
    if mapping.find("a.name.that.no.rule.means", "counter").rule is mapping.default:
        yield "what no mapping matches: names that the catalogue does not know, unless statsd.unmapped is keep"
    if dropped:
        names = ", ".join(dropped[:3]) + (f" and {len(dropped) - 3} more" if len(dropped) > 3 else "")
        yield f"what the mapping drops: {names}; Prometheus can drop them (metric_relabel_configs)"
