"""A week in which nothing is wrong: which rules fire all the same?

    python benchmarks/week.py [--dags 500] [--seed 19] [--oldest]

Made-up DAGs run for five weeks by patterns that are usual: every few minutes of the day, in office hours, hourly,
nightly, on weekdays, weekly, monthly. Their durations vary, some days of the week are slower, tries are repeated, one
run in a thousand fails (which its event tells). What Airflow's database would say of them, by the code that the
exporter has for it, is sent to a real Prometheus as a snapshot every five minutes of the last week, with the series of
a cluster that is well; what rules record of counters is computed beside it. Each alert is asked for the whole week.

Prints what fired, and exits with 1 where something did.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import time
import urllib.parse
import urllib.request
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import remote_write

import dashboards as filled
from windsock.alerts import build
from windsock.exporter.database.history import History
from windsock.exporter.database.rows import Run
from windsock.parts import PROMETHEUS
from windsock.settings import Settings
from windsock.settings.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEP = 5 * MINUTE
BEGIN = datetime(2026, 11, 2, tzinfo=timezone.utc).timestamp()
"""A Monday."""
END = BEGIN + 7 * DAY
BEFORE = 40 * DAY
PIECE = 45 * MINUTE
"""Prometheus takes nothing an hour older than the newest."""
COMMON = {"cluster": "prod", "instance": "exporter:9102", "job": "windsock"}
RECORDED = {"cluster": "prod"}
GIGABYTE = 1 << 30
AGAIN, FAILED = 0.01, 0.001
"""Shares of the tries that are repeated, and of the runs that fail."""
SHOWN = 5
"""Of each alert's, by name."""

Name = tuple[tuple[str, str], ...]


def office(at: datetime) -> bool:
    return at.weekday() < 5 and 8 <= at.hour < 18


PATTERNS: tuple[tuple[float, float, Callable[[datetime], bool]], ...] = (
    (0.05, 5 * MINUTE, lambda at: 6 <= at.hour < 22),
    (0.10, 15 * MINUTE, office),
    (0.15, HOUR, lambda _: True),
    (0.10, HOUR, office),
    (0.30, DAY, lambda _: True),
    (0.15, DAY, lambda at: at.weekday() < 5),
    (0.10, DAY, lambda at: at.weekday() == 0),
    (0.05, DAY, lambda at: at.day == 1),
)
"""Which share of the DAGs runs how often, and when."""


@dataclass
class Dag:
    """One made-up DAG and its runs, the oldest first."""

    dag_id: str
    tasks: int
    runs: list[Run] = field(default_factory=list)
    dues: list[float] = field(default_factory=list)
    tries: list[tuple[float, bool]] = field(default_factory=list)
    """When each ended, and whether it failed or has to be tried again."""


def made(number: int, chance: random.Random) -> Dag:
    """A DAG and what it did."""
    ((_, every, due),) = chance.choices(PATTERNS, [share for share, _, _ in PATTERNS])
    dag = Dag(f"dag_{number:04}", chance.choice((1, 3, 5, 10, 20)))
    usual = min(0.6 * every, math.exp(chance.gauss(math.log(300), 1.0)))
    weekday = [1.0] * 7
    if chance.random() < 0.4:
        weekday[chance.randrange(7)] = chance.uniform(1.2, 1.6)
    offset = chance.randrange(0, round(min(every, 6 * HOUR) / MINUTE)) * MINUTE
    free, at, ids = 0.0, BEGIN - BEFORE + offset, number * 100_000
    while at < END + DAY:
        moment = datetime.fromtimestamp(at, timezone.utc)
        if due(moment):
            dag.dues.append(at)
            start = max(free, at) + 2 + chance.expovariate(1 / 8)
            took = usual * weekday[moment.weekday()] * math.exp(chance.gauss(0, 0.25))
            again = sum(chance.random() < AGAIN for _ in range(dag.tasks))
            took += 300 * bool(again)
            failed = chance.random() < FAILED
            free = start + took
            state = "failed" if failed else "success"
            dag.runs.append(Run(ids + len(dag.runs), dag.dag_id, "", state, at, at + 1, start, free))
            dag.tries += [(free, True)] * (again + failed) + [(free, False)] * (dag.tasks - failed)
        at += every
    return dag


