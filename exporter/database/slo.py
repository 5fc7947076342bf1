"""Promises about a DAG: how fresh its data is, and by which time of day its run is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from windsock import teams
from windsock.settings.objectives import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from windsock.settings.objectives import Objective
    from windsock.teams import DagFacts

    from .facts import Facts
    from .rows import Run


@dataclass(frozen=True)
class FinishBy:
    """A time of day in a zone: the same time on the clock in summer and winter."""

    at: time
    zone: ZoneInfo

    @classmethod
    @cache
    def parse(cls, text: str) -> FinishBy:
        """Of `06:00 Europe/Berlin`. Raises ValueError or ZoneInfoNotFoundError."""
        at, _, zone = text.partition(" ")
        return cls(time.fromisoformat(at), ZoneInfo(zone))

    def window(self, now: float) -> tuple[float, float]:
        """The last two of these times of day that are not after `now`: days may have 23 or 25 hours.

        A time that the clock skips in spring is taken as the moment an hour later on the clock; of one that comes twice
        in autumn the first counts.
        """
        past = [one for one in self._around(now) if one <= now]
        return past[-2], past[-1]

    def next(self, now: float) -> float:
        """The first of these times of day that is after `now`."""
        return next(one for one in self._around(now) if one > now)

    def _around(self, now: float) -> list[float]:
        today = datetime.fromtimestamp(now, timezone.utc).astimezone(self.zone).date()
        days = (today + timedelta(days=days) for days in (-3, -2, -1, 0, 1, 2))
        return [datetime.combine(day, self.at, self.zone).timestamp() for day in days]


_WILD = frozenset("*?[")


def promises(
    slo: Mapping[str, Objective], dags: Iterable[DagFacts], route: Callable[[DagFacts], tuple[str, str]]
) -> dict[str, Objective]:
    """What is promised, by DAG: of `dags`, and of those that have an entry of their own name and are not there."""
    named = {name: one for name, one in slo.items() if one.match is None and not _WILD & set(name)}
    if len(named) == len(slo):
        return named
    made: dict[tuple[str, ...], Objective] = {(name,): one for name, one in slo.items()}
    found = dict(named)
    for dag in dags:
        team, _ = route(dag)
        entries = tuple(name for name, one in slo.items() if _concerns(name, one, dag, team))
        if entries:
            if entries not in made:
                made[entries] = merged([slo[name] for name in entries])
            found[dag.dag_id] = made[entries]
    return found


def _concerns(name: str, objective: Objective, dag: DagFacts, team: str) -> bool:
    match = objective.match
    if match is None:
        return fnmatchcase(dag.dag_id, name)
    others = bool(match.dag or match.owner or match.tag)
    its_team = any(fnmatchcase(team, pattern) for pattern in match.team)
    return (its_team or not match.team) and (teams.matches(match, dag) if others else its_team)


def is_fresh(dag_id: str, within: float, facts: Facts, now: float) -> bool:
    """Whether the latest success is not older than `within` seconds; a DAG without a success has no fresh data."""
    past = facts.history.dags.get(dag_id)
    success = past.last_success if past is not None else None
    return success is not None and success.end is not None and now - success.end <= within


def promised(dag_id: str, by: float, facts: Facts) -> tuple[Run | None, float] | None:
    """The run that has to be done until `by`, None of one that is not there yet, with when it is or was due.

    None where nothing is left to be done until then.
    """
    dag = facts.dags.get(dag_id)
    if dag is None or dag.paused:
        return None
    active = [run for run in facts.active if run.dag_id == dag_id and run.due <= by]
    if dag.next_due is not None and dag.next_due <= by and not active:
        return None, dag.next_due
    success = facts.history.last_success(dag_id)
    last = max(active, key=lambda run: (run.due, run.id), default=None)
    if last is None or (success is not None and success.due > last.due):
        return None
    return last, last.due


def is_missed(dag_id: str, before: float, by: float, facts: Facts) -> bool:
    """Whether the last run that was due until `by` has not succeeded, nor a later one.

    A run that should be there and was not created is as good as one that did not finish. On a day on which no run was
    due nothing was promised, unless an older one is still at work.
    """
    dag = facts.dags.get(dag_id)
    if dag is not None and not dag.paused and dag.next_due is not None and dag.next_due <= by:
        return True
    past = facts.history.dags.get(dag_id)
    finished = past.all() if past is not None else []
    active = [run for run in facts.active if run.dag_id == dag_id]
    succeeded = max((run.due for run in finished if run.state == "success"), default=0.0)
    last = max((run.due for run in (*finished, *active) if run.due <= by), default=0.0)
    return succeeded < last and (last > before or any(run.due == last for run in active))
