"""What `alerts.rules` in windsock.yaml changes of the rules that `windsock alerts build` writes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from windsock.settings.formats import Severity
from windsock.settings.section import Public, Section
from windsock.settings.units import Duration


def _no_flag(value: Any) -> Any:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return value
    raise ValueError("expected a number, or a text such as 30m, 5% or 10GiB")


Threshold = Annotated[float | str, BeforeValidator(_no_flag), Public()]
"""A number, a duration, a share or a size, as the rule has it; the rules know which."""


class Tuned(Section):
    """What is different for some of a rule's alerts; what is not given is as for the rest."""

    enabled: bool = True
    threshold: Threshold | None = None
    severity: Severity | None = None


class RuleTuning(Tuned):
    """One rule; what is not given is as `windsock alerts list` shows it without a configuration."""

    for_: Duration | None = Field(default=None, alias="for")
    """How long it must hold before somebody is told."""
    dags: dict[str, Tuned] = {}
    """By pattern of a DAG's id, with * and ?: the first that matches decides. It comes before `teams`, and so on."""
    teams: dict[str, Tuned] = {}
    pools: dict[str, Tuned] = {}
    clusters: dict[str, Tuned] = {}


class Alerts(Section):
    """The rules for Prometheus."""

    rules: dict[str, RuleTuning] = {}
    """By the name of an alert: its threshold, `for`, severity, or that it is off."""
