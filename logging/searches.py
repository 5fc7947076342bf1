"""What people look for in the logs: one list, of which Kibana's saved objects and Grafana's dashboard are made.

Queries are in Lucene's syntax, which Elasticsearch, Kibana and Grafana all take.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.settings import Settings

ERRORS = "level:(error OR critical)"
VALUES = 1000
"""Of a field, in a table. Each shard counts by itself: asked for the few that fit on a page, the sum would be wrong."""
CHOICES = 10_000
"""DAGs or teams that can be chosen."""
SHOWN = 500
"""Lines of a search, the newest."""
_WHERE = ("dag_id", "task_id", "run_id", "try_number", "event")


@dataclass(frozen=True)
class Search:
    """Lines, the newest first."""

    name: str
    """For ids: lower case, without spaces."""
    title: str
    query: str
    columns: tuple[str, ...] = _WHERE
    by: str | None = None
    """A field that comes before the time in the order."""


@dataclass(frozen=True)
class Top:
    """How many lines there are of each value of a field."""

    name: str
    title: str
    field: str
    query: str = ERRORS


LINES = (
    Search("errors", "Errors", ERRORS),
    Search("exceptions", "Exceptions", "_exists_:error.type", ("dag_id", "task_id", "error.type", "error.message")),
    Search("components", "Errors of Airflow itself", f"{ERRORS} AND NOT source:(task OR trigger)", ("source", "event")),
    Search(
        "not-understood",
        "Lines that were cut, or not understood",
        "tags:(cut OR not_json OR not_understood OR out_of_time)",
        ("tags", "source", "dag_id", "event"),
    ),
)
TOPS = (
    Top("errors-per-dag", "Errors per DAG", "dag_id"),
    Top("errors-per-team", "Errors per team", "team"),
    Top("exceptions-per-type", "Exceptions per type", "error.type", "_exists_:error.type"),
)


def searches(settings: Settings) -> tuple[Search, ...]:
    """LINES, and what a saved search has instead of variables: errors in another order, and of each team."""
    return (
        *LINES,
        Search("errors-by-dag", "Errors by DAG", ERRORS, by="dag_id"),
        Search("errors-by-team", "Errors by team", ERRORS, ("team", *_WHERE), by="team"),
        *(
            Search(f"errors-of-{_slug(team)}", f"Errors of team {team}", f'{ERRORS} AND team:"{_quoted(team)}"')
            for team in settings.teams
        ),
    )


def indices(settings: Settings) -> str:
    """The indices with lines, those without a time of their own too; not the rejected ones."""
    return f"{settings.logs.index}-2*,{settings.logs.index}-undated"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _slug(text: str) -> str:
    """Another one for each name, whatever is in it."""
    return re.sub(r"[^a-z0-9]", lambda match: f"_{ord(match[0]):x}", text)
