"""The same hour of failures in each engine that evaluates rules: which alerts fire in which minute, and what differs.

The hour is made up, from a seed: DAGs that fail and are reported, or not; an exporter that starts anew, scrapes that
nobody made, a scheduler, a database and a Filebeat that are away. Each engine evaluates the generated rules at each
minute, in simulated time: promtool in Prometheus' versions, vmalert-tool in VictoriaMetrics. There twice: each rule
after what it reads, as in Prometheus, and as a running vmalert shows what rules record, with the next evaluation.
Thanos has no such tool: a receiver gets the hour by remote write, minute by minute and from two replicas, a query is
asked for each rule, in turn by each of its engines, and what that records is written beside it.
"""

from __future__ import annotations

import argparse
import collections
import copy
import functools
import itertools
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import engines, history, remote_write, thanos
from real.waiting import until

from windsock import parts
from windsock.alerts import build
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 60
RUN_UP = 10
"""Minutes before it in which nothing happens."""
END = RUN_UP + HOUR
TAIL = 5
"""Minutes after it, in which something late would still be seen."""
TOGETHER = 2
"""DAGs in one of promtool's tests, which hold 10,000 samples. No rule reads two DAGs, nor does it see the others."""
FIRING = 'last_over_time(ALERTS{alertstate="firing"}[30s])'
SHOWN = re.compile(r'expr: "last_over_time.*?time: (\S+?),(.*?)(?=expr: "last_over_time|\Z)', re.DOTALL)
ALERT = re.compile(r"\{([^{}]*alertname=[^{}]*)\}")

Firing = dict[str, set[int]]
"""By alert, as its labels are written: the minutes in which it fires."""


class Scrapes(NamedTuple):
    """What is there to be scraped: minutes in which the exporter is down, and those that nobody asks in."""

    down: frozenset[int]
    gap: frozenset[int]

    def series(self, values: list[float], *, counter: bool) -> str:
        """The values as they are scraped; a counter begins anew where the exporter does."""
        written, lost, last = [], 0.0, "_"
        for minute, value in enumerate(values):
            if minute in self.gap:
                last = "_"
            elif minute in self.down:
                last, lost = ("_" if last in {"_", "stale"} else "stale"), (value if counter else 0.0)
            else:
                last = f"{value - lost:.0f}"
            written.append(last)
        return " ".join(written)