def snapshots(dag: Dag) -> Iterator[tuple[Name, float, float]]:
    """What is exposed of the DAG, and recorded: name, time, value."""

    def of(metric: str, **labels: str) -> Name:
        base = RECORDED if ":" in metric else COMMON
        return tuple(sorted({"__name__": metric, "dag_id": dag.dag_id, **base, **labels}.items()))

    history, ended = History(), sorted(dag.runs, key=lambda run: run.end or 0)
    for run in ended:
        if (run.end or 0) <= BEGIN:
            history.add(run)
    done = sum((run.end or 0) <= BEGIN for run in ended)
    tried = [at for at, _ in dag.tries]
    bad = [at for at, failed in dag.tries if failed]
    good = [at for at, failed in dag.tries if not failed]
    for at in range(int(BEGIN), int(END), STEP):
        while done < len(ended) and (ended[done].end or 0) <= at:
            history.add(ended[done])
            done += 1
        yield of("airflow_db_dag_info", team="data", owner="ann", severity="warning", tags=""), at, 1
        yield of("cluster_dag_id_team:airflow_dag:group", team="data"), at, 1
        yield of("airflow_db_dag_paused"), at, 0
        yield of("airflow_db_dag_last_parsed_timestamp_seconds"), at, at - 20
        place = bisect_right(dag.dues, at)
        yield of("airflow_db_dag_schedule_lag_seconds"), at, 0
        active = [run for run in dag.runs[max(0, place - 50) : place] if run.due <= at < (run.end or 0)]
        for state in ("queued", "running"):
            found = [run for run in active if ((run.start or 0) <= at) == (state == "running")]
            if found:
                age = max(at - ((run.start if state == "running" else run.queued) or 0) for run in found)
                yield of("airflow_db_dag_runs", state=state), at, len(found)
                yield of("airflow_db_dag_run_oldest_age_seconds", state=state), at, age
        past = history.dags.get(dag.dag_id)
        if past is not None:
            if past.last_success is not None:
                yield of("airflow_db_dag_last_success_timestamp_seconds"), at, past.last_success.end or 0
            yield of("airflow_db_dag_consecutive_failures"), at, past.failures
            going = [at - (run.start or 0) for run in active if (run.start or 0) <= at]
            if past.usual and going:
                yield of("airflow_db_dag_run_usual_ratio"), at, max(going) / past.usual
            if past.pause is not None:
                unmet = past.unmet(run.due for run in active)
                yield of("airflow_db_dag_success_pause_seconds"), at, past.pause
                yield of("airflow_db_dag_success_lag_seconds"), at, at - unmet if unmet is not None else 0
        hour = bisect_right(tried, at) - bisect_right(tried, at - HOUR)
        if hour:
            finishes = "cluster_dag_id_state:airflow_dag_tries_finished:growth1h"
            for state, times in (("success", good), ("up_for_retry", bad)):
                yield of(finishes, state=state), at, bisect_right(times, at) - bisect_right(times, at - HOUR)
            lately = bisect_right(bad, at) - bisect_left(bad, at - 15 * MINUTE)
            yield of("cluster_dag_id:airflow_dag_tries_failed:growth15m"), at, lately


def cluster() -> Iterator[tuple[Name, float, float]]:
    """The series of a cluster that is well, each minute."""

    def of(metric: str, **labels: str) -> Name:
        base = RECORDED if ":" in metric else COMMON
        return tuple(sorted({"__name__": metric, **base, **labels}.items()))

    loop = "airflow_scheduler_scheduler_loop_duration_seconds"
    for at in range(int(BEGIN), int(END), MINUTE):
        passed = at - BEGIN
        yield of("up"), at, 1
        yield of("cluster_instance:up:min", instance="exporter:9102"), at, 1
        yield of("airflow_scheduler_heartbeat_total"), at, passed // 5
        yield of(f"{loop}_count"), at, passed
        yield of(f"{loop}_sum"), at, passed * 0.4
        yield of("windsock_datagrams_total", listener="udp"), at, passed * 7
        for kind in ("SchedulerJob", "DagProcessorJob", "TriggererJob"):
            yield of("airflow_db_heartbeat_age_seconds", job_type=kind, hostname="a"), at, at % 5
            yield of("cluster_job_type:airflow_db_heartbeat:alive", job_type=kind), at, 1
        yield of("airflow_db_up"), at, 1
        yield of("airflow_db_pool_open_slots", pool_name="default_pool"), at, 128 - 100 * (at % HOUR < 900)
        yield of("airflow_db_pool_oldest_wait_seconds", pool_name="default_pool"), at, at % 30
        yield of("airflow_db_table_size_bytes", table="task_instance"), at, 20 * GIGABYTE * (1 + 0.01 * passed / DAY)
        yield of("windsock_metadata_query_duration_seconds", query="components"), at, 0.004
        yield of("windsock_reconcile_expected"), at, 1
        yield of("windsock_reconcile_last_pass_timestamp_seconds"), at, at - 10
        yield of("airflow_triggerer_capacity_left", hostname="a"), at, 900
        yield of("airflow_executor_open_slots", executor_class_name="LocalExecutor"), at, 32 - 32 * (at % HOUR < 300)


