"""A collector that has looked before shows what one does that looks for the first time, whatever has happened since."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from real.waiting import until

from windsock.exporter.database.collector import KEPT_INTERVALS
from windsock.exporter.database.metrics import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from real.tables import Database

NOW = 1_790_000_000.0
INTERVAL = 15.0
TEAMS = {"pay": {"match": {"tag": "team:pay"}}}
PROMISES = {"*": {"fresh_within": "1h"}}
STATES = ["scheduled", "queued", "running", "deferred", "success", "failed", None]


class Airflow:
    """A few DAGs to which anything may happen; `step` does some of it."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.dice, self.now = database, random.Random(seed), NOW
        self.dags: list[str] = []
        self.runs: dict[int, str] = {}
        self.states: dict[int, str] = {}
        self.names = self.highest = 0
        for _ in range(6):
            self.appear()
        for _ in range(40):
            self.finished()
        self.events: list[Callable[[], None]] = [
            self.appear,
            self.vanish,
            self.rename,
            self.tag,
            self.parse,
            self.pause,
            self.go_stale,
            self.fall_due,
            self.finished,
            self.begin,
            self.begin,
            self.end,
            self.end,
            self.clear,
            self.start,
            self.work,
            self.work,
        ]

    def step(self) -> None:
        self.now += INTERVAL
        with self.database.together():
            for event in self.dice.choices(self.events, k=self.dice.randrange(6)):
                event()

    def any(self) -> str:
        return self.dice.choice(self.dags)

    def update(self, dag_id: str, **values: Any) -> None:
        self.database.update("dag", {"dag_id": dag_id}, **values)

    def appear(self) -> None:
        self.names += 1
        self.dags.append(f"dag_{self.names}")
        self.database.dag(self.dags[-1], last_parsed_time=self.now, next_dagrun_create_after=self.now + 20)
        self.tag(self.dags[-1])

    def vanish(self) -> None:
        if len(self.dags) > 2:
            dag_id = self.any()
            self.dags.remove(dag_id)
            for table in ("dag_tag", "task_instance", "dag_run", "dag"):
                self.database.execute(f"DELETE FROM {table} WHERE dag_id = :dag_id", dag_id=dag_id)
            self.runs = {number: of for number, of in self.runs.items() if of != dag_id}

    def rename(self) -> None:
        """To Airflow that is another DAG, without runs."""
        dag_id, self.names = self.any(), self.names + 1
        self.update(dag_id, **{"is_stale": True} if self.database.modern else {"is_active": False})
        self.dags.remove(dag_id)
        self.runs = {number: of for number, of in self.runs.items() if of != dag_id}
        self.appear()

    def tag(self, dag_id: str | None = None) -> None:
        dag_id = dag_id or self.any()
        self.database.execute("DELETE FROM dag_tag WHERE dag_id = :dag_id", dag_id=dag_id)
        for name in self.dice.sample(["team:pay", "a", "b"], self.dice.randrange(4)):
            self.database.insert("dag_tag", {"dag_id": dag_id, "name": name})
        self.parse(dag_id)

    def parse(self, dag_id: str | None = None) -> None:
        at = self.now - self.dice.random()
        self.update(dag_id or self.any(), last_parsed_time=at, owners=self.dice.choice(["ann", "bob"]))

    def pause(self) -> None:
        self.update(self.any(), is_paused=self.dice.random() < 0.5)

    def go_stale(self) -> None:
        stale = self.dice.random() < 0.5
        self.update(self.any(), **{"is_stale": stale} if self.database.modern else {"is_active": not stale})

    def fall_due(self) -> None:
        self.update(self.any(), next_dagrun_create_after=self.now + self.dice.uniform(-100, 100))

    def finished(self) -> None:
        """Between two passes, without one that saw it begin."""
        end, state = self.now - self.dice.uniform(0, INTERVAL), self.dice.choice(["success", "success", "failed"])
        self._create(state, end - 60, start_date=end - self.dice.uniform(1, 50), end_date=end)

    def begin(self) -> None:
        number = self._create("running", self.now - 9, queued_at=self.now - 8, start_date=self.now - 7)
        for task in range(self.dice.randrange(1, 4)):
            self.database.task(number, self.runs[number], f"t{task}", None)

    def _create(self, state: str, due: float, **times: float) -> int:
        self.highest = number = self.highest + 1
        self.runs[number], self.states[number] = self.any(), state
        self.database.run(number, self.runs[number], state, due, **times)
        return number

    def end(self) -> None:
        for number in self._some("running"):
            self._move(number, self.dice.choice(["success", "failed"]), end_date=self.now - 1)

    def clear(self) -> None:
        for number in self._some("success", "failed"):
            self._move(number, "queued", queued_at=self.now - 5, start_date=None, end_date=None)

    def start(self) -> None:
        for number in self._some("queued"):
            self._move(number, "running", start_date=self.now - self.dice.random())

    def _move(self, number: int, state: str, **times: float | None) -> None:
        self.states[number] = state
        self.database.update("dag_run", {"id": number}, state=state, **times)

    def work(self) -> None:
        for number in self._some():
            state, since = self.dice.choice(STATES), self.now - self.dice.uniform(0, INTERVAL)
            times = dict.fromkeys(("queued_dttm", "start_date", "updated_at"), since)
            times |= {"scheduled_dttm": since} if self.database.modern else {}
            self.database.update("task_instance", {"run_id": f"run_{number}"}, state=state, **times)

    def _some(self, *states: str) -> list[int]:
        found = [number for number in self.runs if not states or self.states[number] in states]
        return self.dice.sample(found[-8:], min(2, len(found)))  # of the latest: they are still looked at


