"""What a large Airflow does, for `fleet.py`: its runs in the database, and their datagrams."""

from __future__ import annotations

import gzip
import re
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sizing import DAG

from exporter import CAPTURE
from windsock.exporter.statsd.send import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400
TASKS = 5
"""Of a run."""
LASTS = 20
"""Seconds of a run: what runs at once grows with the speed."""
TURN = 0.5
"""Seconds between two turns of the load."""

RUNS = """
    SELECT n, 'dag_' || lpad((1 + n % :dags)::text, 5, '0') AS dag_id, 'fleet__' || n AS run_id
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
"""
BEGIN = (
    f"""
    INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, queued_at, start_date, updated_at)
    SELECT dag_id, run_id, 'scheduled', 'running', now(), now(), now(), now() FROM ({RUNS}) r
    """,
    f"""
    INSERT INTO task_instance (id, dag_id, run_id, task_id, state, try_number, pool, pool_slots, queue, operator,
                               hostname, scheduled_dttm, queued_dttm, start_date, updated_at)
    SELECT gen_random_uuid(), dag_id, run_id, 'task_' || t, 'running', 1, 'default_pool', 1, 'default',
           'PythonOperator', 'worker-' || n % 20, now(), now(), now(), now()
    FROM ({RUNS}) r, generate_series(1, {TASKS}) t
    """,
)
END = (
    f"""
    UPDATE task_instance i SET state = 'success', end_date = now(), duration = {LASTS}, updated_at = now()
    FROM ({RUNS}) r WHERE i.dag_id = r.dag_id AND i.run_id = r.run_id
    """,
    f"""
    UPDATE dag_run d SET state = 'success', end_date = now(), updated_at = now()
    FROM ({RUNS}) r WHERE d.dag_id = r.dag_id AND d.run_id = r.run_id
    """,
)


def lines_of_a_run() -> list[bytes]:
    """What one run sends: the capture's lines of one DAG, as many as a run of so many tasks has of them."""
    own = [line for line in gzip.decompress(CAPTURE.read_bytes()).splitlines() if re.search(rb"dag_id=" + DAG, line)]
    tries = sum(line.startswith(b"airflow.ti.finish,") for line in own)
    return own[: round(len(own) / tries * TASKS)]


class Load:
    """Runs begin and end in the database, and send their datagrams, at a speed that can be changed meanwhile."""

    def __init__(self, url: str, port: int, dags: int, tasks_a_day: int) -> None:
        self.speed = 0.0
        self.begun = self.ended = self.sent = 0
        self.behind = 0.0
        """Seconds that the latest turn came too late: the load itself is what is too slow."""
        self.runs_a_second = tasks_a_day / TASKS / DAY
        """At speed 1."""
        self._dags = dags
        self._engine, self._port = sa.create_engine(url, future=True), port
        self._done, self._problem = threading.Event(), ""
        self._threads = [threading.Thread(target=self._guarded, args=(one,)) for one in (self._write, self._send)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        if self._problem:
            sys.exit(self._problem)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- said by `stop`, in the main thread
            self._problem = f"the load ended: {error}"

    def _write(self) -> None:
        """Of the database: those that are due begin; those that began long enough ago end."""
        lasting: list[tuple[float, int]] = []
        owed, due = 0.0, time.monotonic()
        while not self._done.wait(max(0.0, due - time.monotonic())):
            self.behind, due = max(0.0, time.monotonic() - due), max(due + TURN, time.monotonic())
            owed += self.runs_a_second * self.speed * TURN
            with self._engine.begin() as connection:
                if owed >= 1:
                    self._run(connection, BEGIN, self.begun, self.begun + int(owed))
                    self.begun, owed = self.begun + int(owed), owed % 1
                    lasting.append((time.monotonic() + LASTS, self.begun))
                over = [last for until, last in lasting if until <= time.monotonic()]
                if over:
                    self._run(connection, END, self.ended, over[-1])
                    self.ended, lasting = over[-1], lasting[len(over) :]
        self._engine.dispose()

    def _run(self, connection: sa.engine.Connection, statements: tuple[str, ...], first: int, after: int) -> None:
        for statement in statements:
            connection.execute(sa.text(statement), {"dags": self._dags, "first": first, "last": after - 1})

    def _send(self) -> None:
        """Of StatsD: a run's lines are sent at once, each DAG's in its turn."""
        sender, templates = Sender(socket.AF_INET, ("127.0.0.1", self._port)), lines_of_a_run()
        owed, before, number = 0.0, time.monotonic(), 0
        while not self._done.wait(0.02):
            now = time.monotonic()
            owed += self.runs_a_second * self.speed * (now - before)
            before = now
            for _ in range(int(owed)):
                name = b"dag_%05d" % (1 + number % self._dags)
                lines = [line.replace(DAG, name) for line in templates]
                while lines:
                    taken = sender.send(lines)
                    lines = lines[taken:]
                    self.sent += taken
                number += 1
            owed %= 1
        sender.close()
