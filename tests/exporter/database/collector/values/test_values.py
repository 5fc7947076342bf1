"""Every value against a slow computation that is obviously right, over random databases on all three engines."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy as sa

NOW = 1_790_000_000.0
UNFINISHED = ["scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule", "deferred"]
HISTOGRAMS = ("dag_run_duration_seconds", "task_instance_duration_seconds", "queue_wait_seconds")


def key(name: str, **labels: Any) -> str:
    return f"airflow_db_{name}{{{','.join(f'{k}={chr(34)}{v}{chr(34)}' for k, v in sorted(labels.items()))}}}"


def expected(world: dict[str, list[dict[str, Any]]], modern: bool) -> dict[str, float]:
    """One plain pass over all rows for each metric."""
    out: dict[str, float] = {"airflow_db_up": 1}
    for dag in world["dags"]:
        d = dag["dag_id"]
        if dag["stale"]:
            out[key("dag_stale", dag_id=d)] = 1
            continue
        team = "pay" if "team:pay" in dag["tags"] else "default"
        labels = {"owner": dag["owners"], "team": team, "severity": "warning", "tags": ",".join(sorted(dag["tags"]))}
        out[key("dag_info", dag_id=d, **labels)] = 1
        out[key("dag_paused", dag_id=d)] = int(dag["is_paused"])
        if dag["is_paused"] and dag["schedule"]:
            out[key("dag_paused_with_schedule", dag_id=d)] = 1
        if dag["last_parsed_time"]:
            out[key("dag_last_parsed_timestamp_seconds", dag_id=d)] = dag["last_parsed_time"]
        due = dag["next_dagrun_create_after"]
        out[key("dag_schedule_lag_seconds", dag_id=d)] = max(0, NOW - due) if due and not dag["is_paused"] else 0
        mine = [run for run in world["runs"] if run["dag_id"] == d]
        done = sorted((run for run in mine if run["end_date"]), key=lambda run: (run["due"], run["id"]))
        if done:
            out[key("dag_last_run_state", dag_id=d, state=done[-1]["state"])] = 1
            out[key("dag_last_run_timestamp_seconds", dag_id=d)] = done[-1]["end_date"]
            failures = 0
            for run in reversed(done):
                if run["state"] == "success":
                    out[key("dag_last_success_timestamp_seconds", dag_id=d)] = run["end_date"]
                    break
                failures += 1
            if dag["is_paused"] and dag["max_consecutive_failed_dag_runs"] in range(1, min(failures, 30) + 1):
                out[key("dag_paused_by_failures", dag_id=d)] = 1
            ends = sorted(run["end_date"] for run in done[-30:] if run["state"] == "success")
            if len(ends) >= 5 and dag["schedule"] and not dag["is_paused"]:
                pauses = [ends[place] - ends[place - 1] for place in range(1, len(ends))]
                out[key("dag_success_pause_seconds", dag_id=d)] = max(pauses)
                good = max(run["due"] for run in done if run["state"] == "success")
                unmet = [run["due"] for run in mine if run["due"] > good] + ([due] if due and due > good else [])
                out[key("dag_success_lag_seconds", dag_id=d)] = max(0, NOW - min(unmet, default=NOW))
            out[key("dag_consecutive_failures", dag_id=d)] = min(failures, 30)
            lengths = sorted(run["end_date"] - run["start_date"] for run in done[-30:] if run["state"] == "success")
            if len(lengths) >= 3:
                usual = next(one for place, one in enumerate(lengths, 1) if place >= 0.95 * len(lengths))
                out[key("dag_run_usual_seconds", dag_id=d)] = usual
                going = [NOW - run["start_date"] for run in mine if run["state"] == "running"]
                if going:
                    out[key("dag_run_usual_ratio", dag_id=d)] = max(going) / usual
                elif NOW - done[-1]["end_date"] < 600:
                    out[key("dag_run_usual_ratio", dag_id=d)] = 0
    for run in world["runs"]:
        if run["state"] in {"running", "queued"}:
            since = run["start_date"] if run["state"] == "running" else run["queued_at"]
            add(out, key("dag_runs", dag_id=run["dag_id"], state=run["state"]), 1)
            most(out, key("dag_run_oldest_age_seconds", dag_id=run["dag_id"], state=run["state"]), NOW - since)
    made = {trigger["id"]: trigger["created_date"] for trigger in world["triggers"]}
    slots: dict[tuple[str, str], int] = defaultdict(int)
    waiting: Counter[str] = Counter()
    for task in world["tasks"]:
        d, state = task["dag_id"], task["state"]
        if state in {*UNFINISHED, "awaiting_input"}:
            add(out, key("task_instances", dag_id=d, state=state), 1)
            slots[task["pool"], state] += task["pool_slots"]
            waiting[task["pool"]] += int(state == "scheduled")
        if state in {"queued", "running"}:
            found = {"executor": task["executor"] or "default", "queue": task["queue"], "state": state}
            add(out, key("executor_task_instances", **found), 1)
        times = {
            "scheduled": "scheduled_dttm" if modern else "updated_at",
            "queued": "queued_dttm",
            "running": "start_date",
        }
        if state in times:
            age = NOW - task[times[state]]
            most(out, key("task_instance_oldest_age_seconds", dag_id=d, state=state), age)
        if task["trigger_id"]:
            most(out, key("deferred_oldest_age_seconds", dag_id=d), NOW - made[task["trigger_id"]])
    for pool in world["pools"]:
        p = pool["pool"]
        size = float("inf") if pool["slots"] < 0 else pool["slots"]
        states = ["running", "queued", *(["deferred"] if pool["include_deferred"] else [])]
        free = size - sum(slots[p, state] for state in states)
        out[key("pool_slots", pool_name=p)] = size
        for state in ("running", "queued", "deferred", "scheduled"):
            out[key("pool_used_slots", pool_name=p, state=state)] = slots[p, state]
        out[key("pool_open_slots", pool_name=p)] = free
        out[key("pool_starving_tasks", pool_name=p)] = waiting[p] if free <= 0 else 0
        out[key("pool_oldest_wait_seconds", pool_name=p)] = 0
        for task in world["tasks"]:
            if task["state"] == "scheduled" and task["pool"] == p:
                age = NOW - task["scheduled_dttm" if modern else "updated_at"]
                most(out, key("pool_oldest_wait_seconds", pool_name=p), age)
                if free > 0:
                    most(out, key("dag_ready_oldest_age_seconds", dag_id=task["dag_id"]), age)
    for job in world["jobs"]:
        ended = job["state"] == "success" or NOW - job["latest_heartbeat"] >= 86400
        if job["job_type"] != "LocalTaskJob" and not ended:
            labels = {"job_type": job["job_type"], "hostname": job["hostname"]}
            most(out, key("heartbeat_timestamp_seconds", **labels), job["latest_heartbeat"])
    for name, value in list(out.items()):
        if name.startswith("airflow_db_heartbeat_timestamp"):
            out[name.replace("heartbeat_timestamp", "heartbeat_age")] = NOW - value
    for state in ("assigned", "waiting"):
        ages = [
            NOW - t["created_date"] for t in world["triggers"] if (t["triggerer_id"] is None) == (state == "waiting")
        ]
        out[key("triggers", state=state)] = len(ages)
        out[key("trigger_oldest_age_seconds", state=state)] = max(ages, default=0)
    for error in world["errors"]:
        out[key("import_error_timestamp_seconds", file_path=error["filename"], bundle_name="")] = error["timestamp"]
    for asset in world["assets"]:
        if asset["events"]:
            out[key("asset_last_event_timestamp_seconds", asset=asset["name"])] = max(asset["events"])
    if modern:
        of = {run["id"]: run for run in world["runs"]}
        for deadline in world["deadlines"]:
            d = of[deadline["dagrun_id"]]["dag_id"]
            if not deadline["missed"]:
                add(out, key("deadlines", dag_id=d, state="pending"), 1)
                name = key("deadline_next_timestamp_seconds", dag_id=d)
                out[name] = min(out.get(name, NOW), deadline["deadline_time"])
            elif NOW - deadline["deadline_time"] < 86400:
                add(out, key("deadlines", dag_id=d, state="missed"), 1)
        for backfill in world["backfills"]:
            for member in world["members"]:
                if member["backfill_id"] == backfill["id"] and not backfill["completed_at"]:
                    state = of[member["dag_run_id"]]["state"] if member["dag_run_id"] else "none"
                    labels = {"dag_id": backfill["dag_id"], "backfill_id": backfill["id"], "state": state}
                    add(out, key("backfill_runs", **labels), 1)
                    if backfill["is_paused"]:
                        del labels["state"]
                        out[key("backfill_paused", **labels)] = 1
    return out


def add(out: dict[str, float], name: str, value: float) -> None:
    out[name] = out.get(name, 0) + value


def most(out: dict[str, float], name: str, value: float) -> None:
    out[name] = max(out.get(name, value), value)


def assert_same(found: dict[str, float], wanted: dict[str, float]) -> None:
    shown = {name: value for name, value in found.items() if not name.startswith("airflow_db_table_")}
    assert sorted(shown) == sorted(wanted)
    for name, value in wanted.items():
        assert shown[name] == pytest.approx(value, abs=2e-3), name


@pytest.mark.parametrize("seed", range(6))
def test_every_gauge_is_what_a_plain_computation_finds(database, look, random_world, seed):
    rows = random_world.make(seed, database.modern)
    random_world.write(database, rows)
    eye = look(database.url, teams={"pay": {"match": {"tag": "team:pay"}}})
    assert_same(eye(everything=True), expected(rows, database.modern))
    assert eye.collector.failing() == {}


@pytest.mark.parametrize("through", ["postgres", "pgbouncer"])
def test_with_psycopg_3(pg_database, pgbouncer, look, random_world, through):
    rows = random_world.make(40, pg_database.modern)
    random_world.write(pg_database, rows)
    url = pg_database.url if through == "postgres" else pgbouncer.url(pg_database.name)
    eye = look(url.replace("postgresql:", "postgresql+psycopg:"), teams={"pay": {"match": {"tag": "team:pay"}}})
    for _ in range(3):
        assert_same(eye(everything=True), expected(rows, pg_database.modern))
    assert eye.collector.failing() == {}
    pg_database.execute("ALTER TABLE dag_tag RENAME TO hidden")
    eye.collector.look(everything=True)
    assert eye.collector.failing()["tags"].startswith("schema: ")


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(("zone", "style"), [("Asia/Kolkata", "ISO"), ("America/New_York", "German")])
def test_however_the_server_writes_times(pg_database, look, random_world, zone, style, driver):
    pg_database.execute(f"ALTER DATABASE {pg_database.name} SET timezone TO '{zone}'")
    pg_database.execute(f"ALTER DATABASE {pg_database.name} SET datestyle TO '{style}'")
    rows = random_world.make(50, pg_database.modern)
    random_world.write(pg_database, rows)
    url = pg_database.url.replace("postgresql:", f"postgresql+{driver}:")
    eye = look(url, teams={"pay": {"match": {"tag": "team:pay"}}})
    assert_same(eye(everything=True), expected(rows, pg_database.modern))
    assert eye.collector.failing() == {}
    (row,) = eye.collector.session.execute(sa.text("SELECT now(), now()::timestamp, gen_random_uuid()"))
    assert [type(one) for one in row] == [str, str, str]  # nothing is made of one that nobody asks for


def test_where_a_tracer_has_wrapped_the_drivers_connection(pg_database, look, random_world, monkeypatch):
    register = psycopg2.extensions.register_type

    def refuse(kind: Any, connection: Any = None) -> None:
        if kind.name == "TIME":
            raise TypeError("argument 2 must be a connection, cursor or None")
        register(kind, connection)

    monkeypatch.setattr("psycopg2.extensions.register_type", refuse)
    rows = random_world.make(60, pg_database.modern)
    random_world.write(pg_database, rows)
    eye = look(pg_database.url, teams={"pay": {"match": {"tag": "team:pay"}}})
    assert_same(eye(everything=True), expected(rows, pg_database.modern))


@pytest.mark.parametrize("seed", range(2))
def test_what_changes_between_passes_is_seen_and_what_is_gone_goes(database, look, random_world, chance, seed):
    rows = random_world.make(chance + seed, database.modern)
    random_world.write(database, rows)
    eye = look(database.url, teams={"pay": {"match": {"tag": "team:pay"}}})
    eye(everything=True)
    dice = random.Random(chance + seed)
    for _ in range(4):
        change(database, rows, dice)
        found = {name: value for name, value in eye(everything=True).items() if "_total" not in name}
        found = {name: value for name, value in found.items() if not any(part in name for part in HISTOGRAMS)}
        assert_same(found, expected(rows, database.modern))


def change(database: Any, rows: dict[str, list[dict[str, Any]]], dice: random.Random) -> None:
    """Runs finish and are cleared, new ones come, DAGs are paused, a DAG is deleted, and one appears."""
    for run in rows["runs"]:
        if dice.random() < 0.3:
            if run["end_date"] is None:
                start = run["start_date"] or NOW - dice.uniform(50, 100)
                end = start + dice.uniform(0, 100)
                new = {"state": dice.choice(["success", "failed"]), "start_date": start, "end_date": end}
            else:
                new = {"state": dice.choice(["running", "queued"]), "end_date": None, "queued_at": NOW - 5}
                new["start_date"] = NOW - 3 if new["state"] == "running" else None
            run.update(new)
            database.update("dag_run", {"id": run["id"]}, **new)
    for _ in range(dice.randrange(5)):
        number = max((run["id"] for run in rows["runs"]), default=0) + 1
        made = {"id": number, "dag_id": dice.choice(rows["dags"])["dag_id"], "state": "success", "due": NOW - number}
        rows["runs"].append(made | {"start_date": NOW - 50, "end_date": NOW - 20, "queued_at": NOW - 60})
        database.run(**rows["runs"][-1])
    for dag in rows["dags"]:
        if dice.random() < 0.3:
            dag["is_paused"] = not dag["is_paused"]
            database.update("dag", {"dag_id": dag["dag_id"]}, is_paused=dag["is_paused"])
    name = f"new_{len(rows['dags'])}_{dice.randrange(1000)}"
    rows["dags"].append(
        {"dag_id": name, "owners": "z", "is_paused": False, "stale": False, "schedule": None, "tags": []}
        | {"next_dagrun_create_after": None, "last_parsed_time": NOW - 1, "max_consecutive_failed_dag_runs": 0}
    )
    database.dag(**{key: value for key, value in rows["dags"][-1].items() if key != "tags"})
