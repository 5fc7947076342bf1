"""Late before it is late: how many misses are announced in time, and how many alarms are false.

Made-up DAGs of 5 to 80 tasks run daily for 60 days. Their tasks' durations have heavy tails; some DAGs are slower on
some weekdays; some days are slow as a whole, others from some task on; runs start late, tasks are tried again, wait for
a slot, or hang for a while. Each DAG has a promised end. The first 20 days are history; the others are looked at
every fortieth of its usual duration, from when it is due until it has succeeded or is late. A look knows what
Airflow's database would say at that moment, and nothing else: what is done, and whether a task works or waits.

Side by side: the forecast; an alert when the promise is broken; an alert when the run has taken longer than its own
95th percentile. A miss counts as announced when the alert came a quarter of the run's usual duration before the
promised end, or earlier. An alarm is false where the run was done in time.

    python benchmarks/at_risk.py                   seeds that the numbers were not chosen on
    python benchmarks/at_risk.py --dags 40 --seeds 7
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import statistics
import time
from dataclasses import dataclass, field

from windsock.exporter.forecast.estimate import estimate
from windsock.exporter.forecast.plan import Plan
from windsock.exporter.forecast.profile import KEPT, Profile
from windsock.exporter.forecast.replay import Progress, Replay
from windsock.exporter.forecast.risk import TOO_LATE, Risk

DAY = 86_400.0
DAYS = 60
LEARNED = 20
LOOKS = 40
LEAD = 0.25
SEEDS = (1, 2, 6, 7, 8, 9)
"""None of which the numbers were chosen on; those were 11 to 30."""


@dataclass
class Dag:
    """One made-up DAG, and how its runs go."""

    plan: Plan
    medians: dict[str, float]
    spread: dict[str, float]
    weekday: list[float]
    promise: float = 0.0
    """Seconds after it was due."""
    usual: float = 0.0


@dataclass
class Run:
    """What happened: all of it, of which a look sees what is past."""

    due: float
    start: float
    ends: dict[str, float]
    tries: dict[str, list[float]]
    """When each of a task's tries began, and those before the last one ended: begin, end, begin."""

    @property
    def end(self) -> float:
        """When it succeeded."""
        return max(self.ends.values())


@dataclass
class Score:
    """Of one way to alert."""

    announced: int = 0
    late: int = 0
    false: int = 0
    leads: list[float] = field(default_factory=list)


def made(chance: random.Random) -> Dag:
    """A DAG in layers, as most are: each task waits for one to three of the layer before."""
    number = round(math.exp(chance.uniform(math.log(5), math.log(80))))
    layers: list[list[str]] = [["t0"]]
    upstream: dict[str, tuple[str, ...]] = {"t0": ()}
    while len(upstream) < number:
        layer = []
        for _ in range(min(number - len(upstream), chance.choice((1, 1, 2, 3, 5, 8)))):
            task = f"t{len(upstream)}"
            upstream[task] = tuple(chance.sample(layers[-1], min(len(layers[-1]), chance.choice((1, 1, 2, 3)))))
            layer.append(task)
        layers.append(layer)
    medians = {task: math.exp(chance.gauss(math.log(150), 1.1)) for task in upstream}
    spread = {task: chance.uniform(0.08, 0.4) for task in upstream}
    weekday = [1.0] * 7
    if chance.random() < 0.4:
        for day in chance.sample(range(7), chance.choice((1, 2))):
            weekday[day] = chance.uniform(1.2, 1.6)
    return Dag(Plan.of(upstream), medians, spread, weekday)


def ran(dag: Dag, day: int, chance: random.Random) -> Run:
    """One run of it."""
    due = day * DAY
    delay = chance.expovariate(1 / 20)
    if chance.random() < 0.03:
        delay += chance.uniform(0.1, 0.8) * max(dag.usual, 600)
    factors = dict.fromkeys(dag.medians, dag.weekday[day % 7] * math.exp(chance.gauss(0, 0.06)))
    trouble = chance.random()
    if trouble < 0.03:  # a slow day: the warehouse, the network
        slow = chance.uniform(1.3, 2.5)
        factors = {task: factor * slow for task, factor in factors.items()}
    elif trouble < 0.06:  # slow from some task on
        slow, order = chance.uniform(1.5, 3.0), list(dag.plan.upstream)
        for task in order[chance.randrange(len(order)) :]:
            factors[task] *= slow
    start = due + delay
    ends: dict[str, float] = {}
    tries: dict[str, list[float]] = {}
    for task, upstream in dag.plan.upstream.items():
        ready = max((ends[one] for one in upstream), default=start)
        took = dag.medians[task] * factors[task] * math.exp(chance.gauss(0, dag.spread[task]))
        if chance.random() < 0.004:
            took *= chance.paretovariate(1.3)
        failed = chance.random() * took if chance.random() < 0.01 else 0.0
        wait = chance.expovariate(1 / 8)
        if chance.random() < 0.004:
            wait += chance.expovariate(1 / 900)
        tries[task] = [ready + wait]
        if failed:  # somewhere, waits five minutes, and is tried again
            tries[task] += [ready + wait + failed, ready + wait + failed + 300]
        ends[task] = tries[task][-1] + took
    return Run(due, start, ends, tries)