def send(url: str, found: list[tuple[Name, float, float]]) -> None:
    """Send samples of a time that is short enough, the series in any order."""
    of: dict[Name, bytearray] = defaultdict(bytearray)
    for name, at, value in found:
        of[name] += remote_write.sample(value, int(at))
    rows = list(of.items())
    for first in range(0, len(rows), filled.BATCH):
        body = bytearray()
        for name, samples in rows[first : first + filled.BATCH]:
            body += remote_write.part(1, remote_write.labels(dict(name)) + samples)
        remote_write.write(url + remote_write.PATH, bytes(body))


def fill(url: str, dags: list[Dag]) -> int:
    """Send the week; returns how many samples."""
    count = 0
    rows = (cluster(), *(snapshots(dag) for dag in dags))
    # Each says something in each piece of time.
    for pieces in zip(*(groupby(one, lambda row: int(row[1] - BEGIN) // PIECE) for one in rows), strict=True):
        found = [row for _, piece in pieces for row in piece]
        send(url, found)
        count += len(found)
    return count


def fired(url: str, rule: dict[str, Any], found: dict[str, str]) -> list[str]:
    """Whom the alert would have fired of, and when first; `found` is what is recorded for single alerts."""
    expr = re.sub(r"\w+:\w+:found", lambda record: found[record[0]], rule["expr"])
    query = {"query": expr, "start": BEGIN + HOUR, "end": END - STEP, "step": STEP, "timeout": "30m"}
    body = urllib.parse.urlencode(query).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query_range", body, timeout=1800) as answer:
        answered = json.loads(answer.read())["data"]["result"]
    needed = int(parse_duration(rule.get("for", "0s")) // STEP) + 1
    lines = []
    for series in answered:
        times = [at for at, _ in series["values"]]
        for _, group in groupby(enumerate(times), key=lambda one: one[1] - one[0] * STEP):
            together = [at for _, at in group]
            if len(together) >= needed:
                when = datetime.fromtimestamp(together[0], timezone.utc)
                lines.append(f"{series['metric']} from {when:%A %H:%M} for {len(together) * STEP // MINUTE} min")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--oldest", action="store_true", help=f"Prometheus {PROMETHEUS.oldest}")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    dags = [made(number, chance) for number in range(options.dags)]
    runs = sum(BEGIN <= run.due < END for dag in dags for run in dag.runs)
    groups = yaml.safe_load(build.files(Settings())[build.RULES])["groups"]
    rules = [rule for group in groups for rule in group["rules"] if rule.get("alert") not in (None, "Watchdog")]
    found = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}
    version = PROMETHEUS.oldest if options.oldest else PROMETHEUS.current
    wrong = 0
    with filled.prometheus(version) as (url, _):
        begun = time.monotonic()
        count = fill(url, dags)
        print(
            f"{options.dags} DAGs, {runs:,} runs, {count:,} samples sent in {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        for rule in rules:
            lines = fired(url, rule, found)
            wrong += len(lines)
            for line in lines[:SHOWN]:
                print(f"{rule['alert']}: {line}", flush=True)
            if len(lines) > SHOWN:
                print(f"{rule['alert']}: and {len(lines) - SHOWN} more")
    print(f"Prometheus {version}, {len(rules)} alerts over a week: {wrong} fired; {time.monotonic() - begun:.0f} s")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
