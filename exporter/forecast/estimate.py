"""When a run will be done: each run that was is played again from where the present one stands.

So what belongs together stays together: tasks that are slow on the same days, a wait that all of them have. A run that
was slower or faster than the present one may be is scaled (`pace`), without its waits and what lay between its tries.
What a task has already taken rules out what was shorter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import repeat
from operator import add, mul
from typing import TYPE_CHECKING

from .pace import paces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .profile import Profile
    from .replay import Progress

ENOUGH = 5
"""Runs without which nothing is said."""
_FEW = 5
_WORKS, _WAITS = 3.0, 1.0
"""Of the Pareto distributions by which a task goes on that has worked, or waited for a slot, longer than in all but a
`_FEW` runs. Half of those that work take up to a quarter more, one in ten more than twice as long; half of those that
wait do it as long again: what stands in a queue for reasons unknown is seldom about to move."""


@dataclass(frozen=True)
class Estimate:
    """Moments at which the run may be done, in order, each with its weight; all weights together are 1."""

    finishes: Sequence[tuple[float, float]]
    usual: float
    """Seconds that a run takes, as a median."""
    _guilty: Callable[[], str | None]

    @property
    def task(self) -> str | None:
        """The task that takes the most beyond its usual time, on the way that decides; None: the run's start did.

        It is looked for when it is asked for: of most estimates it never is.
        """
        return self._guilty()

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
    weights = profile.day(progress.due).weights
    present = _Present(profile, progress, now)
    lasts, ends = present.play()
    finishes = sorted(zip(lasts, weights, strict=True))

    def guilty() -> str | None:
        typical = lasts.index(_quantile(finishes, 0.5))
        return present.guilty({**present.ends, **{one: column[typical] for one, column in ends.items()}})

    return Estimate(finishes, profile.took, guilty)


def _quantile(finishes: Sequence[tuple[float, float]], share: float) -> float:
    total = 0.0
    for finish, weight in finishes:
        total += weight
        if total >= share:
            return finish
    return finishes[-1][0]


class _Present:
    """What of a run is done, and how long the rest takes by each of the runs that were."""

    def __init__(self, profile: Profile, progress: Progress, now: float) -> None:
        self.profile, self.plan, self.progress, self.now = profile, profile.plan, progress, now
        self.ends: dict[str, float] = {}
        self.done: dict[str, float] = {}
        """What the last tries of tasks took that are done."""
        self.taken: dict[str, float] = {}
        """How long those have been ready that are not done."""
        self.waited: dict[str, float] = {}
        """Until their last try began; of one that waits all of it, with what it is known to wait yet."""
        if progress.start is not None:
            self._look(progress.start)
        self.laps = self._predicted()
        """Of the tasks that are not done, in their order: by each of the runs that were."""

    def play(self) -> tuple[Sequence[float], dict[str, Sequence[float]]]:
        """The end of the run, and of each task that is not done, if the rest goes as in each of the runs that were."""
        start, count = self.progress.start, len(self.profile.replays)
        starts: Sequence[float] = (
            [max(self.now, self.progress.due + delay) for delay in self.profile.delays]
            if start is None
            else [start] * count
        )
        ends: dict[str, Sequence[float]] = {}
        for task, laps in self.laps.items():
            # What is done ended before all that is not.
            open_ = [ends[one] for one in self.plan.upstream[task] if one in ends]
            done = [self.ends[one] for one in self.plan.upstream[task] if one in self.ends]
            ready = _latest(open_) if open_ else [max(done)] * count if done else starts
            ends[task] = list(map(add, ready, laps))
        if not ends:
            return [max(self.ends.values())] * count if self.ends else starts, ends
        return _latest(list(ends.values())), ends

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
                self.waited[task] = max(0.0, self.progress.begun.get(task, self.now) - ready)

    def _predicted(self) -> dict[str, Sequence[float]]:
        """The laps of the pending tasks at the present one's pace."""
        profile = self.profile
        done = dict(sorted(self.done.items(), key=lambda one: self.ends[one[0]]))
        at_work = {
            task: taken - self.waited[task]
            for task, taken in self.taken.items()
            if task in self.progress.begun and taken >= self.waited[task]
        }
        signs = profile.signs(done, at_work)
        present = paces(signs, profile.day(self.progress.due).pace, profile.varies, len(profile.replays))
        scales = [math.exp(pace - own) for pace, own in zip(present, profile.paces, strict=True)]
        found: dict[str, Sequence[float]] = {}
        for task in self.plan.upstream:
            if task in self.ends:
                continue
            factors = self._wider(task, scales)
            work, before = map(mul, profile.work[task], factors), profile.pauses[task]
            taken = self.taken.get(task)
            if taken is None:
                found[task] = list(map(add, work, before))
            elif task in self.progress.begun:
                # It may fail and be tried again, as it was in other runs; it has not begun earlier than it did.
                laps = map(add, work, map(max, before, repeat(self.waited[task])))
                found[task] = _longer(list(laps), taken, _WORKS)
            else:
                found[task] = list(map(add, work, _longer(before, taken, _WAITS)))
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


def _latest(columns: Sequence[Sequence[float]]) -> Sequence[float]:
    """By run, the latest of these ends."""
    return columns[0] if len(columns) == 1 else list(map(max, *columns))


def _longer(laps: Sequence[float], taken: float, tail: float) -> Sequence[float]:
    """The laps, of which those that are ruled out are one that is not."""
    longer = sorted(lap for lap in laps if lap > taken)
    number = len(laps) - len(longer)
    if not number:
        return laps
    if len(longer) >= _FEW:
        instead = (longer[turn % len(longer)] for turn in range(number))
    else:
        instead = (taken * ((turn + 0.5) / number) ** (-1 / tail) for turn in range(number))
    return [lap if lap > taken else next(instead) for lap in laps]
