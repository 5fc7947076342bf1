"""When a run will be done: each run that was is played again from where the present one stands.

So what belongs together stays together: tasks that are slow on the same days, a wait that all of them have. A run that
was slower or faster than the present one is scaled by what both have done so far. What a task has already taken rules
out the laps that were shorter.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from itertools import repeat
from operator import add, mul
from typing import TYPE_CHECKING

from .pace import paces
from .profile import KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .profile import Profile
    from .replay import Progress

ENOUGH = 5
"""Runs without which nothing is said."""
_FEW = int(__import__("os").environ.get("FEW","3"))
import os
_W = int(os.environ.get("W", "1")); _S = int(os.environ.get("S", "1"))
_TAIL = float(os.environ.get("TAIL","3.0"))
"""Of the Pareto distribution by which a task goes on that has taken longer than in all but a `_FEW` runs: half of them
take up to a quarter more, one in ten more than twice as long."""
_GOLDEN = 0.618034
"""Its multiples are spread evenly, however many there are."""
_UNKNOWN = [statistics.NormalDist().inv_cdf((0.5 + number * _GOLDEN) % 1) for number in range(KEPT)]
"""By run: how much slower or faster than expected the present one turns out to be, in standard deviations."""

_WT = float(os.environ.get("WT", "1.0"))
_MORE = [((0.5 + n * 0.41421356) % 1) ** (-1 / _WT) - 1 for n in range(KEPT)]

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
    lasts, ends = present.play()
    finishes = sorted(zip(lasts, weights, strict=True))
    typical = lasts.index(_quantile(finishes, 0.5))
    task = present.guilty({one: column[typical] for one, column in ends.items()})
    return Estimate(finishes, task, profile.took)


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
        self.waited: dict[str, float] = {}
        """How long it was of that until their last try began; of one that waits all of it."""
        if progress.start is not None:
            self._look(progress.start)
        self.laps = self._predicted(weights)
        """Of the tasks that are not done, in their order: by each of the runs that were."""

    def play(self) -> tuple[Sequence[float], dict[str, Sequence[float]]]:
        """The end of the run, and of each task, if the rest goes as in each of the runs that were."""
        start, count = self.progress.start, len(self.profile.replays)
        starts: Sequence[float] = [0.0 if start is None else start] * count
        if start is None:
            starts = [max(self.now, self.progress.due + delay) for delay in self.profile.delays]
        ends: dict[str, Sequence[float]] = {task: [end] * count for task, end in self.ends.items()}
        for task, laps in self.laps.items():
            ready = _latest([ends[one] for one in self.plan.upstream[task]], starts)
            ends[task] = list(map(max, repeat(self.now), map(add, ready, laps)))
        return _latest(list(ends.values()), starts), ends

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
                    self.done[task] = max(0.0, end - max(ready, self.progress.begun.get(task, ready)))
            elif len(known) == len(upstream):
                self.taken[task] = max(0.0, self.now - ready)
                self.waited[task] = min(self.taken[task], max(0.0, self.progress.begun.get(task, self.now) - ready))

    def _predicted(self, weights: Sequence[float]) -> dict[str, Sequence[float]]:
        """The laps of the pending tasks at the present one's pace."""
        profile = self.profile
        done = dict(sorted(self.done.items(), key=lambda one: self.ends[one[0]]))
        at_work = {task: self.taken[task] - self.waited[task] for task in self.taken if task in self.progress.begun}
        signs = profile.signs(done, at_work)
        present = paces(signs, profile.weekday(self.progress.due), profile.varies, len(profile.replays))
        scales = [math.exp(pace - own) for pace, own in zip(present, profile.paces, strict=True)]
        found: dict[str, Sequence[float]] = {}
        for task in self.plan.upstream:
            if task in self.ends:
                continue
            factors = self._wider(task, scales)
            laps: Sequence[float] = (
                list(map(add, map(mul, profile.work[task], factors), profile.pauses[task]))
                if _S
                else list(map(mul, profile.laps[task], factors))
            )
            if task in self.taken:
                # The try that is at work, or that it waits for, has to be done whatever was before it.
                least = map(add, repeat(self.waited[task]), map(mul, profile.work[task], factors))
                if task not in self.progress.begun:
                    wait = self.taken[task]
                    least = (one + wait * more for one, more in zip(least, _MORE))
                laps = _longer(list(map(max, laps, least)), self.taken[task])
            found[task] = laps
        return found

    def _wider(self, task: str, scales: Sequence[float]) -> Sequence[float]:
        """More, where it has more instances than then, which do not all fit at once."""
        now = self.progress.widths.get(task)
        if now is None:
            return scales
        beside = max(now.beside, self.profile.beside.get(task, 1.0))
        rounds = max(1.0, now.instances / beside)
        widths = [replay.widths.get(task, now) for replay in self.profile.replays]
        return [scale * rounds / max(1.0, then.instances / beside) for scale, then in zip(scales, widths, strict=True)]


def _latest(columns: Sequence[Sequence[float]], otherwise: Sequence[float]) -> Sequence[float]:
    """By run, the latest of these ends."""
    if len(columns) < 2:
        return columns[0] if columns else otherwise
    return list(map(max, *columns))


def _longer(laps: Sequence[float], taken: float) -> Sequence[float]:
    """The laps, of which those that are ruled out are one that is not."""
    longer = sorted(lap for lap in laps if lap > taken)
    number = len(laps) - len(longer)
    if len(longer) >= _FEW:
        instead = (longer[turn % len(longer)] for turn in range(number))
    else:
        instead = (taken * ((turn + 0.5) / number) ** (-1 / _TAIL) for turn in range(number))
    return [lap if lap > taken else next(instead) for lap in laps]