def gauges(eye: Any) -> dict[str, float]:
    found = {name: value for name, value in eye.shown("airflow_db_").items() if "airflow_db_table_" not in name}
    kinds = {
        family.metric.family: family.metric.kind
        for store in eye.collector.stores()
        for family in store.families.values()
    }
    return {name: value for name, value in found.items() if kinds.get(name.partition("{")[0]) == "gauge"}


@pytest.fixture
def world(database, monkeypatch):
    # A few DAGs would all be read anew in each pass.
    monkeypatch.setattr(runs, "_READ_AGAIN", 0)
    return lambda seed: Airflow(database, seed)


@pytest.fixture
def fresh(database, look):
    """What a collector shows that knows nothing of the past, and leads beside the other one."""

    def show() -> dict[str, float]:
        eye = look(database.url, purposes=["fresh"], teams=TEAMS, slo=PROMISES)
        until(
            lambda: eye.collector.look(everything=True)
        )  # a server notices in its own time that the last one has gone
        found = gauges(eye)
        eye.collector.session.close()
        return found

    return show


def passes(eye: Any) -> dict[str, float]:
    eye.collector.look(everything=True)
    assert eye.collector.failing() == {}
    return gauges(eye)


def test_after_any_changes_it_shows_what_a_first_look_does(database, world, look, fresh, clock, chance):
    airflow = world(chance)
    eye = look(database.url, teams=TEAMS, slo=PROMISES)
    for _ in range(12):
        airflow.step()
        clock(airflow.now)
        assert passes(eye) == fresh()


@pytest.mark.parametrize("table", ["dag", "dag_tag", "dag_run", "task_instance"])
def test_what_changed_while_a_query_failed_is_made_up_for(database, world, look, fresh, clock, table):
    airflow = world(50)
    eye = look(database.url, teams=TEAMS, slo=PROMISES)
    for _ in range(3):
        airflow.step()
        clock(airflow.now)
        passes(eye)
        airflow.step()
        clock(airflow.now)
        airflow.parse()
        database.execute(f"ALTER TABLE {table} RENAME TO hidden")
        try:
            eye.collector.look(everything=True)
            assert eye.collector.failing()
        finally:
            database.execute(f"ALTER TABLE hidden RENAME TO {table}")
        airflow.step()
        clock(airflow.now)
        eye.collector.look(everything=True)
        assert passes(eye) == fresh()


def test_what_its_query_could_not_renew_for_too_long_goes_and_comes_back_whole(database, world, look, fresh, clock):
    airflow = world(60)
    eye = look(database.url, teams=TEAMS, slo=PROMISES)
    clock(airflow.now)
    before = passes(eye)
    late = 'airflow_db_dag_schedule_lag_seconds{dag_id="dag_1"}'
    database.update("dag", {"dag_id": "dag_1"}, next_dagrun_create_after=airflow.now - 100, is_paused=False)
    assert passes(eye)[late] == 100
    database.execute("ALTER TABLE dag RENAME TO hidden")
    try:
        clock(airflow.now + INTERVAL)
        eye.collector.look(everything=True)
        # As of the last pass that found it.
        assert gauges(eye)[late] == 100
        clock(airflow.now + (KEPT_INTERVALS + 1) * INTERVAL)
        eye.collector.look(everything=True)
        assert not [name for name in gauges(eye) if "_dag_info" in name or "_schedule_lag" in name]
    finally:
        database.execute("ALTER TABLE hidden RENAME TO dag")
    eye.collector.look(everything=True)
    found = passes(eye)
    assert found == fresh()
    assert found[late] == 100 + (KEPT_INTERVALS + 1) * INTERVAL
    assert {name for name in found if "_dag_info" in name} == {name for name in before if "_dag_info" in name}


