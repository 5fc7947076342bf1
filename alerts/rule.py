"""What a rule is, and the form in which Prometheus reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock import links
from windsock.events import ALERTNAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windsock.settings import Links
    from windsock.settings.formats import Severity

    from .limit import Limit
    from .record import Record


@dataclass(frozen=True)
class Rule:
    """An alerting rule. `summary` and `description` are Prometheus' templates, `for_` its duration.

    Raises ValueError where the name is that of an alert event: the two would be one alert in Alertmanager's eyes, and
    the rule, which knows no run, would never resolve what the event says.
    """

    name: str
    severity: Severity
    summary: str
    description: str
    expr: str = ""
    """PromQL; where there is a `limit`, what that says."""
    limit: Limit | None = None
    """The value that is compared, where the rule has a threshold that can be tuned."""
    by: tuple[str, ...] = ("cluster",)
    """The labels that the expression leaves on the alert."""
    for_: str = "0s"
    severities: tuple[tuple[str, str, Severity], ...] = ()
    """Others than `severity`: where a label (the first) matches a regular expression; the first that does decides."""
    keep: str = "0s"
    """How long it goes on firing where the expression does not hold any more (`keep_firing_for`)."""

    def __post_init__(self) -> None:
        if self.name in ALERTNAMES:
            raise ValueError(f"{self.name} is the name of an alert event: no rule may use it")
        if self.limit is not None:
            object.__setattr__(self, "expr", self.limit.promql(self.by))

    def annotations(self, config: Links) -> dict[str, str]:
        """The texts, and a link to the runbook and to the dashboard where their base URLs are configured."""
        dashboard = links.overview(config)
        if dashboard and "dag_id" in self.by:
            # Prometheus fills the DAG in.
            dashboard = links.dashboard(config, "") + "{{ $labels.dag_id | urlquery }}"
        texts = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": links.runbook(config, self.name),
            "dashboard_url": dashboard,
        }
        return {name: text for name, text in texts.items() if text}

    def _severity(self) -> str:
        """The severity, or a template that says it."""
        if not self.severities:
            return self.severity
        # JSON's strings are Go's.
        cases = [
            f"if match {json.dumps(f'^(?:{pattern})$')} $labels.{label} }}}}{severity}"
            for label, pattern, severity in self.severities
        ]
        return "{{ " + "{{ else ".join(cases) + "{{ else }}" + self.severity + "{{ end }}"

    def render(self, config: Links) -> dict[str, Any]:
        """One element of a group's `rules`."""
        return {
            "alert": self.name,
            "expr": self.expr,
            **({"for": self.for_} if self.for_ != "0s" else {}),
            **({"keep_firing_for": self.keep} if self.keep != "0s" else {}),
            "labels": {"severity": self._severity()},
            "annotations": self.annotations(config),
        }


@dataclass(frozen=True)
class Group:
    """Rules that Prometheus evaluates one after the other, so that an alert reads what was recorded before it."""

    name: str
    rules: Sequence[Rule]
    records: Sequence[Record] = ()
    interval: str = ""
    """How often; "": as often as Prometheus evaluates rules."""

    def render(self, config: Links) -> dict[str, Any]:
        """One element of a rule file's `groups`."""
        return {
            "name": self.name,
            **({"interval": self.interval} if self.interval else {}),
            # Of alerts and series: beyond one, none would be left.
            "limit": 0,
            "rules": [*(record.render() for record in self.records), *(rule.render(config) for rule in self.rules)],
        }
