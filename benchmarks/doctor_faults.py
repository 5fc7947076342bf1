"""The faults that `doctor.py` plants, and what the doctor must call each; those of servers are in doctor_servers.py.

A fault is planted by a generator that yields the sections of windsock.yaml that differ meanwhile, and then mends it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from real.installation import TEAMS
from real.tables import Database

from windsock.callbacks import spool as spools
from windsock.callbacks.entry import Entry
from windsock.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doctor_stack import Stack

    Plant = Callable[[Stack], Iterator[dict[str, Any]]]

CLOSED = "http://127.0.0.1:1"
LIVES = "airflow_always_fails"
DAG = f"""
try:
    from airflow.sdk import dag, task
except ImportError:
    from airflow.decorators import dag, task


@dag(dag_id="{LIVES}", schedule=None, max_consecutive_failed_dag_runs=1)
def fails():
    @task
    def fail():
        raise ValueError("no rows")

    fail()


fails()
"""


AHEAD = """
CREATE FUNCTION ahead() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.latest_heartbeat := NEW.latest_heartbeat + interval '10 minutes'; RETURN NEW; END $$;
CREATE TRIGGER ahead BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION ahead()
"""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    words: str
    check: str
    plant: Plant
    majors: str = "23"
    """Of the Airflows that can have it."""


FAULTS: list[Fault] = []


def fault(words: str, check: str, majors: str = "23") -> Callable[[Plant], Plant]:
    """Put what is decorated into the list."""

    def keep(plant: Plant) -> Plant:
        FAULTS.append(Fault(words, check, plant, majors))
        return plant

    return keep


def each(cases: dict[str, tuple[str, Any]], plant: Callable[..., Iterator[dict[str, Any]]]) -> None:
    """Put several of one kind into the list: by the words, the check and what `plant` is given."""
    for words, (check, given) in cases.items():
        FAULTS.append(Fault(words, check, functools.partial(plant, given=given)))


def sections(stack: Stack, given: Callable[[Stack], dict[str, Any]] | dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield given(stack) if callable(given) else given


each(
    {
        "nobody listens where Prometheus should be": ("prometheus.down", {"prometheus": {"urls": [CLOSED]}}),
        "Alertmanager is there in Prometheus' place": (
            "prometheus.down",
            lambda stack: {"prometheus": {"urls": [stack.installation.alertmanager.url]}},
        ),
        "nobody listens where Alertmanager should be": ("alertmanager.down", {"alertmanager": {"urls": [CLOSED]}}),
        "Prometheus is there in Alertmanager's place": (
            "alertmanager.down",
            lambda stack: {"alertmanager": {"urls": [stack.installation.prometheus.url]}},
        ),
        "no exporter": ("exporter.down", {"doctor": {"exporters": [CLOSED]}}),
        "Prometheus is there in the exporter's place": (
            "exporter.down",
            lambda stack: {"doctor": {"exporters": [stack.installation.prometheus.url]}},
        ),
        "another cluster's name": ("prometheus.cluster", {"cluster": "test"}),
        "a retention that is shorter than a budget": (
            "prometheus.retention",
            {"slo": {"orders_load": {"success": "99%"}}},
        ),
        "a team of which Alertmanager knows nothing": (
            "alertmanager.receivers",
            {"teams": {**TEAMS, "payments": {"slack": "#payments"}}},
        ),
        "a team got other DAGs, and no route": (
            "alertmanager.routes",
            {"teams": {"data": {"match": {"dag": ["others_*"]}, "slack": "#data"}}},
        ),
        "no database is named": ("database.unknown", {"metadata": {}}),
        "nobody listens where Elasticsearch should be": (
            "logs.down",
            {"logs": {"folder": "/logs", "elasticsearch": {"urls": [CLOSED]}}},
        ),
    },
    sections,
)


def metrics(stack: Stack, given: dict[str, str]) -> Iterator[dict[str, Any]]:
    stack.installation.listen()
    stack.schedule(**{f"METRICS__{name}": value for name, value in given.items()})
    yield {}
    stack.installation.listen()
    stack.schedule()


each(
    {
        "no StatsD": ("airflow.statsd_off", {"STATSD_ON": "False"}),
        "another port": ("airflow.statsd_port", {"STATSD_PORT": "8125"}),
        "another host": ("airflow.statsd_host", {"STATSD_HOST": "10.1.2.3"}),
        "another prefix, by Airflow's settings": ("airflow.statsd_prefix", {"STATSD_PREFIX": "prod"}),
        "another prefix, by its tagged lines": ("statsd.prefix", {"STATSD_PREFIX": "prod"}),
        "another prefix, by its plain lines": (
            "statsd.prefix",
            {"STATSD_PREFIX": "prod", "STATSD_INFLUXDB_ENABLED": "False"},
        ),
        "an allow list that hides": ("airflow.allow_list", {"METRICS_ALLOW_LIST": "executor,pool"}),
        "a block list that hides": ("airflow.block_list", {"METRICS_BLOCK_LIST": "scheduler,ti"}),
        "OpenTelemetry, which nobody takes": ("airflow.statsd_off", {"STATSD_ON": "False", "OTEL_ON": "True"}),
    },
    metrics,
)


@fault("StatsD's host is a name that there is not", "airflow.statsd_host")
def no_such_name(stack: Stack) -> Iterator[dict[str, Any]]:
    for _ in metrics(stack, {"STATSD_HOST": "exporter.invalid"}):
        yield {"exporter": {"statsd": {"listen": [f"udp://0.0.0.0:{stack.port}"]}}}


@fault("a second process sends elsewhere", "airflow.statsd_port", "3")
def second_process(stack: Stack) -> Iterator[dict[str, Any]]:
    stack.airflow.variables["AIRFLOW__METRICS__STATSD_PORT"] = "8125"
    stack.airflow.start("triggerer")
    yield {}
    stack.airflow.stop("triggerer")
    stack.airflow.variables |= stack.usual


@fault("callbacks are attached in a file that Airflow does not read", "airflow.windsock_config", "3")
def blind(stack: Stack) -> Iterator[dict[str, Any]]:
    yield {"callbacks": {"attach": [{"on": ["failure"]}], "spool": {"dir": str(stack.installation.spool)}}}


@fault("airflow.cfg was changed, and nothing restarted", "airflow.restart", "3")
def changed(stack: Stack) -> Iterator[dict[str, Any]]:
    file = stack.airflow.folder / "airflow.cfg"
    os.utime(file, (0, time.time() + 600))
    yield {}
    os.utime(file, (0, 0))


@fault("the scheduler hangs", "database.scheduler")
def hangs(stack: Stack) -> Iterator[dict[str, Any]]:
    group = stack.airflow.processes["scheduler"].pid
    os.killpg(group, signal.SIGSTOP)
    yield {}
    os.killpg(group, signal.SIGCONT)


def listen(stack: Stack, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    os.environ["ANOTHER_DB"] = "postgresql://windsock@127.0.0.1:1/airflow"
    stack.installation.listen(**given)
    yield {}
    stack.installation.listen()


each(
    {
        "an exporter that lets nobody in": ("statsd.refused", {"statsd": {"allow": ["10.0.0.0/8"]}}),
        "an exporter with no room for series": ("exporter.overflow", {"exporter": {"budgets": {"series": 3}}}),
        "an exporter that can't reach Alertmanager": ("reconciler.problem", {"alertmanager": {"urls": [CLOSED]}}),
        "an exporter that reads another database": (
            "database.down",
            {"metadata": {"url": "${ANOTHER_DB}"}},
        ),
        "an exporter that relays to nobody": ("statsd.relay", {"statsd": {"relay": "udp://exporter.invalid:8125"}}),
    },
    listen,
)


def database(stack: Stack, given: str) -> Iterator[dict[str, Any]]:
    usual, os.environ["AIRFLOW_DB"] = os.environ["AIRFLOW_DB"], given.format(port=stack.postgres.port)
    yield {}
    os.environ["AIRFLOW_DB"] = usual


each(
    {
        "nobody listens where the database should be": ("database.down", "postgresql://windsock@127.0.0.1:1/airflow"),
        "the database of something else": ("database.down", "postgresql://windsock@127.0.0.1:{port}/postgres"),
        "a role that there is not": ("database.down", "postgresql://nobody@127.0.0.1:{port}/airflow"),
    },
    database,
)


def sql(stack: Stack, given: tuple[str, str]) -> Iterator[dict[str, Any]]:
    stack.sql(given[0])
    yield {}
    stack.sql(given[1])


each(
    {
        "a role that may write": (
            "database.rights",
            ("GRANT INSERT ON dag_run TO windsock", "REVOKE INSERT ON dag_run FROM windsock"),
        ),
        "a role that may not read all": (
            "database.query",
            ("REVOKE SELECT ON slot_pool FROM windsock", "GRANT SELECT ON slot_pool TO windsock"),
        ),
        "a scheduler's clock that is ahead": (
            "database.clock",
            (
                AHEAD,
                "DROP TRIGGER ahead ON job; DROP FUNCTION ahead(); UPDATE job SET latest_heartbeat = now()",
            ),
        ),
    },
    sql,
)


@fault("the database of an Airflow that does not run", "database.scheduler")
def copy(stack: Stack) -> Iterator[dict[str, Any]]:
    another = Database(stack.postgres, stack.airflow.version)
    yield from database(stack, another.url)


@contextlib.contextmanager
def spooled(stack: Stack) -> Iterator[tuple[spools.Spool, Any]]:
    spool = spools.of(stack.installation.settings())
    event = Event("AirflowTaskFailed", "prod", "orders_load", "r", task_id="load")
    claim = spool.put(Entry.new("failed", event, (("slack", "#data"),)), sync=False)
    claim.release()
    try:
        yield spool, claim
    finally:
        claim.path.unlink()


@fault("messages that wait in the spool", "callbacks.waiting")
def waiting(stack: Stack) -> Iterator[dict[str, Any]]:
    with spooled(stack) as (_, claim):
        os.utime(claim.path, (0, time.time() - 900))
        yield {}


@fault("a spool that is full", "callbacks.full")
def full(stack: Stack) -> Iterator[dict[str, Any]]:
    with spooled(stack):
        yield {"callbacks": {"spool": {"dir": str(stack.installation.spool), "max_files": 1}}}


@fault("messages that nobody got", "callbacks.dead")
def dead(stack: Stack) -> Iterator[dict[str, Any]]:
    with spooled(stack) as (spool, claim):
        spool.bury(claim.entry, "channel_not_found")
        yield {}
        (spool.dead / spool.dead_names()[0]).unlink()


@fault("a spool that everybody may write to", "callbacks.spool")
def anybodys(stack: Stack) -> Iterator[dict[str, Any]]:
    with spooled(stack) as (spool, _):
        spool.folder.chmod(0o777)
        yield {}
        spool.folder.chmod(0o700)


@fault("Airflow itself has paused a DAG after its failures", "database.paused")
def paused(stack: Stack) -> Iterator[dict[str, Any]]:
    stack.airflow.add("fails.py", DAG)
    stack.airflow.start(*(() if "api" in stack.airflow.processes else ("api",)))
    if stack.airflow.major == "3":
        stack.airflow.start("dag-processor")
    stack.airflow.wait_for_dags(LIVES)
    stack.airflow.finish(LIVES, stack.airflow.trigger(LIVES))
    yield {}
    stack.airflow.pause(LIVES, paused=False)
    stack.schedule()
