"""When a run will be done: each run that was is played again from where the present one stands.

So what belongs together stays together: tasks that are slow on the same days, a wait that all of them have. A run that
was slower or faster than the present one is scaled by what both have done so far. What a task has already taken rules
out the laps that were shorter.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .profile import Profile
    from .replay import Progress, Replay

ENOUGH = 5
"""Runs without which nothing is said."""
_FEW = 3
_TAIL = 3.0
"""Of the Pareto distribution by which a task goes on that has taken longer than in all but a `_FEW` runs: half of them
take up to a quarter more, one in ten more than twice as long."""
_GOLDEN = 0.618034
"""Its multiples are spread evenly, however many there are."""
_NORMAL = statistics.NormalDist()


@dataclass(frozen=True)
class Estimate:
    """Moments at which the run may be done, in order, each with its weight; all weights together are 1."""

    finishes: Sequence[tuple[float, float]]
    task: str | None
    """The task that takes the most beyond its usual time, on the way that decides; None: the run's start did."""
    usual: float
    """Seconds that a run takes, as a median."""

    def quantile(self, share: float) -> float:
        """The moment by which it is done with this probability."""
        return _quantile(self.finishes, share)

    def chance_after(self, moment: float) -> float:
        """The probability that it is done later than that."""
        return sum(weight for finish, weight in self.finishes if finish > moment)


def estimate(profile: Profile, progress: Progress, now: float) -> Estimate | None:
    """Return when the run will be done; None where too few runs are known.

    Costs a look at each unfinished task for each run that was.
    """
    if len(profile.replays) < ENOUGH:
        return None
    weights = profile.weights(progress.due)
    present = _Present(profile, progress, weights, now)
    played = [present.play(number) for number in range(len(weights))]
    order = sorted(range(len(weights)), key=lambda number: played[number][0])
    finishes = [(played[number][0], weights[number]) for number in order]
    middle = _quantile(finishes, 0.5)
    typical = next(number for number in order if played[number][0] == middle)
    return Estimate(finishes, present.guilty(played[typical][1]), profile.took)


def _quantile(finishes: Sequence[tuple[float, float]], share: float) -> float:
    total = 0.0
    for finish, weight in finishes:
        total += weight
        if total >= share:
            return finish
    return finishes[-1][0]


class _Present:
    """What of a run is done, and how long the rest takes by each of the runs that were."""

    def __init__(self, profile: Profile, progress: Progress, weights: Sequence[float], now: float) -> None:
        self.profile, self.plan, self.progress, self.now = profile, profile.plan, progress, now
        self.ends: dict[str, float] = {}
        self.done: dict[str, float] = {}
        """Laps of the tasks that are done."""
        self.taken: dict[str, float] = {}
        """How long those have been ready that are not done."""
        if progress.start is not None:
            self._look(progress.start)
        self.pending = [task for task in self.plan.upstream if task not in self.ends]
        self.laps = self._predicted(weights)

    def play(self, number: int) -> tuple[float, dict[str, float]]:
        """The end of the run, and of each task, if the rest goes as in that run."""
        progress, laps = self.progress, self.laps[number]
        start = progress.start
        if start is None:
            start = max(self.now, progress.due + self.profile.delays[number])
        ends = dict(self.ends)
        for task in self.pending:
            ready = max((ends[one] for one in self.plan.upstream[task]), default=start)
            ends[task] = max(self.now, ready + laps[task])
        return max(ends.values(), default=start), ends

    def guilty(self, ends: Mapping[str, float]) -> str | None:
        """The task on the way to the last end that takes the most beyond its usual lap; None: it is the start."""
        if not ends:
            return None
        task: str | None = max(ends, key=lambda one: ends[one])
        begun = self.progress.start if self.progress.start is not None else max(self.now, self.progress.due)
        worst, most = None, (begun - self.progress.due) - self.profile.delay
        while task is not None:
            before = max(self.plan.upstream[task], key=lambda one: ends[one], default=None)
            excess = ends[task] - (ends[before] if before is not None else begun) - self.profile.usual[task]
            if excess > most:
                worst, most = task, excess
            task = before
        return worst

    def _look(self, start: float) -> None:
        for task, upstream in self.plan.upstream.items():
            known = [self.ends[one] for one in upstream if one in self.ends]
            ready = max(known, default=start)
            if task in self.progress.ends:
                end = self.progress.ends[task]
                self.ends[task] = ready if end is None else end
                if end is not None and len(known) == len(upstream):
                    self.done[task] = max(0.0, end - ready)
            elif len(known) == len(upstream):
                self.taken[task] = max(0.0, self.now - ready)

    def _predicted(self, weights: Sequence[float]) -> list[dict[str, float]]:
        """For each run that was, the laps of the pending tasks at the present one's pace."""
        late = {task: taken for task, taken in self.taken.items() if taken > self.profile.usual[task]}
        pace = self.profile.pace({**self.done, **late}, weights)
        found = []
        for number, replay in enumerate(self.profile.replays):
            unknown = _NORMAL.inv_cdf((0.5 + number * _GOLDEN) % 1 or 0.5)
            scale = math.exp(pace.mean + pace.spread * unknown - self.profile.paces[number])
            laps = {
                task: replay.laps.get(task, self.profile.usual[task]) * scale * self._wider(task, replay)
                for task in self.pending
            }
            found.append(laps)
        for task, taken in self.taken.items():
            longer = sorted(laps[task] for laps in found if laps[task] > taken)
            shorter = [laps for laps in found if laps[task] <= taken]
            for turn, laps in enumerate(shorter):
                if len(longer) >= _FEW:
                    laps[task] = longer[turn % len(longer)]
                else:
                    laps[task] = taken * ((turn + 0.5) / len(shorter)) ** (-1 / _TAIL)
        return found

    def _wider(self, task: str, replay: Replay) -> float:
        """How many times as long it takes because it has more instances than then, which do not all fit at once."""
        now, then = self.progress.widths.get(task), replay.widths.get(task)
        if now is None or then is None:
            return 1.0
        beside = max(now.beside, self.profile.beside[task])
        return max(1.0, now.instances / beside) / max(1.0, then.instances / beside)
