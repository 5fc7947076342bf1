"""How many misses could be announced at all, by one who knows how the runs of `at_risk.py` are made.

It looks at the same runs, at the last moment at which an alarm still counts as in time, and sees what a look sees: what
is done and when, what works and what waits. Beyond that it knows each task's median and spread, the factor of the
weekday, and how often days are slow, tasks hang, wait or fail. By these it weighs how slow the run may be and from
which task on, and plays the rest some hundred times. An alarm at an earlier look can't be better than one that is
decided there: but for chance, no estimate announces more at as few false alarms.

    python benchmarks/at_risk_ceiling.py --dags 40 --seeds 7
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import statistics
from bisect import bisect_left
from itertools import accumulate

from at_risk import DAYS, LEARNED, LOOKS, SEEDS, Dag, Run, lived

from windsock.exporter.forecast.profile import KEPT
from windsock.exporter.forecast.risk import TOO_LATE

HANGS, HEAVY = 0.004, 1.3
RETRIED, PAUSE = 0.01, 300.0
WAITS, WAIT, LONG_WAIT = 0.004, 8.0, 900.0
DAY_SPREAD, TROUBLE = 0.06, 0.03
SLOW_DAY, SLOW_SINCE = (1.3, 2.5), (1.5, 3.0)
STEP = 0.03
ORDINARY = [number * STEP for number in range(-6, 7)]
SLOW = [number * STEP for number in range(8, 38)]
GRID = [number * STEP for number in range(-6, 44)]
PLAYED = 400
RATES = (100, 60, 50, 40, 30)


def below(z: float) -> float:
    """The share of a normal distribution that is below."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def beyond(x: float, spread: float) -> tuple[float, float]:
    """The share of ordinary tries that take longer than the median times exp(x), and what it is more if they hang."""
    ordinary = below(-x / spread)
    hung = math.exp(min(50.0, -HEAVY * x + (HEAVY * spread) ** 2 / 2)) * below(x / spread - HEAVY * spread)
    return ordinary, hung


