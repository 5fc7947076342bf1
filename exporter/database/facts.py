"""What queries find and others need: the DAGs, their active runs, their latest finished runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .history import History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.settings.objectives import Objective

    from .rows import Dag, Missed, Run


@dataclass
class Facts:
    """Kept from pass to pass; each part is what its query last found."""

    dags: Mapping[str, Dag] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    """All DAG ids, of the stale ones too."""
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tagged: bool = False
    """Whether the tags could be read."""
    written: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """By DAG: what Airflow writes when it parses the file; replaced where it is read anew."""
    promised: Mapping[str, Objective] = field(default_factory=dict)
    """By DAG: what slo in windsock.yaml promises; also of one that it names and that is not there."""
    runs: tuple[Run, ...] = ()
    """Active runs, new ones, those that ended within the last minute, and those that are watched."""
    active: tuple[Run, ...] = ()
    failed: Mapping[tuple[str, str, str], tuple[int, float | None]] = field(default_factory=dict)
    """By DAG, run and task, of those runs that are followed: how many instances are failed, and the last one's end."""
    missed: tuple[Missed, ...] = ()
    history: History = field(default_factory=History)
    slots: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By pool and state: the slots of the task instances that are not finished; by pool and `tasks`: their number in
    state scheduled."""
    waits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By pool and DAG: how long its oldest scheduled task instance has been so, in seconds."""