def progress(run: Run, now: float) -> Progress:
    """What the database says of it."""
    if now < run.start:
        return Progress(run.due, None)
    begun = {}
    for task, moments in run.tries.items():
        past = [moment for moment in moments if moment <= now]
        if len(past) % 2:
            begun[task] = past[-1]
        elif past:  # `retry_delay` is known
            begun[task] = moments[len(past)]
    return Progress(run.due, run.start, {task: end for task, end in run.ends.items() if end <= now}, begun=begun)


def lived(seed: int) -> tuple[Dag, list[Run]]:
    """One DAG, and all of its days."""
    chance = random.Random(seed)
    dag = made(chance)
    calm = [ran(dag, day, chance) for day in range(40)]
    dag.usual = statistics.median(run.end - run.due for run in calm)
    dag.promise = dag.usual * chance.uniform(1.25, 1.9)
    return dag, [ran(dag, day, chance) for day in range(DAYS)]


def played(seed: int) -> tuple[int, int, dict[str, Score], float, int]:
    """One DAG over all days: its runs, its misses, each way's score, seconds of the looks, and their number."""
    dag, runs = lived(seed)
    scores = {"forecast": Score(), "at the promise": Score(), "longer than its p95": Score()}
    replays = [Replay.of(dag.plan, progress(one, math.inf)) for one in runs]
    misses, seconds, looks = 0, 0.0, 0
    for day in range(LEARNED, DAYS):
        run, past = runs[day], runs[max(0, day - KEPT) : day]
        promise = run.due + dag.promise
        missed = run.end > promise
        misses += missed
        usual = statistics.median(one.end - one.start for one in past)
        p95 = sorted(one.end - one.start for one in past)[math.ceil(0.95 * len(past)) - 1]
        profile = Profile(dag.plan, replays[max(0, day - KEPT) : day])
        risk, alarm, now = Risk(), None, run.due
        while now < run.end and promise - now >= TOO_LATE * usual and alarm is None:
            begun = time.process_time()
            found = estimate(profile, progress(run, now), now)
            seconds += time.process_time() - begun
            looks += 1
            if found is not None and risk.look(found.chance_after(promise), left=promise - now, usual=found.usual):
                alarm = now
            now += usual / LOOKS
        beyond = run.start + p95
        alarms = {
            "forecast": alarm,
            "at the promise": promise if missed else None,
            "longer than its p95": beyond if beyond < min(run.end, promise) else None,
        }
        for way, at in alarms.items():
            score = scores[way]
            if at is None:
                score.late += missed
                continue
            if not missed:
                score.false += 1
                continue
            score.leads.append((promise - at) / usual)
            score.announced += promise - at >= LEAD * usual
            score.late += promise - at < LEAD * usual
    return DAYS - LEARNED, misses, scores, seconds, looks


def main() -> None:
    """Print the table of each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()
    for seed in options.seeds:
        with multiprocessing.Pool(2) as pool:
            found = pool.map(played, [seed * 1_000_000 + number for number in range(options.dags)], chunksize=4)
        runs, misses = sum(one[0] for one in found), sum(one[1] for one in found)
        seconds, looks = sum(one[3] for one in found), sum(one[4] for one in found)
        print(f"\nseed {seed}: {options.dags} DAGs, {runs} runs, {misses} of them late")
        print(f"{'':22}{'announced in time':>18}{'false alarms':>14}{'one in':>8}{'precision':>11}{'median lead':>13}")
        for way in found[0][2]:
            scores = [one[2][way] for one in found]
            announced, false = sum(one.announced for one in scores), sum(one.false for one in scores)
            leads = [lead for one in scores for lead in one.leads]
            rate = f"{runs / false:.0f}" if false else "never"
            precision = len(leads) / (len(leads) + false) if leads or false else 0.0
            lead = statistics.median(leads) if leads else 0.0
            print(f"{way:22}{announced / misses:>17.1%}{false:>14}{rate:>9}{precision:>10.1%}{lead:>12.0%}")
        print(f"a look takes {1000 * seconds / looks:.2f} ms of the processor")


if __name__ == "__main__":
    main()
