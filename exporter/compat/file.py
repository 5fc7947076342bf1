"""statsd_exporter's mapping file, as version 0.31 reads it, and the spellings that it no longer takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, isfinite, isinf
from typing import TYPE_CHECKING, Literal

from windsock.exceptions import SettingsError
from windsock.extras import MissingPackageError

from .document import read
from .globs import PARTS
from .mapping import Mapping
from .regex import RegexError, compile_go
from .rule import LineKind, Observer, Rule

if TYPE_CHECKING:
    from .document import Section

_REFERENCE = re.compile(r"\$\{?[0-9]+\}?")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_GLOB = re.compile(r"(?:\*|[a-zA-Z_][a-zA-Z0-9_-]*)(?:\.(?:\*|[a-zA-Z0-9_][a-zA-Z0-9_-]*))*")

_OBSERVERS: dict[str, Literal["summary", "histogram"]] = {
    "summary": "summary",
    "histogram": "histogram",
    "": "summary",
}
_IS_REGEX = {"glob": False, "regex": True, "": False}
_DROPS = {"map": False, "drop": True, "": False}
_KINDS: dict[str, LineKind] = {"counter": "counter", "gauge": "gauge", "observer": "observer", "timer": "observer"}

# Keys that both `defaults` and a mapping have; `timer_type`, `buckets` and `quantiles` are their older spellings.
_COMMON: tuple[str, ...] = ("observer_type", "timer_type", "match_type", "ttl")
_COMMON += ("summary_options", "histogram_options", "buckets", "quantiles")
_OF_MAPPING = (*_COMMON, "match", "name", "labels", "honor_labels", "help", "action", "match_metric_type", "scale")
_NATIVE = ("native_histogram_bucket_factor", "native_histogram_max_buckets")

AGE_BUCKETS = 100
"""Of a summary: each series holds a list for each."""


@dataclass(frozen=True)
class MappingFile:
    """A mapping, and what in its file has no effect here, one line a remark."""

    mapping: Mapping
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Defaults:
    rule: Rule
    regex: bool
    observed: bool
    """Whether the file says what timers become."""


def load(path: str) -> MappingFile:
    """Read a mapping file. Raises SettingsError with every problem, each with file, line and key."""
    section = read(path)
    section.known("defaults", "mappings")
    head = section.section("defaults")
    head.known(*_COMMON, "glob_disable_ordering")
    defaults = _defaults(head)
    rules = [_rule(entry, defaults) for entry in section.sections("mappings")]
    ordered = not head.flag("glob_disable_ordering")
    if section.findings.problems:
        raise SettingsError(section.findings.problems)
    return MappingFile(Mapping(rules, defaults.rule, ordered=ordered), tuple(section.findings.remarks))


def _defaults(section: Section) -> _Defaults:
    kind = _observer_kind(section)
    observer = _options(section, Observer(kind=kind or "summary"))
    rule = Rule(observer=observer, ttl=section.seconds("ttl") or inf)
    return _Defaults(rule, bool(section.choice("match_type", _IS_REGEX)), kind is not None)


def _rule(section: Section, defaults: _Defaults) -> Rule:
    section.known(*_OF_MAPPING)
    is_regex = section.choice("match_type", _IS_REGEX)
    scale = section.number("scale")
    rule = replace(
        defaults.rule,
        match=section.text("match"),
        name=section.text("name"),
        labels=tuple(sorted(section.texts("labels").items())),
        kind=section.choice("match_metric_type", _KINDS),
        regex=defaults.regex if is_regex is None else is_regex,
        drop=bool(section.choice("action", _DROPS)),
        help=section.text("help") or defaults.rule.help,
        honor_labels=section.flag("honor_labels"),
        observer=_observer(section, defaults),
        ttl=section.seconds("ttl") or defaults.rule.ttl,
        scale=1.0 if scale is None else scale,
    )
    _check(section, rule)
    return rule


def _check(section: Section, rule: Rule) -> None:
    if not rule.name:
        section.problem("name", "expected the metric's name; a mapping that drops needs one too")
    elif not _NAME.fullmatch(_REFERENCE.sub("_", rule.name)):
        section.problem("name", "expected letters, digits, _ and references such as ${1}")
    for label, _ in rule.labels:
        if not _NAME.fullmatch(label):
            section.problem("labels", f"{label!r}: expected letters, digits and _, the first no digit")
    if not isfinite(rule.scale):
        section.problem("scale", "expected a finite number")
    if rule.regex:
        try:
            compile_go(rule.match)
        except (RegexError, MissingPackageError) as error:
            section.problem("match", str(error))
    elif not _GLOB.fullmatch(rule.match):
        section.problem("match", "expected parts of letters, digits, _ and -, or a lone *, with dots between them")
    elif rule.match.count(".") >= PARTS:
        section.problem("match", f"expected at most {PARTS} parts")


def _observer_kind(section: Section) -> Literal["summary", "histogram"] | None:
    return section.choice("observer_type", _OBSERVERS) or section.choice("timer_type", _OBSERVERS)


def _observer(section: Section, defaults: _Defaults) -> Observer:
    kind = _observer_kind(section)
    observer = defaults.rule.observer if kind is None else replace(defaults.rule.observer, kind=kind)
    for other, name in (("summary", "histogram_options"), ("histogram", "summary_options")):
        if name not in section or observer.kind != other:
            continue
        if kind is None and not defaults.observed:
            section.remark(name, "has no effect without `observer_type: histogram`")
        else:
            section.problem(name, f"expected none: observer_type is {other}")
    for name, options in (("quantiles", "summary_options"), ("buckets", "histogram_options")):
        if name in section and name in section.section(options):
            section.problem(name, f"expected it here or in {options}, not in both")
    if kind is None and not defaults.observed and "quantiles" in section:
        section.remark("quantiles", "has no effect without `observer_type: summary`")
        return replace(_options(section, observer), quantiles=_quantiles(section.section("summary_options"), observer))
    return _options(section, observer)


def _options(section: Section, base: Observer) -> Observer:
    """What a section says of summaries and histograms; what it leaves out is as in `base`."""
    summary, histogram = section.section("summary_options"), section.section("histogram_options")
    summary.known("quantiles", "max_age", "age_buckets", "buf_cap")
    histogram.known("buckets", *_NATIVE)
    for name in _NATIVE:
        if name in histogram:
            histogram.number(name)
            histogram.remark(name, "native histograms have no form in Prometheus' text formats")
    age_buckets = summary.number("age_buckets") or base.age_buckets
    if not 1 <= age_buckets <= AGE_BUCKETS or age_buckets % 1:
        summary.problem("age_buckets", f"expected a whole number from 1 to {AGE_BUCKETS}")
        age_buckets = base.age_buckets
    return replace(
        base,
        quantiles=_quantiles(summary, replace(base, quantiles=_quantiles(section, base))),
        buckets=_buckets(histogram) or _buckets(section) or base.buckets,
        max_age=summary.seconds("max_age") or base.max_age,
        age_buckets=int(age_buckets),
    )


def _quantiles(section: Section, base: Observer) -> tuple[float, ...]:
    found = set()
    for entry in section.sections("quantiles"):
        entry.known("quantile", "error")
        quantile = entry.number("quantile") or 0.0
        if not 0 <= quantile <= 1:
            entry.problem("quantile", "expected a number between 0 and 1")
        entry.number("error")
        found.add(quantile)
    return tuple(sorted(found)) or base.quantiles


def _buckets(section: Section) -> tuple[float, ...]:
    buckets = section.numbers("buckets")
    if any(low >= high for low, high in pairwise(buckets)):
        section.problem("buckets", "expected bounds in rising order")
    return tuple(bound for bound in buckets if not isinf(bound))
