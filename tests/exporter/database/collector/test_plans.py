"""No statement goes through all of task_instance: the planner's own word, on a database that is large enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from windsock.airflow.versions import NEWEST
from windsock.exporter.database.ledger import Followed
from windsock.exporter.database.rows import Run

SEED = Path(__file__).parents[4] / "benchmarks" / "seed.py"


@pytest.fixture(scope="module")
def large(postgres) -> str:
    """40 DAGs, 8,000 runs, 80,000 task instances."""
    engine = postgres.admin("postgres")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("CREATE DATABASE large"))
    script = (Path(__file__).parents[3] / "data" / "schemas" / f"airflow-{NEWEST}-postgresql.sql").read_text()
    with postgres.admin("large").begin() as connection:
        connection.exec_driver_sql(script)
    url = postgres.url("large")
    made = [sys.executable, str(SEED), url.replace("postgresql:", "postgresql+psycopg2:")]
    subprocess.run([*made, "--dags", "40", "--runs", "200", "--tasks", "10"], check=True, timeout=120)
    return url


def plans(eye, postgres, *, passes: int) -> dict[str, str]:
    """Each statement of some passes with its plan."""
    seen: dict[str, tuple[str, object]] = {}

    def note(connection, cursor, statement, parameters, context, many) -> None:
        seen[statement] = statement, parameters

    sa.event.listen(eye.collector.session.engine, "before_cursor_execute", note)
    for _ in range(passes):
        eye(everything=True)
    found = {}
    with postgres.admin("large").connect() as connection:
        for statement, parameters in seen.values():
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).fetchall()
            found[statement] = "\n".join(row[0] for row in rows)
    return found


def test_no_plan_has_a_sequential_scan_of_task_instance(large, postgres, look):
    eye = look(large)
    found = plans(eye, postgres, passes=2)
    assert eye.collector.failing() == {}
    of_tasks = {statement: plan for statement, plan in found.items() if "task_instance" in plan}
    assert len(of_tasks) >= 3
    assert [plan for plan in of_tasks.values() if "Seq Scan on task_instance" in plan] == []


def test_the_task_instances_of_very_many_runs_come_by_the_index_too(large, postgres, look):
    eye = look(large)
    eye()
    ledger = eye.collector._schedule.queries[2]._ledger
    runs = postgres.admin("large").connect().execute(sa.text("SELECT id, dag_id, run_id FROM dag_run LIMIT 4000")).all()
    for number, dag_id, run_id in runs:
        ledger.followed[number] = Followed(Run(number, dag_id, run_id, "running", 0, 0, 0, None), None)
    found = plans(eye, postgres, passes=1)
    many = [plan for statement, plan in found.items() if "LATERAL" in statement]
    assert many
    assert [plan for plan in many if "Seq Scan on task_instance" in plan] == []


def test_a_pass_takes_no_more_statements_than_promised(large, look):
    eye = look(large)
    eye()
    counts = []
    for _ in range(45):
        eye()
        counts.append(eye.shown("windsock_metadata_statements")["windsock_metadata_statements"])
    assert max(counts) <= 15
    assert eye.collector.failing() == {}


def test_no_statement_starts_a_worker_or_is_compiled(large, postgres, look):
    """Where the planner takes both for free."""
    wide = sa.text("EXPLAIN SELECT sum(duration) FROM task_instance")
    with postgres.admin("postgres").connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in ("parallel_setup_cost", "min_parallel_table_scan_size", "jit_above_cost"):
            connection.execute(sa.text(f"ALTER DATABASE large SET {name} TO 0"))
        try:
            with postgres.admin("large").connect() as usual:
                assert "Gather" in str(usual.execute(wide).all())
            session = look(large).collector.session
            session.lead()
            assert "Gather" not in str(session.execute(wide))
            assert session.execute(sa.text("SHOW jit")) == [("off",)]
        finally:
            connection.execute(sa.text("ALTER DATABASE large RESET ALL"))
