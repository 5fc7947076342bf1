"""Random databases, as plain rows that a slow computation can go through."""

from __future__ import annotations

import random
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

NOW = 1_790_000_000.0
UNFINISHED = ["scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule", "deferred"]
FINISHED = ["success", "failed", "skipped", "upstream_failed", "removed"]


@pytest.fixture
def random_world(clock) -> SimpleNamespace:
    """`make(seed, modern)` and `write(database, rows)`; the time is `now`."""
    clock(NOW)
    return SimpleNamespace(make=world, write=write, now=NOW)


def world(seed: int, modern: bool) -> dict[str, list[dict[str, Any]]]:
    """Rows as plain dictionaries."""
    dice = random.Random(seed)

    def ago(most: float = 500_000) -> float:
        return NOW - round(dice.uniform(1, most), 3)

    dags = [
        {
            "dag_id": f"dag.{number}" if number % 2 else f"ünï_{number}",
            "owners": dice.choice(["ann", "ann, bob", "", "bob"]),
            "is_paused": dice.random() < 0.3,
            "stale": dice.random() < 0.2,
            "schedule": dice.choice([None, "@daily", "0 6 * * *"]),
            "next_dagrun_create_after": dice.choice([None, ago(), NOW + 500]),
            "last_parsed_time": dice.choice([None, ago(1000)]),
            "tags": dice.sample(["x", "team:pay", "tier:1"], dice.randrange(3)),
            "max_consecutive_failed_dag_runs": dice.choice([0, 1, 2]),
        }
        for number in range(dice.randrange(1, 7))
    ]
    runs = []
    for number in range(1, dice.randrange(2, 160)):
        state = dice.choices(["success", "failed", "running", "queued"], [6, 4, 1, 1])[0]
        queued = ago()
        start = queued + dice.uniform(0, 50) if state != "queued" else None
        runs.append(
            {
                "id": number,
                "dag_id": dice.choice(dags)["dag_id"],
                "state": state,
                "due": ago(),
                "manual": dice.random() < 0.3,
                "queued_at": queued,
                "start_date": start,
                "end_date": start + dice.uniform(0, 9000) if state in {"success", "failed"} else None,
            }
        )
    triggers = [
        {"id": number, "created_date": ago(9000), "triggerer_id": dice.choice([None, 1])}
        for number in range(1, dice.randrange(2, 9))
    ]
    tasks = []
    for number in range(dice.randrange(0, 80) if runs else 0):
        run = dice.choice(runs)
        state = dice.choice([None, *UNFINISHED, *FINISHED, *(["awaiting_input"] if modern else [])])
        tasks.append(
            {
                "run": run["id"],
                "dag_id": run["dag_id"],
                "task_id": f"task_{number}",
                "state": state,
                "pool": dice.choice(["default_pool", "small"]),
                "pool_slots": dice.randrange(1, 4),
                "queue": dice.choice(["default", "big"]),
                "executor": dice.choice([None, "Celery"]),
                "queued_dttm": ago(),
                "updated_at": ago(),
                "start_date": ago(),
                "trigger_id": dice.choice(triggers)["id"] if state == "deferred" and triggers else None,
                "scheduled_dttm": ago(),
            }
        )
        if not modern:
            tasks[-1].pop("scheduled_dttm")
    pools = [
        {"pool": "default_pool", "slots": dice.choice([3, 128, -1]), "include_deferred": dice.random() < 0.5},
        {"pool": "small", "slots": dice.randrange(0, 9), "include_deferred": dice.random() < 0.5},
    ]
    jobs = [
        {
            "id": number,
            "job_type": dice.choice(["SchedulerJob", "TriggererJob", "LocalTaskJob"]),
            "hostname": dice.choice(["a", "b"]),
            "state": dice.choice(["running", "running", "failed", "success"]),
            "latest_heartbeat": dice.choice([ago(100), ago(200_000)]),
        }
        for number in range(1, dice.randrange(2, 20))
    ]
    errors = [
        {"id": n, "filename": f"/dags/{n}.py", "timestamp": ago(), "stacktrace": "x"}
        for n in range(1, dice.randrange(1, 4))
    ]
    assets = [
        {"id": n, "name": f"asset {n}", "events": [ago() for _ in range(dice.randrange(4))]}
        for n in range(1, dice.randrange(2, 6))
    ]
    deadlines = [
        {"dagrun_id": dice.choice(runs)["id"], "missed": dice.random() < 0.5, "deadline_time": ago(200_000)}
        for _ in range(dice.randrange(8) if runs else 0)
    ]
    backfills = [
        {"id": n, "dag_id": dice.choice(dags)["dag_id"], "completed_at": dice.choice([None, ago()])}
        | {"is_paused": dice.random() < 0.5}
        for n in range(1, 3)
    ]
    members = [
        {"backfill_id": dice.choice(backfills)["id"], "dag_run_id": run["id"] if dice.random() < 0.7 else None}
        for run in dice.sample(runs, min(len(runs), 10))
    ]
    return {
        "dags": dags,
        "runs": runs,
        "triggers": triggers,
        "tasks": tasks,
        "pools": pools,
        "jobs": jobs,
        "errors": errors,
        "assets": assets,
        "deadlines": deadlines,
        "backfills": backfills,
        "members": members,
    }


def write(database: Any, world: dict[str, list[dict[str, Any]]]) -> None:
    """Put the rows into a database, hundreds of them, in one transaction."""
    with database.together():
        _write(database, world)


def _write(database: Any, world: dict[str, list[dict[str, Any]]]) -> None:
    made = {"created_at": NOW, "updated_at": NOW}
    for dag in world["dags"]:
        database.dag(**{key: value for key, value in dag.items() if key != "tags"})
        database.insert("dag_tag", *({"dag_id": dag["dag_id"], "name": tag} for tag in dag["tags"]))
    for run in world["runs"]:
        database.run(**run)
    for trigger in world["triggers"]:
        database.insert("trigger", {"classpath": "c", "kwargs": "k", **trigger})
    for task in world["tasks"]:
        database.task(**task)
    for pool in world["pools"]:
        database.insert("slot_pool", pool)
    database.insert("job", *world["jobs"])
    database.insert("import_error", *world["errors"])
    for asset in world["assets"]:
        if database.modern:
            row = {"id": asset["id"], "name": asset["name"], "uri": asset["name"], "group": "g", "extra": "{}", **made}
            database.insert("asset", row)
        else:
            row = {"id": asset["id"], "uri": asset["name"], "extra": "{}", "is_orphaned": False, **made}
            database.insert("dataset", row)
        kind = "asset" if database.modern else "dataset"
        database.insert(
            f"{kind}_event",
            *({f"{kind}_id": asset["id"], "extra": "{}", "timestamp": moment} for moment in asset["events"]),
        )
    if database.modern:
        ids = iter(lambda: uuid.uuid4().hex if database.server.name == "sqlite" else str(uuid.uuid4()), None)
        for deadline in world["deadlines"]:
            row = {"id": next(ids), "callback_id": next(ids), "created_at": NOW, "last_updated_at": NOW}
            database.insert("deadline", row | deadline)
        for backfill in world["backfills"]:
            row = {"from_date": NOW, "to_date": NOW, "dag_run_conf": "{}", "reprocess_behavior": "none"}
            database.insert("backfill", row | {"max_active_runs": 1, **made} | backfill)
        for number, member in enumerate(world["members"]):
            database.insert("backfill_dag_run", {"id": number + 1, "sort_ordinal": number, **member})
