"""What a rule is, and the form in which Prometheus reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock import links
from windsock.events import ALERTNAMES

from .promql import of_dags
from .record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windsock.settings import Links
    from windsock.settings.formats import Severity

    from .limit import Limit


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
    """PromQL; where there is a `limit`, what that says; where something is `found`, that with the team of its DAG."""
    found: str = ""
    """PromQL by DAG of what the alert is about: recorded, since few DAGs are found, and asking whose they are reads it
    twice."""
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
            # What is tuned by team asks for it itself.
            found = "team" in self.by and not self.limit.overrides
            object.__setattr__(self, "found" if found else "expr", self.limit.promql(self.by))
            if not found:
                object.__setattr__(self, "found", "")
        if self.found:
            object.__setattr__(self, "expr", of_dags(self.records[0].name))

    @property
    def records(self) -> tuple[Record, ...]:
        """What is recorded for this alert alone."""
        if not self.found:
            return ()
        level = "_".join(label for label in self.by if label != "team")
        name = re.sub(r"(?<=.)(?=[A-Z])", "_", self.name).lower()
        return (Record(f"{level}:{name}:found", self.found),)

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
    shared: Sequence[Record] = ()
    """What is recorded for several alerts, or for none."""
    interval: str = ""
    """How often; "": as often as Prometheus evaluates rules."""

    @property
    def records(self) -> tuple[Record, ...]:
        """All that is recorded, in the order of its evaluation."""
        return (*self.shared, *(record for rule in self.rules for record in rule.records))

    def render(self, config: Links) -> dict[str, Any]:
        """One element of a rule file's `groups`."""
        return {
            "name": self.name,
            **({"interval": self.interval} if self.interval else {}),
            # Of alerts and series: beyond one, none would be left.
            "limit": 0,
            "rules": [*(record.render() for record in self.records), *(rule.render(config) for rule in self.rules)],
        }