def test_a_new_leader_shows_what_happened_while_it_did_not_lead(database, world, look, fresh, clock):
    airflow = world(70)
    first, second = (look(database.url, teams=TEAMS, slo=PROMISES) for _ in range(2))
    for leader, other in ((first, second), (second, first), (first, second)):
        airflow.step()
        clock(airflow.now)
        other.collector.session.close()
        until(leader.collector.look)
        assert passes(leader) == fresh()
        if database.server.name != "sqlite":  # where every exporter leads
            other.collector.look()
            assert gauges(other) == {}


def test_what_a_budget_kept_out_comes_in_when_there_is_room(database, look, clock):
    clock(NOW)
    for number in range(4):
        database.dag(f"dag_{number}", next_dagrun_create_after=NOW - number)
    eye = look(database.url, exporter={"budgets": {"metric": 3}})
    eye.collector.look(everything=True)
    assert sum("_dag_paused{" in name for name in gauges(eye)) == 3
    database.execute("DELETE FROM dag WHERE dag_id = 'dag_1'")
    eye.collector.look(everything=True)
    assert sorted(name for name in gauges(eye) if "_dag_schedule_lag" in name) == [
        f'airflow_db_dag_schedule_lag_seconds{{dag_id="dag_{number}"}}' for number in (0, 2, 3)
    ]


def test_settings_that_change_are_followed_by_what_did_not(database, look, clock):
    clock(NOW)
    database.dag("orders", last_parsed_time=NOW)
    database.insert("dag_tag", {"dag_id": "orders", "name": "team:pay"})
    eye, other = look(database.url), look(database.url, purposes=["other"], teams=TEAMS, slo=PROMISES)
    assert not [name for name in passes(eye) if 'team="pay"' in name]
    eye.collector.use(other.collector.settings)
    assert passes(eye) == passes(other)
    assert [name for name in gauges(eye) if 'team="pay"' in name]


def info(eye: Any, dag_id: str) -> str:
    return next(name for name in gauges(eye) if name.startswith(f'airflow_db_dag_info{{dag_id="{dag_id}"'))


def test_that_a_run_is_over_is_said_for_ten_minutes(pg_database, look, clock):
    """More DAGs than a pass reads again: of most nothing has changed but the time."""
    with pg_database.together():
        for number in range(90):
            dag_id, began = f"d{number // 3}", NOW - 600 * (number % 3)
            if number % 3 == 0:
                pg_database.dag(dag_id)
            pg_database.run(number, dag_id, "success", began - 100, start_date=began - 90, end_date=began)
    eye = look(pg_database.url)

    def said():
        return {series: value for series, value in eye(everything=True).items() if "usual_ratio" in series}

    clock(NOW + 599)
    assert list(said().values()) == [0] * 30
    clock(NOW + 601)
    assert said() == {}


def test_what_somebody_changes_of_a_run_of_long_ago_is_seen(pg_database, look, clock):
    pg_database.dag("d")
    pg_database.run(1, "d", "success", NOW - 86_400, start_date=NOW - 86_000, end_date=NOW - 85_000)
    eye, series = look(pg_database.url), 'airflow_db_dag_consecutive_failures{dag_id="d"}'
    clock(NOW)
    assert eye(everything=True)[series] == 0
    pg_database.execute("UPDATE dag_run SET state = 'failed'")
    assert eye()[series] == 1


def test_what_a_file_says_is_known_within_four_passes_and_that_of_a_new_dag_at_once(database, look, clock):
    clock(NOW)
    database.dag("old", owners="ann", last_parsed_time=NOW)
    eye = look(database.url, teams=TEAMS)
    eye.collector.look()
    with database.together():
        database.update("dag", {"dag_id": "old"}, owners="bob", last_parsed_time=NOW + 1, is_paused=True)
        database.dag("new", owners="eve", last_parsed_time=NOW + 1)
        for dag_id in ("old", "new"):
            database.insert("dag_tag", {"dag_id": dag_id, "name": "team:pay"})
    eye.collector.look()
    assert gauges(eye)['airflow_db_dag_paused{dag_id="old"}'] == 1
    assert 'owner="eve"' in info(eye, "new")
    assert 'team="pay"' in info(eye, "new")
    for _ in range(3):
        eye.collector.look()
    assert 'owner="bob"' in info(eye, "old")
    assert 'team="pay"' in info(eye, "old")
    assert gauges(eye)['airflow_db_dag_last_parsed_timestamp_seconds{dag_id="old"}'] == NOW + 1
