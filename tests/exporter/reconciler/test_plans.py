"""No statement of a pass goes through all of task_instance: the planner's own word, on a database that is large enough.

With failures that last, so that every statement is among them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from real.tables import SCHEMAS

from windsock.airflow.versions import NEWEST

SEED = Path(__file__).parents[3] / "benchmarks" / "seed.py"


ENDED = "now() - random() * interval '60 seconds'"
"""Some have waited for their callback, and of others it is asked whether one can come."""


class Large:
    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="module")
def large(postgres) -> Large:
    """40 DAGs, 8,000 runs, 80,000 task instances."""
    url = postgres.create("large_for_reconciler")
    with postgres.admin("large_for_reconciler").begin() as connection:
        connection.exec_driver_sql((SCHEMAS / f"airflow-{NEWEST}-postgresql.sql").read_text())
    made = [sys.executable, str(SEED), url]
    subprocess.run([*made, "--dags", "40", "--runs", "200", "--tasks", "10"], check=True, timeout=120)
    with postgres.admin("large_for_reconciler").begin() as connection:
        last = "id > (SELECT max(id) - 40 FROM dag_run)"
        connection.exec_driver_sql(f"UPDATE dag_run SET state = 'failed', end_date = {ENDED} WHERE {last}")
        connection.exec_driver_sql(
            f"UPDATE task_instance t SET state = 'failed', end_date = {ENDED} FROM dag_run r "
            f"WHERE r.dag_id = t.dag_id AND r.run_id = t.run_id AND r.{last} AND t.task_id = 'task_3'"
        )
    return Large(url.replace("postgresql+psycopg2:", "postgresql:"))


def test_no_plan_has_a_sequential_scan_of_task_instance(large, bench, postgres):
    made = bench(large)
    seen: dict[str, Any] = {}

    def note(connection, cursor, statement, parameters, *rest) -> None:
        seen[statement] = parameters

    sa.event.listen(made.reconciler.database.session.engine, "before_cursor_execute", note)
    made.step(3)
    assert len(made.reconciler.lasting()) > 30
    plans = []
    with postgres.admin("large_for_reconciler").connect() as connection:
        for statement, parameters in seen.items():
            if "task_instance" in statement or "dag_run" in statement or " log" in statement:
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).fetchall()
                plans.append("\n".join(row[0] for row in rows))
    of_tasks = [plan for plan in plans if "task_instance" in plan]
    assert len(of_tasks) >= 4
    assert [plan for plan in of_tasks if "Seq Scan on task_instance" in plan] == []


def test_a_pass_takes_no_more_statements_than_promised(large, bench, postgres):
    made = bench(large)
    made.step(3)
    while_some_wait = counts(made, 5)
    with postgres.admin("large_for_reconciler").begin() as connection:
        connection.exec_driver_sql("UPDATE deadline SET deadline_time = now() - interval '60 seconds' WHERE missed")
        earlier = "coalesce(end_date, now()) - interval '60 seconds'"
        connection.exec_driver_sql(f"UPDATE task_instance SET end_date = {earlier} WHERE state = 'failed'")
        connection.exec_driver_sql("UPDATE dag_run SET end_date = end_date - interval '60 seconds'")
    made.again()
    made.step(3)
    assert made.reconciler.due_in() == float("inf")
    assert max(counts(made, 45)) <= 15
    assert max(while_some_wait) <= 20


def counts(made, passes):
    found = []
    for _ in range(passes):
        made.reconciler.step()
        found.append(made.metric("windsock_reconcile_statements"))
    return found
