"""Time of a reconciler's pass on a database of years, with many failures that last, and a real Alertmanager.

    python benchmarks/passes.py [--dags 500] [--runs 200] [--tasks 20] [--failures 1000] [--passes 40] [--plans]

The database is the one of benchmarks/metadata.py: 2,000,000 task instances by default, and `--failures` more that
failed within the last hours. Prints the first pass, the others, and what of them the database took: of a reconciler
alone, and of one whose passes are the collector's too, as in an exporter.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from metadata import migrate, postgres
from real.alertmanager import Alertmanager
from seed import seed

from windsock.exporter.database.collector import COLLECTOR, RECONCILER, Collector
from windsock.exporter.reconciler.reconciler import Reconciler, alone
from windsock.settings import Settings

# The last run of each DAG that has ended fails, with some of its tasks: nothing later makes it good.
FAIL = (
    """
    UPDATE dag_run SET state = 'failed', end_date = now() - interval '10 minutes'
    WHERE id > (SELECT max(id) - :runs FROM dag_run) AND state = 'success'
    """,
    """
    UPDATE task_instance t SET state = 'failed', end_date = now() - interval '10 minutes'
    FROM (SELECT t.id FROM dag_run r JOIN task_instance t ON t.dag_id = r.dag_id AND t.run_id = r.run_id
          WHERE r.id > (SELECT max(id) - :runs FROM dag_run) AND r.state = 'failed' AND t.task_id ~ '_[34]$'
          ORDER BY r.id DESC LIMIT :failures) f
    WHERE t.id = f.id
    """,
)


def measure(url: str, alertmanager: str, store: str, passes: int, *, shared: bool, plans: bool) -> None:
    settings = Settings.model_validate(
        {"alertmanager": {"urls": [alertmanager]}, "reconcile": {"store": store}, "metadata": {"interval": "15s"}}
    )
    database = Collector(settings, url, purposes=[COLLECTOR, RECONCILER]) if shared else None
    reconciler = Reconciler(settings, database) if database is not None else alone(settings, url)
    session = reconciler.database.session
    spent: list[float] = []
    seen: dict[str, Any] = {}
    begun = [0.0]

    def before(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        del connection, cursor, rest
        seen[statement] = parameters
        begun[0] = time.perf_counter()

    def after(*given: Any) -> None:
        del given
        spent.append(time.perf_counter() - begun[0])

    sa.event.listen(session.engine, "before_cursor_execute", before)
    sa.event.listen(session.engine, "after_cursor_execute", after)
    whole, inside, cpu, statements = [], [], [], []
    asked: list[float] = []
    look, post = reconciler.peers.look, reconciler.peers.post

    def timed(call: Any) -> Any:
        def run(*given: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*given)
            finally:
                asked[-1] += (time.perf_counter() - start) * 1000

        return run

    reconciler.peers.look, reconciler.peers.post = timed(look), timed(post)  # type: ignore[method-assign]
    for _ in range(passes + 3):
        spent.clear()
        asked.append(0.0)
        if database is not None:
            database.renew()  # as when the collector's own thread has begun
            database.rhythm.begun = float("-inf")  # a pass is due: intervals are not waited for
        count, used, start = session.statements, time.thread_time(), time.perf_counter()
        reconciler.step()
        whole.append((time.perf_counter() - start) * 1000)
        cpu.append((time.thread_time() - used) * 1000)
        inside.append(sum(spent) * 1000)
        statements.append(session.statements - count)
        while database is not None and database.read_on():
            pass  # between two passes, a little at a time
    print(f"lasting         {len(reconciler.lasting()):8}  {reconciler.problem()}")
    for number, name in enumerate(("first", "second", "third")):
        print(
            f"{name} pass {whole[number]:14.1f} ms, database {inside[number]:.1f} ms, {statements[number]} statements"
        )
    rest = slice(3, None)
    print(f"pass, median    {statistics.median(whole[rest]):8.1f} ms, CPU {statistics.median(cpu[rest]):.1f} ms")
    print(f"pass, most      {max(whole[rest]):8.1f} ms")
    own = [all_of_it - waited for all_of_it, waited in zip(whole[rest], asked[rest], strict=True)]
    print(f"without waiting for Alertmanager: {statistics.median(own):.1f} ms, most {max(own):.1f} ms")
    print(f"its statements  {statistics.median(inside[rest]):8.1f} ms, most {max(inside[rest]):.1f} ms", end="")
    print(f", {statistics.median(statements[rest]):.0f} statements, most {max(statements[rest])}")
    scans = 0
    with sa.create_engine(url, future=True).connect() as connection:
        for statement, parameters in seen.items():
            rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE) {statement}", parameters).fetchall()
            plan = [row[0] for row in rows]
            scans += sum("Seq Scan on task_instance" in line for line in plan)
            if plans:
                print(f"\n{statement}", *(f"    {line}" for line in plan), sep="\n")
    print(f"sequential scans of task_instance: {scans}")
    reconciler.close()
    session.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--runs", type=int, default=200, help="of each DAG")
    parser.add_argument("--tasks", type=int, default=20, help="of each run")
    parser.add_argument("--failures", type=int, default=1000, help="that last")
    parser.add_argument("--passes", type=int, default=40)
    parser.add_argument("--plans", action="store_true", help="print every statement with its plan")
    options = parser.parse_args()
    alertmanager = Alertmanager(Settings())
    try:
        with tempfile.TemporaryDirectory() as home, postgres() as url:
            migrate(url, None, home)
            seed(url, options.dags, options.runs, options.tasks)
            with sa.create_engine(url, future=True).begin() as connection:
                for statement in FAIL:
                    given = {"runs": options.dags, "failures": options.failures * 3 // 5}
                    connection.execute(sa.text(statement), {key: given[key] for key in given if f":{key}" in statement})
            for shared in (False, True):
                print("\nwith the collector" if shared else "\nalone")
                store = f"{home}/store-{shared}.db"
                measure(url, alertmanager.url, store, options.passes, shared=shared, plans=options.plans)
    finally:
        alertmanager.remove()


if __name__ == "__main__":
    main()
