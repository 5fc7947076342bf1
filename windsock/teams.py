"""Who is told, and how loudly: computed from facts that every sender of an alert has."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from windsock.times import UTC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.settings import Settings
    from windsock.settings.matching import Match

UNKNOWN = "default"
"""The `team` label of a DAG that no team matches: `defaults` says where its alerts go."""


class DagFacts(NamedTuple):
    """What the callback and the metadata database both know of a DAG; `owners` is Airflow's `a, b` taken apart."""

    dag_id: str
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@lru_cache(1000)  # an installation has few, and a pass over its database asks for each DAG
def owners_of(text: str | None) -> tuple[str, ...]:
    """Airflow keeps a DAG's owners as one string: `data, airflow`."""
    return tuple(owner.strip() for owner in (text or "").split(",") if owner.strip())


def route(facts: DagFacts, settings: Settings) -> tuple[str, str]:
    """Return the team's name and the severity. The first match wins, in the order of windsock.yaml.

    A DAG is a team's by any of the team's keys; a severity's keys are conditions, which hold together.
    """
    team = next((name for name, team in settings.teams.items() if marks(team.match, facts)), UNKNOWN)
    severity = next((rule.is_ for rule in settings.severity if matches(rule.match, facts)), settings.defaults.severity)
    return team, severity


def zone(team: str, settings: Settings) -> str:
    """Return the name of the zone in which a team says its times."""
    config = settings.teams.get(team)
    return (config and config.timezone) or settings.defaults.timezone or UTC


def marks(match: Match, facts: DagFacts) -> bool:
    """Whether one of a team's keys has a pattern for the DAG: its teams mark DAGs by owner, by tag, or by name."""
    return any(_answers(match, facts))


def matches(match: Match, facts: DagFacts) -> bool:
    """Whether every key that `match` gives has a pattern for one of the DAG's values; a match without keys has none."""
    answers = _answers(match, facts)
    return bool(answers) and all(answers)


def _answers(match: Match, facts: DagFacts) -> list[bool]:
    """For each key that is given: whether it has a pattern for one of the DAG's values."""
    keys: tuple[tuple[Iterable[str], Iterable[str]], ...] = (
        (match.dag, (facts.dag_id,)),
        (match.owner, facts.owners),
        (match.tag, facts.tags),
    )
    return [
        any(fnmatchcase(value, pattern) for pattern in patterns for value in values)
        for patterns, values in keys
        if patterns
    ]
