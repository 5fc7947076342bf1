"""Late before it is late: what the collector says of a DAG whose run has to be done by a time of day."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from real.failures import serialize

TASKS = [
    {"task_id": "load", "downstream_task_ids": ["merge"]},
    {"task_id": "merge", "downstream_task_ids": ["report"]},
    {"task_id": "report"},
]
LAPS = {"load": 600, "merge": 1200, "report": 300}
DUE = datetime(2026, 6, 10, 4, tzinfo=timezone.utc).timestamp()
DAY = 86_400.0
PROMISED = {"slo": {"d": {"finish_by": "05:00 UTC"}}, "metadata": {"timeout": "1m"}}
"""An hour after it is due; a run takes 35 minutes."""


def ran(database, number, due, *, state="success", until=None, slow=None):
    """A run and its task instances, as far as they are at `until`."""
    start = due + 10
    ends, at = {}, start
    for task, lap in LAPS.items():
        at += lap * (slow or {}).get(task, 1.0)
        ends[task] = at
    over = until is None or until >= at
    end = at if over else None
    database.run(number, "d", state if over else "running", due, queued_at=due, start_date=start, end_date=end)
    begun = start
    for task, end in ends.items():
        if until is not None and begun > until:
            database.task(number, "d", task, None)
        elif until is not None and end > until:
            database.task(number, "d", task, "running", queued_dttm=begun, start_date=begun)
        else:
            times = {"queued_dttm": begun, "start_date": begun, "end_date": end, "duration": end - begun}
            database.task(number, "d", task, "success", **times)
        begun = end


def watch(database, look, clock):
    """Look twice at the DAG `d`, whose run is promised for 05:00, at a time."""
    database.dag("d", next_dagrun_create_after=DUE + DAY)
    serialize(database, {}, TASKS)
    for day in range(1, 7):
        ran(database, day, DUE - day * DAY)
    eye = look(database.url, **PROMISED)

    def at(now):
        clock(now)
        eye(everything=True)
        return eye(everything=True)

    return at


@pytest.fixture
def see(pg_database, look, clock):
    return watch(pg_database, look, clock)


def shown(found, name, **labels):
    text = ",".join(f'{label}="{value}"' for label, value in {"dag_id": "d", **labels}.items())
    return found.get(f"airflow_db_dag_{name}{{{text}}}")


def test_a_run_that_goes_as_always(pg_database, see):
    ran(pg_database, 100, DUE, until=DUE + 900)
    found = see(DUE + 900)
    assert shown(found, "expected_finish_timestamp_seconds", quantile="0.5") == pytest.approx(DUE + 2110, abs=150)
    # A tenth slower is nothing that six runs rule out.
    assert DUE + 2110 < shown(found, "expected_finish_timestamp_seconds", quantile="0.9") < DUE + 2110 + 250
    assert shown(found, "finish_at_risk") == 0
    assert not [name for name in found if "expected_late" in name]


def test_a_task_that_hangs_is_named_with_how_late_it_makes_it(database, look, clock):
    # In each database, of each Airflow.
    see = watch(database, look, clock)
    ran(database, 100, DUE, until=DUE + 2700, slow={"load": 9.0})
    found = see(DUE + 2700)
    assert shown(found, "finish_at_risk") == 1
    late = shown(found, "expected_late_seconds", task_id="load")
    assert 2700 + 1500 - 3600 < late < 3 * 3600


def test_it_ends_when_the_run_catches_up(pg_database, see):
    ran(pg_database, 100, DUE, until=DUE + 2700, slow={"load": 9.0})
    assert shown(see(DUE + 2700), "finish_at_risk") == 1
    for task in LAPS:
        pg_database.update(
            "task_instance", {"run_id": "run_100", "task_id": task}, state="success", end_date=DUE + 2750
        )
    assert shown(see(DUE + 2760), "finish_at_risk") == 0
    pg_database.update("dag_run", {"id": 100}, state="success", end_date=DUE + 2760)
    found = see(DUE + 2770)
    assert shown(found, "finish_at_risk") == 0
    assert shown(found, "expected_finish_timestamp_seconds", quantile="0.5") is None


def test_a_run_that_has_not_begun_is_late_too(pg_database, see):
    pg_database.update("dag", {"dag_id": "d"}, next_dagrun_create_after=DUE)
    assert shown(see(DUE - 3600), "finish_at_risk") == 0
    found = see(DUE + 1800)
    assert shown(found, "finish_at_risk") == 1
    assert shown(found, "expected_late_seconds", task_id="none") == pytest.approx(1800 + 2100 - 3600, abs=150)


def test_a_failed_task_is_told_as_a_failure(pg_database, see):
    ran(pg_database, 100, DUE, until=DUE + 2700, slow={"load": 9.0})
    pg_database.update("task_instance", {"run_id": "run_100", "task_id": "load"}, state="failed", end_date=DUE + 2700)
    found = see(DUE + 2710)
    assert shown(found, "finish_at_risk") == 0
    assert shown(found, "expected_finish_timestamp_seconds", quantile="0.5") is None


def test_a_retry_is_not_over(pg_database, see):
    ran(pg_database, 100, DUE, until=DUE + 2700, slow={"load": 9.0})
    again = {"state": "up_for_retry", "end_date": DUE + 2700}
    pg_database.update("task_instance", {"run_id": "run_100", "task_id": "load"}, **again)
    found = see(DUE + 2760)
    assert shown(found, "finish_at_risk") == 1
    # Nor is it a task that hangs: the next try begins five minutes after the last one, and takes what tries take.
    least, most = (shown(found, "expected_finish_timestamp_seconds", quantile=share) for share in ("0.5", "0.9"))
    assert DUE + 3000 + 0.9 * 2100 < least <= most < DUE + 3000 + 1.4 * 2100


def test_a_day_without_a_run_and_a_paused_dag(pg_database, see):
    assert shown(see(DUE + 1800), "finish_at_risk") == 0
    pg_database.update("dag", {"dag_id": "d"}, next_dagrun_create_after=DUE, is_paused=True)
    assert shown(see(DUE + 1800), "finish_at_risk") == 0


@pytest.mark.parametrize("data", ["null", '{"dag": 7}'])
def test_a_definition_that_is_none_says_nothing_and_stops_nothing(pg_database, look, clock, data):
    pg_database.dag("d", next_dagrun_create_after=DUE)
    serialize(pg_database, {}, TASKS)
    pg_database.execute("UPDATE serialized_dag SET data = :data", data=data)
    clock(DUE + 1800)
    found = look(pg_database.url, **PROMISED)(everything=True)
    assert shown(found, "finish_at_risk") == 0
    assert found["airflow_db_up"] == 1


def test_a_mapped_task_is_one_task_and_done_with_its_last_instance(pg_database, look, clock):
    pg_database.dag("d", next_dagrun_create_after=DUE + DAY)
    serialize(pg_database, {}, [{"task_id": "m", "_is_mapped": True}])
    for day in range(21):
        run, due = 100 - day, DUE - day * DAY
        start, ended = due + 10, due + 1010 if day else None
        pg_database.run(run, "d", "success" if day else "running", due, start_date=start, end_date=ended)
        for index in range(10):
            begun = start + 100 * index
            over = day or index < 3
            times = {"start_date": begun, "end_date": begun + 100, "duration": 100} if over else {}
            pg_database.task(run, "d", "m", "success" if over else "scheduled", map_index=index, **times)
    clock(DUE + 320)
    eye = look(pg_database.url, **PROMISED)
    eye(everything=True)
    found = eye(everything=True)
    assert shown(found, "expected_finish_timestamp_seconds", quantile="0.5") == pytest.approx(DUE + 1010, abs=150)


def test_what_it_costs_in_statements(pg_database, look, clock):
    for number in range(30):
        pg_database.dag(f"d{number}", next_dagrun_create_after=DUE)
        serialize(pg_database, {"dag_id": f"d{number}"}, TASKS)
    clock(DUE)
    slo = {f"d{number}": {"finish_by": "05:00 UTC"} for number in range(30)}
    eye = look(pg_database.url, slo=slo, metadata={"timeout": "1m"})
    eye(everything=True)
    assert eye.collector.statements["forecast"] <= 3
    eye(everything=True)
    assert eye.collector.statements["forecast"] <= 3
    assert not eye.collector.failing()
