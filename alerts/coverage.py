"""Which alert has which promtool test, and which has a runbook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windsock import yaml_load
from windsock.events import ALERTNAMES

from .rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rule import Rule

TESTS = Path(__file__).parent / "tests"
RUNBOOKS = Path(__file__).parent / "runbooks"

EVENTS = ALERTNAMES
"""The alert events that someone is told about; no rule makes them, so that they have a runbook alone."""
CASES = ("fires", "stays quiet", "boundary", "series absent", "born at 1", "two clusters")
"""What each alert is tested for: the first words of the test's name."""


@dataclass(frozen=True)
class Coverage:
    """What one alert has, and what it lacks."""

    alert: str
    needed: tuple[str, ...]
    tested: frozenset[str]
    has_runbook: bool

    @property
    def missing(self) -> list[str]:
        """The cases without a test, and `runbook`."""
        cases = [case for case in self.needed if case not in self.tested]
        return cases if self.has_runbook else [*cases, "runbook"]


def coverage() -> list[Coverage]:
    """Return one row for each alert."""
    return [
        *(Coverage(rule.name, _needed(rule), _tested(rule.name), _has_runbook(rule.name)) for rule in RULES),
        *(Coverage(event, (), frozenset(), _has_runbook(event)) for event in EVENTS),
    ]


def _needed(rule: Rule) -> tuple[str, ...]:
    # What reads no series can only fire.
    return CASES if rule.by else CASES[:1]


def _tested(alert: str) -> frozenset[str]:
    return frozenset(case for name in _names(alert) for case in CASES if name.startswith(case))


def _names(alert: str) -> Iterator[str]:
    file = TESTS / f"{alert}.yml"
    if not file.is_file():
        return
    for test in yaml_load.load(file.read_text(encoding="utf-8"))["tests"]:
        if any(check["alertname"] == alert for check in test["alert_rule_test"]):
            yield test["name"]


def _has_runbook(alert: str) -> bool:
    return (RUNBOOKS / f"{alert}.md").is_file()
