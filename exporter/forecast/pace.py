"""How slow a run is: like its day of the week, slow as a whole, or slow from some task on.

A pace is the logarithm of a factor on all of its tasks; 0 is what is usual. What a task took says something of it, by
how steady that task is. Nothing is decided: each pace has the weight that the tasks leave it, and the rest of the run
is played at all of them. So a run of which little is seen may still turn out slow, and one slow task is one slow task.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache
from itertools import accumulate, repeat
from operator import add, sub
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = 0.414214
"""Its multiples are spread evenly between 0 and 1, however many there are."""
_SLOW_DAY = 0.04
"""The share of runs that are slow as a whole; as many are slow from some task on."""
_STEP = 0.08
_GRID = [_STEP * number for number in range(-5, 16)]
"""Paces, compared with that of the day of the week: from two thirds to more than three times as long."""
_SLOW = [number for number, pace in enumerate(_GRID) if pace > 0.1]
"""Those of a run that is slow: all are as likely."""
_ALONE = 5.0
"""No task says more than that against a pace, as a logarithm of odds: it may have been slow for itself."""
_PARTS = 8
"""At so many moments it may have become slow, which is looked at after as many tasks each."""


class Sign(NamedTuple):
    """What one task says of the pace."""

    off: float
    """The logarithm of how much longer than usual it took."""
    spread: float
    """The standard deviation of that, when nothing is slow."""
    at_work: bool = False
    """It has taken that until now, and will take longer."""

    def odds(self, usual: float) -> list[float]:
        """The logarithm of how likely that is, at each pace."""
        off, half, least = self.off - usual, -0.5 * self.spread**-2, -_ALONE
        found = [half * apart * apart for apart in [off - pace for pace in _GRID]]
        if self.at_work:
            found = [0.0 if pace >= off else one for pace, one in zip(_GRID, found, strict=True)]
        return [one if one > least else least for one in found]  # noqa: FURB136 - twice as fast as max


def paces(signs: Sequence[Sign], usual: float, varies: float, count: int) -> list[float]:
    """Return so many paces that are equally likely, in no order.

    `signs` are in the order in which the tasks ended; `usual` is the pace of that day of the week, and `varies` the
    standard deviation of those that are not slow.
    """
    normal = [-0.5 * (pace / varies) ** 2 for pace in _GRID]
    normal = [one - _total(normal) for one in normal]
    slow = math.log(_SLOW_DAY / len(_SLOW))
    sums = [[0.0] * len(_GRID)]
    for sign in signs:
        sums.append(list(map(add, sums[-1], sign.odds(usual))))
    all_of_it = sums[-1]
    # What is left for a run that is never slow, and for one that is slow since before the first, second … task.
    weights = list(map(add, normal, all_of_it))
    numbers = list(range(len(_GRID)))
    cuts = range(0, len(signs), -(-len(signs) // _PARTS)) if signs else range(1)
    for cut in cuts:
        before = _total(list(map(add, normal, sums[cut]))) - math.log(len(cuts)) if cut else 0.0
        since = list(map(sub, all_of_it, sums[cut]))
        weights += [slow + before + since[number] for number in _SLOW]
        numbers += _SLOW
    most = max(weights)
    upto = list(accumulate(map(math.exp, map(sub, weights, repeat(most)))))
    found = []
    for share in _shares(count):
        drawn = _GRID[numbers[min(bisect_left(upto, share * upto[-1]), len(numbers) - 1)]]
        found.append(usual + drawn + _STEP * ((share * 97) % 1 - 0.5))
    return found


@lru_cache(maxsize=64)
def _shares(count: int) -> list[float]:
    """The middles of as many equal parts of 0 to 1, shuffled: runs that follow one another get paces that differ."""
    order = sorted(range(count), key=lambda number: number * _ROOT % 1)
    return [(place + 0.5) / count for place in order]


def _total(logarithms: Sequence[float]) -> float:
    most = max(logarithms)
    return most + math.log(sum(map(math.exp, map(sub, logarithms, repeat(most)))))