def density(x: float, spread: float) -> float:
    """Of a try that took exactly that."""
    ordinary = math.exp(-0.5 * (x / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
    return (1 - HANGS) * ordinary + HANGS * HEAVY * beyond(x, spread)[1]


def normal(chance: random.Random, spread: float, above: float) -> float:
    """Of that spread, and above that."""
    share = max(1e-300, chance.random() * below(-above / spread))
    return -spread * statistics.NormalDist().inv_cdf(share) if share < 1 else -9.0 * spread


class Seen:
    """A run at a moment."""

    def __init__(self, dag: Dag, run: Run, now: float, weekday: int, chance: random.Random) -> None:
        self.dag, self.run, self.now, self.chance = dag, run, now, chance
        self.order = list(dag.plan.upstream)
        self.middle = {task: math.log(dag.medians[task] * dag.weekday[weekday]) for task in self.order}
        self.begun = {
            task: past[-1]
            for task in self.order
            if len(past := [moment for moment in run.tries[task] if moment <= now]) % 2 and run.start <= now
        }

    def likely(self) -> list[list[float]]:
        """For each number of tasks, by how slow the run is, the logarithm of how likely is what these have done."""
        sums = [[0.0] * len(GRID)]
        for task in self.order:
            spread, last = self.dag.spread[task], sums[-1]
            if self.run.ends[task] <= self.now:
                took = math.log(self.run.ends[task] - self.run.tries[task][-1]) - self.middle[task]
                found = [density(took - slow, spread) for slow in GRID]
            elif task in self.begun and self.now > self.begun[task]:
                taken = math.log(self.now - self.begun[task]) - self.middle[task]
                both = (beyond(taken - slow, spread) for slow in GRID)
                found = [ordinary + HANGS * hung for ordinary, hung in both]
            else:
                found = [1.0] * len(GRID)
            sums.append([before + math.log(one + 1e-300) for before, one in zip(last, found, strict=True)])
        return sums

    def paces(self) -> list[tuple[float, float, int]]:
        """Some hundred times how slow the run is, how slow in the end, and from which task on."""
        sums = self.likely()
        every, tasks = sums[-1], len(self.order)
        cases: list[tuple[float, float, int]] = []
        weights: list[float] = []
        for number, ordinary in enumerate(ORDINARY):
            prior = -0.5 * (ordinary / DAY_SPREAD) ** 2
            cases.append((ordinary, ordinary, 0))
            weights.append(prior + math.log(1 - 2 * TROUBLE) + every[number])
            for more in SLOW:
                slow, factor = number + round(more / STEP), math.exp(more)
                for (least, most), since in ((SLOW_DAY, (0,)), (SLOW_SINCE, range(tasks))):
                    if not least <= factor <= most:
                        continue
                    share = math.log(TROUBLE * factor * STEP / (most - least) / len(since)) + prior
                    for first in since:
                        cases.append((ordinary, ordinary + more, first))
                        weights.append(share + sums[first][number] + every[slow] - sums[first][slow])
        most_likely = max(weights)
        upto = list(accumulate(math.exp(weight - most_likely) for weight in weights))
        return [cases[min(bisect_left(upto, self.chance.random() * upto[-1]), len(cases) - 1)] for _ in range(PLAYED)]

    def late(self, promise: float) -> float:
        """The probability that it is."""
        return sum(self.end(*pace) > promise for pace in self.paces()) / PLAYED

    def end(self, before: float, after: float, first: int) -> float:
        """Of the run, played once."""
        start, ends = self.run.start if self.run.start <= self.now else self.begins(), {}
        for number, task in enumerate(self.order):
            if self.run.ends[task] <= self.now:
                ends[task] = self.run.ends[task]
                continue
            upstream = self.dag.plan.upstream[task]
            ready = max((ends[one] for one in upstream), default=start)
            ends[task] = self.ends(task, ready, after if number >= first else before)
        return max(ends.values())

    def begins(self) -> float:
        """One that has not begun: almost all begin within seconds, or after up to 80 % of a usual run."""
        passed, usual = max(0.0, self.now - self.run.due), max(self.dag.usual, 600)
        much = 0.03 * min(1.0, max(0.0, (0.8 * usual - passed) / (0.7 * usual)))
        soon = 0.97 * math.exp(-passed / 20)
        delay = passed + self.chance.expovariate(1 / 20)
        if self.chance.random() * (much + soon) < much:
            delay += self.chance.uniform(max(0.0, 0.1 * usual - passed), max(0.0, 0.8 * usual - passed))
        return self.run.due + delay

    def ends(self, task: str, ready: float, slow: float) -> float:
        """A task that is not done."""
        chance, spread, middle = self.chance, self.dag.spread[task], self.middle[task] + slow
        if task in self.begun:
            taken = max(1e-6, self.now - self.begun[task])
            x = math.log(taken) - middle
            ordinary, hung = beyond(x, spread)
            if chance.random() * (ordinary + HANGS * hung) <= ordinary:
                took = normal(chance, spread, x)
                took += chance.expovariate(HEAVY) if chance.random() < HANGS else 0.0
            else:
                took = x + chance.expovariate(HEAVY)
            seconds = max(taken, math.exp(middle + took))
            first = self.begun[task] == self.run.tries[task][0]
            again = first and chance.random() < RETRIED * (1 - taken / seconds)
            return self.begun[task] + seconds + again * (chance.random() * (seconds - taken) + taken + PAUSE)
        took = chance.gauss(0, spread) + (chance.expovariate(HEAVY) if chance.random() < HANGS else 0.0)
        seconds = math.exp(middle + took)
        begin = self.run.tries[task]
        if len(begin) > 1 and begin[1] <= self.now:
            return begin[2] + seconds
        waited = max(0.0, self.now - ready)
        long = WAITS * math.exp(-waited / LONG_WAIT)
        short = (1 - WAITS) * math.exp(-waited / WAIT)
        wait = chance.expovariate(1 / (LONG_WAIT if chance.random() * (long + short) < long else WAIT))
        again = chance.random() < RETRIED
        return max(ready, self.now) + wait + seconds + again * (chance.random() * seconds + PAUSE)


def judged(seed: int) -> list[tuple[float, bool]]:
    """Of each run of a DAG the probability at the last look, and whether it was late."""
    dag, runs = lived(seed)
    chance, found = random.Random(seed), []
    for day in range(LEARNED, DAYS):
        run, promise = runs[day], runs[day].due + dag.promise
        usual = statistics.median(one.end - one.start for one in runs[max(0, day - KEPT) : day])
        now = run.due
        while promise - now - usual / LOOKS >= TOO_LATE * usual:
            now += usual / LOOKS
        seen = Seen(dag, run, now, day % 7, chance)
        found.append((seen.late(promise) if now < run.end else 0.0, run.end > promise))
    return found


def main() -> None:
    """Print what is announced of each seed, for some shares of false alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()
    print(f"announced, with one false alarm in {', '.join(map(str, RATES))} runs:")
    for seed in options.seeds:
        with multiprocessing.Pool(2) as pool:
            parts = pool.map(judged, [seed * 1_000_000 + number for number in range(options.dags)], chunksize=4)
        found = sorted((one for part in parts for one in part), reverse=True)
        late = sum(missed for _, missed in found)
        shares = []
        for rate in RATES:
            allowed, announced, false = len(found) / rate, 0, 0
            for _, missed in found:
                announced, false = announced + missed, false + (not missed)
                if false > allowed:
                    break
            shares.append(f"{announced / late:.0%}")
        expected = sum(chance for chance, _ in found)
        print(f"seed {seed}: {', '.join(shares)} of {late} (it expected {expected:.0f})", flush=True)


if __name__ == "__main__":
    main()
