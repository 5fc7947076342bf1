"""The counters of what finished: equal to a book kept by hand while a small Airflow lives on."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import pytest

from windsock.exporter.database.metrics import runs
from windsock.exporter.series.exposition import TEXT, ZeroInit, render

NOW = 1_790_000_000.0
ENDS = ["success", "failed", "skipped", "upstream_failed", "removed"]


class Airflow:
    """Runs and task instances that come, go on, finish and are cleared; `book` holds each finish once."""

    def __init__(self, database: Any, seed: int) -> None:
        self.database = database
        self.dice = random.Random(seed)
        self.now = NOW
        self.highest = 0
        self.runs: dict[int, dict[str, Any]] = {}
        self.book: Counter[tuple[str, ...]] = Counter()
        self.seconds: Counter[str] = Counter()
        for dag_id in ("a", "b"):
            database.dag(dag_id)

    def pass_by(self, seconds: float = 15.0) -> None:
        """Everything that happens between two passes."""
        with self.database.together():
            self._pass_by(seconds)

    def _pass_by(self, seconds: float) -> None:
        begun, self.now = self.now, self.now + seconds
        before = list(self.runs.items())
        for _ in range(self.dice.randrange(3)):
            self.create(begun)
        for number, run in before:
            chance = self.dice.random()
            if run["state"] == "queued":
                self.move(number, state="running", start_date=self.moment(begun))
            elif run["state"] == "running":
                self.work(number, begun)
            elif chance < 0.1:
                self.clear(number, begun)
                if self.dice.random() < 0.5:
                    self.work(number, begun, all_of_it=True)
            elif chance < 0.13:
                del self.runs[number]
                for table in ("task_instance", "dag_run"):
                    self.database.execute(f"DELETE FROM {table} WHERE run_id = :run", run=f"run_{number}")

    def moment(self, begun: float) -> float:
        return round(self.dice.uniform(begun + 0.1, self.now - 0.1), 3)

    def create(self, begun: float) -> None:
        self.highest = number = self.highest + 1 + self.dice.randrange(2)
        dag_id = self.dice.choice("ab")
        self.runs[number] = {"state": "queued", "dag_id": dag_id, "tasks": {}}
        self.database.run(number, dag_id, "queued", begun, queued_at=begun)
        for task in range(self.dice.randrange(1, 6)):
            self.runs[number]["tasks"][f"t{task}"] = None
            self.database.task(number, dag_id, f"t{task}", None)
        if self.dice.random() < 0.3:
            self.move(number, state="running", start_date=begun + 0.1)
            self.work(number, begun, all_of_it=True)

    def work(self, number: int, begun: float, *, all_of_it: bool = False) -> None:
        run = self.runs[number]
        for task, state in run["tasks"].items():
            if state not in ENDS and (all_of_it or self.dice.random() < 0.4):
                end = self.dice.choice(ENDS)
                ended = self.moment(begun)
                started, queued = ended - self.dice.uniform(0, 5), ended - 10
                run["tasks"][task] = end
                moved = {"state": end, "end_date": ended, "start_date": started, "queued_dttm": queued}
                self.database.update("task_instance", {"run_id": f"run_{number}", "task_id": task}, **moved)
                self.book["task_instances", run["dag_id"], end] += 1
                if end in {"success", "failed"}:
                    self.seconds[f"duration {run['dag_id']} {end}"] += ended - started
                    self.seconds[f"wait {run['dag_id']}"] += started - queued
        if all(state in ENDS for state in run["tasks"].values()):
            state = "failed" if "failed" in run["tasks"].values() else "success"
            self.move(number, state=state, end_date=self.now - 0.05)
            self.book["dag_runs", run["dag_id"], state] += 1

    def clear(self, number: int, begun: float) -> None:
        """Some of its task instances are to run again; the run goes back to queued, and may run at once."""
        run = self.runs[number]
        for task in self.dice.sample(sorted(run["tasks"]), self.dice.randrange(1, len(run["tasks"]) + 1)):
            run["tasks"][task] = None
            moved = {"state": None, "start_date": None, "end_date": None}
            self.database.update("task_instance", {"run_id": f"run_{number}", "task_id": task}, **moved)
        self.move(number, state="running", queued_at=begun, start_date=begun, end_date=None)

    def move(self, number: int, **values: Any) -> None:
        self.runs[number]["state"] = values["state"]
        self.database.update("dag_run", {"id": number}, **values)


def counted(found: dict[str, float]) -> dict[tuple[str, ...], float]:
    out = {}
    for name in ("task_instances", "dag_runs"):
        start = f"airflow_db_{name}_finished_total"
        for series, value in found.items():
            if series.startswith(start):
                parts = series.removeprefix(start).strip("{}").split('"')
                out[name, parts[1], parts[3]] = value
    return {key: value for key, value in out.items() if value}


@pytest.mark.parametrize("told", [False, True])
def test_each_finish_is_counted_once_whatever_happens_between_two_passes(
    database, look, clock, chance, told, monkeypatch
):
    airflow = Airflow(database, chance + told)
    for _ in range(6):
        airflow.pass_by()
    clock(airflow.now)
    monkeypatch.setattr(runs.Sweep, "every", 1)
    eye = look(database.url)
    eye.collector.told = lambda: told

    def see():
        """All at once, or each pass in the steps of a thread."""
        eye(everything=told)
        while eye.collector.read_on():
            pass
        return eye.shown()

    assert counted(see()) == {}  # what was finished before does not count
    airflow.book.clear()
    airflow.seconds.clear()
    for _ in range(12):
        airflow.pass_by()
        clock(airflow.now)
        found = see()
    assert sum(airflow.book.values()) > 20
    assert counted(found) == dict(airflow.book)
    for (what, dag_id, state), number in airflow.book.items():
        if what == "task_instances":
            tries = found.get(f'airflow_db_dag_tries_finished_total{{dag_id="{dag_id}",state="{state}"}}', 0)
            assert tries == (number if state in ("success", "failed") and not told else 0)
    waits = found.get("airflow_db_queue_wait_seconds_sum", 0)
    assert waits == pytest.approx(sum(airflow.seconds[f"wait {dag_id}"] for dag_id in "ab"), abs=0.1)
    for dag_id in "ab":
        waits = found.get(f'airflow_db_task_instance_queue_wait_seconds_sum{{dag_id="{dag_id}"}}', 0)
        assert waits == pytest.approx(airflow.seconds[f"wait {dag_id}"], abs=0.1)
        for state in ("success", "failed"):
            labels = f'{{dag_id="{dag_id}",state="{state}"}}'
            lengths = found.get(f"airflow_db_task_instance_duration_seconds_sum{labels}", 0)
            assert lengths == pytest.approx(airflow.seconds[f"duration {dag_id} {state}"], abs=0.1)


def test_a_task_instance_that_ends_after_its_run_still_counts(pg_database, look, clock):
    clock(NOW)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", NOW - 60, start_date=NOW - 50)
    pg_database.task(1, "d", "slow", "running", start_date=NOW - 40)
    eye = look(pg_database.url)
    eye()
    pg_database.update("dag_run", {"id": 1}, state="failed", end_date=NOW + 5)
    clock(NOW + 15)
    assert counted(eye()) == {("dag_runs", "d", "failed"): 1}
    pg_database.update("task_instance", {"task_id": "slow"}, state="failed", end_date=NOW + 40)
    clock(NOW + 45)
    assert counted(eye()) == {("dag_runs", "d", "failed"): 1, ("task_instances", "d", "failed"): 1}
    clock(NOW + 120)
    eye()
    assert eye.collector._schedule.queries[2]._ledger.followed == {}


def test_what_ends_after_a_pass_whose_clock_was_ahead_counts_once(pg_database, look, clock):
    clock(NOW)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", NOW - 60, start_date=NOW - 50)
    for task in ("one", "two"):
        pg_database.task(1, "d", task, "running", start_date=NOW - 40)
    eye = look(pg_database.url)
    eye()
    pg_database.update("task_instance", {"task_id": "one"}, state="success", end_date=NOW + 5)
    clock(NOW + 30 * 86_400)
    eye()
    pg_database.update("task_instance", {"task_id": "two"}, state="success", end_date=NOW + 20)
    for later in (30, 45):
        clock(NOW + later)
        assert counted(eye()) == {("task_instances", "d", "success"): 2}


def test_what_a_new_run_s_worker_did_by_a_clock_that_is_behind_counts(pg_database, look, clock):
    clock(NOW)
    pg_database.dag("d")
    eye = look(pg_database.url)
    eye()
    pg_database.run(1, "d", "running", NOW + 1, start_date=NOW + 2)
    pg_database.task(1, "d", "one", "success", start_date=NOW - 70, end_date=NOW - 60)
    for later in (15, 30):
        clock(NOW + later)
        assert counted(eye()) == {("task_instances", "d", "success"): 1}


def test_a_failure_that_two_components_write_counts_once(pg_database, look, clock):
    clock(NOW)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", NOW - 60, start_date=NOW - 50)
    pg_database.task(1, "d", "killed", "running", start_date=NOW - 40)
    eye = look(pg_database.url)
    eye()
    for later in (15, 30):
        pg_database.update("task_instance", {"task_id": "killed"}, state="failed", end_date=NOW + later - 1)
        clock(NOW + later)
        assert counted(eye()) == {("task_instances", "d", "failed"): 1}
    pg_database.update("task_instance", {"task_id": "killed"}, start_date=NOW + 35, end_date=NOW + 40, try_number=2)
    clock(NOW + 45)
    assert counted(eye()) == {("task_instances", "d", "failed"): 2}


def test_what_a_failed_pass_missed_comes_with_the_next(pg_database, look, clock):
    clock(NOW)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", NOW - 60, start_date=NOW - 50)
    pg_database.task(1, "d", "t", "running", start_date=NOW - 40)
    eye = look(pg_database.url)
    eye()
    pg_database.update("task_instance", {"task_id": "t"}, state="success", end_date=NOW + 1)
    pg_database.update("dag_run", {"id": 1}, state="success", end_date=NOW + 2)
    pg_database.execute("ALTER TABLE task_instance RENAME TO hidden")
    clock(NOW + 15)
    eye()
    assert "finished" in eye.collector.failing()
    pg_database.execute("ALTER TABLE hidden RENAME TO task_instance")
    clock(NOW + 30)
    assert counted(eye()) == {("dag_runs", "d", "success"): 1, ("task_instances", "d", "success"): 1}
    assert eye.collector.failing() == {}


def test_a_new_counter_is_shown_as_0_first(pg_database, look, clock):
    clock(NOW)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", NOW - 60, start_date=NOW - 50)
    eye = look(pg_database.url)
    eye()
    pg_database.update("dag_run", {"id": 1}, state="failed", end_date=NOW + 2)
    clock(NOW + 15)
    eye.collector.look()
    line = 'airflow_db_dag_runs_finished_total{dag_id="d",state="failed"} '
    shown = [render(eye.collector.stores(), TEXT, zero=ZeroInit(time.time() + at, 0)).decode() for at in (0, 15)]
    assert [f"{line}{value}\n" in text for text, value in zip(shown, (0, 1), strict=True)] == [True, True]


def test_a_run_whose_end_is_written_twice_counts_once(pg_database, look, clock):
    """Airflow 2.11 does that to a run that was timed out."""
    clock(NOW)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", NOW - 60, start_date=NOW - 50)
    pg_database.task(1, "d", "t", "running", start_date=NOW - 40)
    eye = look(pg_database.url)
    eye()
    for later in (15, 30, 45):
        pg_database.update("dag_run", {"id": 1}, state="failed", end_date=NOW + later - 1)
        clock(NOW + later)
        assert counted(eye(everything=True)) == {("dag_runs", "d", "failed"): 1}
    pg_database.update("task_instance", {"task_id": "t"}, state="skipped", end_date=NOW + 50)
    pg_database.update("dag_run", {"id": 1}, start_date=NOW + 46, end_date=NOW + 55)
    clock(NOW + 60)
    assert counted(eye(everything=True)) == {("dag_runs", "d", "failed"): 2, ("task_instances", "d", "skipped"): 1}