def hour(seed: int, dags: int) -> tuple[list[dict[str, str]], list[list[dict[str, str]]]]:
    """The input series of unit tests, a sample a minute: those of no DAG, and those of each."""
    chance, minutes = random.Random(seed), END + TAIL
    restarts = [range(begin, begin + chance.randint(1, 3)) for begin in (RUN_UP + 17, RUN_UP + 41)]
    gap = range(RUN_UP + 30, RUN_UP + 33)
    scrapes = Scrapes(frozenset(minute for one in restarts for minute in one), frozenset(gap))
    exporter = 'cluster="prod", instance="exporter:9102", job="windsock"'
    watcher = 'cluster="prod", instance="worker:9103", job="windsock-logs"'
    found: list[dict[str, str]] = []
    by_dag: list[list[dict[str, str]]] = []

    def add(name: str, labels: str, values: list[float], *, counter: bool = False) -> None:
        found.append({"series": f"{name}{{{labels}}}", "values": scrapes.series(values, counter=counter)})

    up = Scrapes(frozenset(), scrapes.gap)
    for labels, down in ((exporter, scrapes.down), (watcher, frozenset[int]())):
        values = [float(minute not in down) for minute in range(minutes)]
        found.append({"series": f"up{{{labels}}}", "values": up.series(values, counter=False)})
    for number in range(dags):
        before = len(found)
        share, silence = chance.choice((0.0, 0.0, 0.02, 0.06, 0.3, 0.9)), chance.choice((0.0, 0.0, 0.0, 0.1, 1.0))
        ended: dict[str, list[float]] = {state: [0.0] for state in ("failed", "up_for_retry", "success")}
        sent = [0.0]
        for minute in range(1, minutes):
            now = collections.Counter({state: int(values[-1]) for state, values in ended.items()})
            told = sent[-1]
            for _ in range(chance.randint(0, 4) if minute > RUN_UP else 0):
                failed = chance.random() < share
                now["success" if not failed else chance.choice(("failed", "up_for_retry"))] += 1
            told += sum(chance.random() >= silence for _ in range(now["failed"] - int(ended["failed"][-1])))
            for state, values in ended.items():
                values.append(float(now[state]))
            sent.append(told)
        for state, values in ended.items():
            labels = f'dag_id="dag_{number:02}", {exporter}, state="{state}", task_id="load"'
            add("airflow_ti_finish_total", labels, values, counter=True)
        labels = f'alertname="AirflowTaskFailed", dag_id="dag_{number:02}", {exporter}'
        add("windsock_callback_sent_total", labels, sent, counter=True)
        by_dag.append(found[before:])
        del found[before:]

    def away(longest: int) -> range:
        begin = RUN_UP + chance.randint(1, HOUR - longest)
        return range(begin, begin + chance.randint(longest // 2, longest))

    stopped, unread, late = away(12), away(15), away(20)
    beats = [12.0 * sum(earlier not in stopped for earlier in range(minute)) for minute in range(minutes)]
    add("airflow_scheduler_heartbeat_total", exporter, beats, counter=True)
    add("airflow_db_up", exporter, [float(minute not in unread) for minute in range(minutes)])
    drops = chance.randrange(RUN_UP, minutes)
    listener = f'{exporter}, listener="udp://0.0.0.0:9125"'
    add("windsock_kernel_drops_total", listener, [17.0 * (minute > drops) for minute in range(minutes)], counter=True)
    up_all = [60.0 if minute in late else 2.0 for minute in range(minutes)]
    found.append(
        {"series": f"windsock_log_canary_latency_seconds{{{watcher}}}", "values": up.series(up_all, counter=False)}
    )
    rejected = [float(15 * (minute > drops)) for minute in range(minutes)]
    found.append({"series": f"windsock_log_rejected_lines{{{watcher}}}", "values": up.series(rejected, counter=False)})
    return found, by_dag


def played(engine: engines.Engine, rules: dict[str, Any], test: dict[str, Any]) -> Firing:
    """Let the engine evaluate the rules over the test's series, and ask at each minute what fires."""
    firing: Firing = collections.defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        done = engine.run(engines.write(Path(folder), rules, test))
    # The watchdog fires always, and the test expects nothing: each minute is shown as a difference.
    for minute, shown in SHOWN.findall(done.stdout + done.stderr):
        hours, minutes = re.findall(r"(?:(\d+)h)?(?:(\d+)m)?(?:0s)?", minute)[0]
        for labels in ALERT.findall(shown):
            named = sorted(re.findall(r'(?:alertname|dag_id|instance|listener)="[^"]*"', labels))
            firing[" ".join(value.partition("=")[2].strip('"') for value in named)].add(
                int(hours or 0) * 60 + int(minutes or 0)
            )
    if not firing["Watchdog"]:
        sys.exit(f"{engine} shows nothing:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return firing


def ways(common: list[dict[str, str]], by_dag: list[list[dict[str, str]]]) -> Iterator[tuple[str, engines.Engine, Any]]:
    """By the name of the row: the engine, and the files of rules and of unit tests."""
    rules = yaml.safe_load(build.files(Settings())[build.RULES])

    def tests(together: int, kind: str) -> dict[str, Any]:
        asked = [{"expr": FIRING, "eval_time": f"{minute}m", "exp_samples": []} for minute in range(RUN_UP, END + TAIL)]
        parts = (by_dag[first : first + together] for first in range(0, len(by_dag), together))
        each = [{"interval": "1m", "input_series": [*common, *itertools.chain(*part)], kind: asked} for part in parts]
        return copy.deepcopy({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": each})

    for engine in (engines.OLDEST, engines.CURRENT):
        yield str(engine), engine, (rules, tests(TOGETHER, "promql_expr_test"))
    whole = tests(len(by_dag), "metricsql_expr_test")
    yield str(engines.VICTORIA), engines.VICTORIA, engines.for_victoriametrics(rules, copy.deepcopy(whole))
    yield f"{engines.VICTORIA}, as it runs", engines.VICTORIA, (rules, whole)


def shipped(engine: str, common: list[dict[str, str]], by_dag: list[list[dict[str, str]]]) -> Firing:
    """The same in a Thanos, whose query takes this engine; each sample comes from two replicas."""
    groups = yaml.safe_load(build.files(Settings())[build.RULES])["groups"]
    rows = [(one["series"], one["values"].split()) for one in (*common, *itertools.chain(*by_dag))]
    series = [({**next(history.samples(f"{name} 0"))[0]}, values) for name, values in rows]
    begin = 1_790_000_000 // 3600 * 3600
    firing: Firing = collections.defaultdict(set)
    running = thanos.Thanos(engine)
    try:
        server = history.History(running.url, running.write, thanos.TENANT)
        for minute in range(END + TAIL):
            at = begin + minute * 60
            now = [(labels, value(values[minute])) for labels, values in series if values[minute] != "_"]
            for replica in "ab":
                server.send(at, [({**labels, thanos.REPLICA: replica}, number) for labels, number in now])
            if minute == 0:
                until(functools.partial(server.query, "up", at))
            for alert in server.evaluate(at, groups, at_once=False):
                if minute >= RUN_UP:
                    named = [alert[key] for key in ("alertname", "dag_id", "instance", "listener") if key in alert]
                    firing[" ".join(named)].add(minute)
    finally:
        running.remove()
    return firing


def value(text: str) -> float:
    return remote_write.STALE if text == "stale" else float(text)


def changes(minutes: set[int]) -> list[int]:
    """The minutes in which it begins or ends."""
    return sorted(minutes ^ {minute + 1 for minute in minutes})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--dags", type=int, default=50)
    options = parser.parse_args()
    common, by_dag = hour(options.seed, options.dags)
    print(f"{len(common) + sum(map(len, by_dag))} series of {options.dags} DAGs, {HOUR} minutes, seed {options.seed}\n")
    first: Firing = {}
    print(f"{'':40} alerts  minutes  seconds  begins and ends of them, minutes later than in the first")
    plays = [(name, functools.partial(played, engine, *files)) for name, engine, files in ways(common, by_dag)]
    for engine in ("prometheus", "thanos"):
        name = f"Thanos {parts.THANOS.current}, its engine {engine}"
        plays.append((name, functools.partial(shipped, engine, common, by_dag)))
    for name, play in plays:
        begun = time.monotonic()
        firing = play()
        took = time.monotonic() - begun
        first = first or firing
        later: collections.Counter[str] = collections.Counter()
        for alert in sorted({*first, *firing}):
            expected = [minute for minute in changes(first.get(alert, set())) if minute < END]
            found = changes(firing.get(alert, set()))
            later.update(f"at {b - a:+d}" for a, b in zip(expected, found, strict=False))
            if len(expected) > len(found) or (found and not expected and found[0] < END):
                later["nowhere"] += 1
                print(f"  {alert}: {expected} in the first, {found} in {name}")
        shown = ", ".join(f"{count} {shift}" for shift, count in sorted(later.items()))
        print(f"{name:40} {len(firing):6} {sum(map(len, firing.values())):8} {took:8.0f}  {shown}")


if __name__ == "__main__":
    main()
