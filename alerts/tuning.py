"""The rules as `alerts.rules` in windsock.yaml wants them: thresholds, `for`, severities, and which are off."""

from __future__ import annotations

import difflib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from windsock.exceptions import SettingsError
from windsock.settings.units import format_duration, parse_duration, parse_ratio, parse_size

from .limit import Limit, Override
from .patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from windsock.settings import Settings
    from windsock.settings.alerts import RuleTuning, Tuned
    from windsock.settings.formats import Severity

    from .limit import Unit
    from .rule import Group, Rule

_LABELS = {"dags": "dag_id", "teams": "team", "pools": "pool_name", "clusters": "cluster"}
"""What an alert is told apart by, in the order in which it decides, and the label that says it."""


def tuned(groups: Iterable[Group], settings: Settings) -> tuple[Group, ...]:
    """Return the groups without what is off. Raises SettingsError with all that can't be."""
    asked = settings.alerts.rules
    groups = tuple(groups)
    names = [rule.name for group in groups for rule in group.rules]
    problems = [_unknown(name, names) for name in asked if name not in names]
    made = tuple(replace(group, rules=tuple(_rules(group, asked, problems))) for group in groups)
    if problems:
        raise SettingsError([f"windsock.yaml: alerts.rules.{problem}" for problem in problems])
    return tuple(group for group in made if group.rules or group.records)


def _rules(group: Group, asked: Mapping[str, RuleTuning], problems: list[str]) -> Iterator[Rule]:
    for rule in group.rules:
        tuning = asked.get(rule.name)
        if tuning is None:
            yield rule
        elif tuning.enabled:
            yield _tuned(rule, tuning, problems)


def _tuned(rule: Rule, tuning: RuleTuning, problems: list[str]) -> Rule:
    # What has no threshold is always beyond this one.
    limit = rule.limit or Limit(of=rule.found or rule.expr, sign=">=", threshold=-math.inf)
    for_all = _threshold(rule, "", tuning, limit.threshold, problems)
    severity = tuning.severity or rule.severity
    overrides: list[Override] = []
    severities: list[tuple[str, str, Severity]] = []
    for key, label in _LABELS.items():
        some: dict[str, Tuned] = getattr(tuning, key)
        if some and label not in rule.by:
            there = ", ".join(known for known, one in _LABELS.items() if one in rule.by) or "none of these"
            problems.append(f"{rule.name}.{key}: its alerts have no label {label}; known here: {there}")
            continue
        for name, one in some.items():
            threshold = _threshold(rule, f".{key}.{name}", one, for_all, problems)
            overrides.append(Override(label, regex([name]), threshold if one.enabled else None))
            severities.append((label, regex([name]), one.severity or severity))
    if all(one.threshold == for_all for one in overrides):
        overrides = []
    return replace(
        rule,
        limit=replace(limit, threshold=for_all, overrides=tuple(overrides)) if rule.limit or overrides else None,
        for_=rule.for_ if tuning.for_ is None else format_duration(tuning.for_),
        severity=severity,
        severities=tuple(severities) if any(one != severity for *_, one in severities) else (),
    )


def _threshold(rule: Rule, key: str, one: Tuned, otherwise: float, problems: list[str]) -> float:
    if one.threshold is None:
        return otherwise
    where = f"{rule.name}{key}.threshold"
    if rule.limit is None:
        problems.append(f"{where}: this rule has none; known here: enabled, severity{'' if key else ', for'}")
        return otherwise
    try:
        return _READ[rule.limit.unit](one.threshold)
    except ValueError as error:
        problems.append(f"{where}: {error}, got {one.threshold!r}")
        return otherwise


def _number(value: float | str) -> float:
    if isinstance(value, str):
        raise ValueError("expected a number")  # noqa: TRY004  pydantic's way, and that of the other units
    return value


_READ: dict[Unit, Callable[[float | str], float]] = {
    "number": _number,
    "seconds": parse_duration,
    "share": parse_ratio,
    "bytes": parse_size,
}


def _unknown(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"{name}: no rule has this name; " + (f"did you mean {near[0]!r}?" if near else "see `windsock alerts list`")
