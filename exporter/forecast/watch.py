"""A DAG with a promise: what is known of it, and whether the promise is at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .estimate import estimate
from .profile import KEPT, Profile
from .replay import Replay
from .risk import Risk

if TYPE_CHECKING:
    from .estimate import Estimate
    from .plan import Plan
    from .replay import Progress


class Watch:
    """Of one DAG. Runs have the ids that the database gives them."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.risk = Risk()
        self._replays: dict[int, Replay] = {}
        self._profile: Profile | None = None
        self._run: int | None = None

    def adopt(self, plan: Plan) -> None:
        """The DAG's tasks; where they have changed, its runs have to be learned anew: laps are times between tasks."""
        if plan != self.plan:
            self.plan, self._replays, self._profile = plan, {}, None

    def knows(self, run: int) -> bool:
        """Whether that run is among those that are played again."""
        return run in self._replays

    def learn(self, run: int, progress: Progress) -> None:
        """A run has succeeded."""
        if self.plan is not None:
            self._replays[run] = Replay.of(self.plan, progress)
            latest = sorted(self._replays.items(), key=lambda one: one[1].due)
            self._replays, self._profile = dict(latest[-KEPT:]), None

    def look(self, run: int | None, progress: Progress | None, by: float, now: float) -> Estimate | None:
        """Estimate when the present run is done (`run` None: it is still to come), and tell `risk`.

        `progress` is None where nothing is to be done until `by`, or where the run can't succeed any more.
        """
        if self._run is not None and run != self._run:
            self.risk = Risk()
        self._run = run
        found = None
        if progress is not None and self.plan is not None:
            self._profile = self._profile or Profile(self.plan, list(self._replays.values()))
            found = estimate(self._profile, progress, now)
        if found is None:
            self.risk = Risk()
        else:
            self.risk.look(found.chance_after(by), left=by - now, usual=found.usual)
        return found
