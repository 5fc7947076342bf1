"""What a query is, and what it gets and gives."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from windsock.exceptions import WindsockError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import sqlalchemy as sa

    from windsock.settings import Settings
    from windsock.teams import DagFacts

    from .facts import Facts
    from .schema import Schema
    from .session import Session
    from .snapshot import Parts, Sample, Snapshot


class DependencyError(WindsockError):
    """A query needs what another one found, and that one failed."""


@dataclass
class Pass:
    """One look at the database."""

    now: float
    deadline: float
    """On the monotonic clock."""
    session: Session
    schema: Schema
    facts: Facts
    snapshot: Snapshot
    settings: Settings
    route: Callable[[DagFacts], tuple[str, str]]
    """The team and the severity of a DAG."""
    since: float
    """Missed deadlines from then on are looked for."""
    watched: Collection[int] = ()
    """Ids of runs that are looked at whatever their state is."""
    everything: bool = False
    """Whether all is to be read at once, however long it takes."""
    between: bool = False
    """Whether it reads on what a pass has left."""
    told: bool = False
    """Whether Airflow itself says how tries end."""
    done: set[str] = field(default_factory=set)
    """Queries that succeeded in this pass."""
    reconnected: bool = False
    """Whether the connection was found broken, and a new one made."""

    def execute(self, statement: sa.sql.Executable) -> Sequence[Any]:
        """Return all rows of a statement."""
        return self.session.execute(statement)

    def bind(self, moment: float) -> Any:
        """A time as the database compares it."""
        return self.session.dialect.bind(moment)

    def left(self) -> float:
        """Seconds that this pass still has."""
        return self.deadline - time.monotonic()

    def age(self, moment: float | None) -> float:
        """Seconds since then; 0 for what a clock ahead of ours wrote, and for what has no time."""
        return max(0.0, self.now - moment) if moment is not None else 0.0

    def needs(self, *queries: str) -> None:
        """Raise DependencyError where one of them has failed in this pass."""
        for name in queries:
            if name not in self.done:
                raise DependencyError(f"needs the query {name}, which failed")


@dataclass(frozen=True)
class Inquiry:
    """What somebody wants of a pass, beside what it finds anyway."""

    query: Query
    since: float
    watched: Collection[int]


class Query(ABC):
    """Statements that fail together, and the gauges they fill: all series of these, as of now."""

    name: ClassVar[str]
    gauges: ClassVar[tuple[str, ...]] = ()
    every: ClassVar[int] = 1
    """Passes from one time to the next; a query that is not due in each of them must not be needed by another."""

    shared: ClassVar[bool] = False
    """Whether who inquires needs it: then it is part of each pass, and of one between two intervals too."""

    unfinished: bool = False
    """Whether it left something unread that is to be read before the next pass, a little at a time."""

    optional: ClassVar[tuple[str, ...]] = ()
    """A table that not every Airflow has, and columns of it: where they are not there, nothing is to be said, and
    nothing is wrong."""

    @abstractmethod
    def collect(self, look: Pass) -> Iterable[Sample] | Parts:
        """Return the samples of `gauges`; counters and histograms are added to `look.snapshot`. May raise anything."""
