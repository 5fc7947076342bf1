"""What the runs of a DAG have in common: how long each task takes, how much that varies, and how slow each run was."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

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
_CHANCE = 3.0
"""Student's t squared, up to which a difference between days of the week may be one of chance."""
_STEADY = 0.05
"""No task is taken for steadier than that: a standard deviation of the logarithm of its laps."""
_SHORTEST = 0.005
"""Of a run: laps below it are as good as equal."""
_OUTLIER = 3.0
"""Standard deviations from what most say, beyond which a lap says no more."""
_DOUBT = 2
"""Tasks that say something else are more than one that is slow for itself."""
_NORMAL = 1.4826
"""The standard deviation of what is normally distributed, by its median absolute deviation."""


class Day(NamedTuple):
    """What the runs that were say of one before anything of it is seen."""

    weights: list[float]
    """How much each of them says; together 1."""
    pace: float
    """The one that is usual on that day of the week; on any, as far as those do not differ."""


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
        self.pauses = {
            task: [lap - work for lap, work in zip(column, self.work[task], strict=True)]
            for task, column in self.laps.items()
        }
        """What was before that: a wait for a slot, other tries and what lay between them."""
        self._took = [{task: replay.work.get(task, lap) for task, lap in replay.laps.items()} for replay in replays]
        """Of each run, what its last tries took."""
        self._usual = {
            task: _median(took[task] for took in self._took if task in took) for task in found if found[task]
        }
        self.beside: dict[str, float] = {}
        """How many instances of a mapped task run side by side at most, as far as that was seen."""
        for replay in replays:
            for task, width in replay.widths.items():
                self.beside[task] = max(self.beside.get(task, 1.0), width.beside)
        self._least = _SHORTEST * self.took + 1.0
        self._spreads = dict.fromkeys(self._usual, 1.0)
        # Twice: how steady a task is, is seen when it is known which days were slow, and the other way round.
        rough = list(map(self._pace, self._took))
        self._spreads = {task: self._spread(task, rough) for task in self._usual}
        self.paces = list(map(self._pace, self._took))
        """Of each run."""
        self._day: tuple[float, Day] | None = None
        self.varies = max(_STEADY, _NORMAL * _median(abs(pace - _median(self.paces)) for pace in self.paces))
        """The standard deviation of those that are not slow: half of the runs may be."""
        self._rests = [
            math.log((replay.took + 1) / (self.took + 1)) - pace
            for replay, pace in zip(replays, self.paces, strict=True)
        ]
        """How slow each was beyond its pace: where a single task takes longer on some day of the week."""

    def day(self, due: float) -> Day:
        """What they say of a run that is due then."""
        if self._day is None or self._day[0] != due:
            self._day = due, self._of_day(due)
        return self._day[1]

    def _of_day(self, due: float) -> Day:
        same = self._same_day(due)
        others, apart, sure = _difference(self.paces, same)
        more = min(_SAME_DAY, _difference(self._rests, same)[-1])
        found = [
            (1.0 + more * on_the_day) * 0.5 ** (abs(due - replay.due) / _HALF_LIFE)
            for on_the_day, replay in zip(same, self.replays, strict=True)
        ]
        total = sum(found)
        return Day([weight / total for weight in found], others + apart * sure / (sure + _CHANCE))

    def _same_day(self, due: float) -> list[bool]:
        """Which of the runs were due on that day of the week."""
        found = [abs(due - replay.due) % _WEEK for replay in self.replays]
        return [apart < _SAME_TIME or apart > _WEEK - _SAME_TIME for apart in found]

    def signs(self, done: Mapping[str, float], at_work: Mapping[str, float]) -> list[Sign]:
        """What the last tries of tasks say of the pace: what those took that are done, and have taken until now."""
        return [
            Sign(self._off(task, took), self._spreads[task], tasks is at_work)
            for tasks in (done, at_work)
            for task, took in tasks.items()
            if task in self._usual
        ]

    def _pace(self, took: Mapping[str, float]) -> float:
        """How slow a run was as a whole, by each of its tasks according to how steady it is."""
        offs = [(self._off(task, lap), self._spreads[task]) for task, lap in took.items() if task in self._usual]
        middle = _median([*(off for off, _ in offs), *[0.0] * _DOUBT])
        total, precision = 0.0, 1.0
        for off, spread in offs:
            total += max(-_OUTLIER * spread, min(_OUTLIER * spread, off - middle)) / spread**2 + middle / spread**2
            precision += spread**-2
        return total / precision

    def _off(self, task: str, lap: float) -> float:
        return math.log((lap + self._least) / (self._usual[task] + self._least))

    def _spread(self, task: str, paces: Sequence[float]) -> float:
        rests = [
            abs(self._off(task, took[task]) - pace)
            for took, pace in zip(self._took, paces, strict=True)
            if task in took
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


def _difference(values: Sequence[float], these: Sequence[bool]) -> tuple[float, float, float]:
    """The others as a median, how much more these are, and how sure that is: Student's t squared, above chance."""
    some = [value for value, one in zip(values, these, strict=True) if one]
    others = [value for value, one in zip(values, these, strict=True) if not one]
    if len(some) < _FEWEST or len(others) < _FEWEST:
        return 0.0, 0.0, 0.0
    middle = _median(others)
    spread = max(_STEADY, _NORMAL * _median(abs(value - middle) for value in others))
    apart = _median(some) - middle
    return middle, apart, max(0.0, (apart / spread) ** 2 / (1 / len(some) + 1 / len(others)) - _CHANCE)


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else 0.0
