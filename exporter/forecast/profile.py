"""What the runs of a DAG have in common: how long each task takes, how much that varies, and how slow each day was."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .pace import Sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .plan import Plan
    from .replay import Replay

KEPT = 56
"""Runs that are played again: eight weeks of daily ones."""
_WEEK = 7 * 86_400.0
_SAME_DAY = 20.0
"""How much more a run counts at most that was due on the same day of the week; less where that makes no difference."""
_SAME_TIME = 0.25 * 86_400
_HALF_LIFE = 28.0 * 86_400
"""Seconds after which a run counts half."""
_FEWEST = 2
_STEADY = 0.05
"""No task is taken for steadier than that: a standard deviation of the logarithm of its laps."""
_SHORTEST = 0.005
"""Of a run: laps below it are as good as equal."""
_SURE = 3.0
_OUTLIER = 3.0
"""Standard deviations from what most say, beyond which a lap says no more."""
_DOUBT = 2
"""Tasks that say something else are more than one that is slow for itself."""
_NORMAL = 1.4826
"""The standard deviation of what is normally distributed, by its median absolute deviation."""


@dataclass(frozen=True)
class Pace:
    """How slow a run is as a whole: the logarithm of a factor, 0 as a median."""

    mean: float
    spread: float
    """The standard deviation of what is not known of it."""


class Profile:
    """Of the runs that were, the latest last."""

    def __init__(self, plan: Plan, replays: Sequence[Replay]) -> None:
        self.plan, self.replays = plan, replays
        self.took = _median(replay.took for replay in replays)
        in_time = [not late for late in _caught_up(replays)]
        self.delay = _median(replay.delay for replay, counts in zip(replays, in_time, strict=True) if counts)
        self.delays = [replay.delay if counts else self.delay for replay, counts in zip(replays, in_time, strict=True)]
        """Of each run, from when it was due to its start."""
        found = {task: [replay.laps[task] for replay in replays if task in replay.laps] for task in plan.upstream}
        self.usual = {task: _median(laps) for task, laps in found.items()}
        self.laps = {task: [replay.laps.get(task, usual) for replay in replays] for task, usual in self.usual.items()}
        """By task, of each run."""
        self.work = {
            task: [replay.work.get(task, lap) for replay, lap in zip(replays, column, strict=True)]
            for task, column in self.laps.items()
        }
        """What of them was the last try."""
        self.pauses = {t: [a - b for a, b in zip(c, self.work[t])] for t, c in self.laps.items()}
        self._of = [{t: r.work.get(t, l) for t, l in r.laps.items()} for r in replays]
        self._work = {task: _median(o[task] for o in self._of if task in o) for task in plan.upstream}
        self.beside: dict[str, float] = {}
        """How many instances of a mapped task run side by side at most, as far as that was seen."""
        for replay in replays:
            for task, width in replay.widths.items():
                self.beside[task] = max(self.beside.get(task, 1.0), width.beside)
        self._least = _SHORTEST * self.took + 1.0
        self._spreads = dict.fromkeys(plan.upstream, 1.0)
        # Twice: how steady a task is, is seen when it is known which days were slow, and the other way round.
        rough = [self._pace(of, Pace(0.0, 1.0)).mean for of in self._of]
        self._spreads = {task: self._spread(task, rough) for task in plan.upstream}
        self.paces = [self._pace(of, Pace(0.0, 1.0)).mean for of in self._of]
        """Of each run."""
        self.varies = max(_STEADY, _NORMAL * _median(abs(pace - _median(self.paces)) for pace in self.paces))

    def weights(self, due: float) -> list[float]:
        """How much each run says about one that is due then; together 1."""
        found = [0.5 ** (abs(due - replay.due) / _HALF_LIFE) for replay in self.replays]
        total = sum(found)
        return [weight / total for weight in found]

    def weekday(self, due: float) -> float:
        """The pace that is usual on that day of the week."""
        same = [_same_day(abs(due - replay.due)) for replay in self.replays]
        these = [pace for pace, on_the_day in zip(self.paces, same, strict=True) if on_the_day]
        others = [pace for pace, on_the_day in zip(self.paces, same, strict=True) if not on_the_day]
        if len(these) < _FEWEST or len(others) < _FEWEST:
            return 0.0
        middle = _median(others)
        spread = max(_STEADY, _NORMAL * _median(abs(pace - middle) for pace in others))
        apart = _median(these) - middle
        doubt = _SURE * spread * spread * (1 / len(these) + 1 / len(others))
        return middle + apart * max(0.0, 1 - doubt / (apart * apart)) if apart else middle

    def signs(self, done: Mapping[str, float], at_work: Mapping[str, float]) -> list[Sign]:
        """What the last tries of tasks say of the pace: what those took that are done, and have taken until now."""
        return [
            *(Sign(self._off(task, took), self._spreads[task]) for task, took in done.items()),
            *(Sign(self._off(task, taken), self._spreads[task], at_work=True) for task, taken in at_work.items()),
        ]

    def _pace(self, laps: Mapping[str, float], before: Pace) -> Pace:
        """`before`, corrected by each lap according to how steady its task is."""
        precision = before.spread**-2
        total = precision * before.mean
        offs = [(self._off(task, lap), self._spreads[task]) for task, lap in laps.items() if task in self._spreads]
        middle = _median([*(off for off, _ in offs), *[before.mean] * _DOUBT])
        for off, spread in offs:
            total += max(-_OUTLIER * spread, min(_OUTLIER * spread, off - middle)) / spread**2 + middle / spread**2
            precision += spread**-2
        return Pace(total / precision, precision**-0.5)

    def _off(self, task: str, lap: float) -> float:
        return math.log((lap + self._least) / (self._work[task] + self._least))

    def _spread(self, task: str, paces: Sequence[float]) -> float:
        rests = [
            abs(self._off(task, of[task]) - pace)
            for of, pace in zip(self._of, paces, strict=True)
            if task in of
        ]
        return max(_STEADY, _NORMAL * _median(rests))


def _caught_up(replays: Sequence[Replay]) -> list[bool]:
    """Which of the runs were made long after they were due, one on the heels of the other.

    When they began says nothing of one that is due now.
    """
    found = [False] * min(1, len(replays))
    for before, one in pairwise(replays):
        apart = one.due - before.due
        found[-1] |= before.delay >= apart
        found.append(one.delay >= apart or apart + one.delay - before.delay < apart / 2)
    return found


def _same_day(apart: float) -> bool:
    return abs(apart - _WEEK * round(apart / _WEEK)) < _SAME_TIME


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else 0.0
