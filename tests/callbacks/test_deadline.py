"""Missed deadlines as Airflow 3 calls for them, and missed SLAs as 2.11 does."""

from __future__ import annotations

import asyncio
import inspect
import time
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from windsock.callbacks import Notify, on_deadline_missed, on_deadline_missed_sync, sla_missed

CONTEXT = {
    "dag_run": {
        "dag_run_id": "manual__2026-11-22T09:51:06+00:00",
        "dag_id": "orders",
        "logical_date": None,
        "state": "running",
        "conf": {"day": "2026-11-22", "password": "hunter2hunter2"},
    },
    "deadline": {"id": "01a201b2-c025-775c-a9e0-2b1bcad17736", "deadline_time": "2026-11-22T06:00:00Z"},
}
WAYS = {
    "async": lambda **given: asyncio.run(on_deadline_missed(**given)),
    "sync": on_deadline_missed_sync,
}


@pytest.fixture(params=WAYS)
def missed(request):
    return WAYS[request.param]


def test_it_arrives(missed, alertmanager, configure):
    configure(
        cluster="prod",
        teams={"orders": {"match": {"dag": "orders*"}, "timezone": "Europe/Berlin"}},
        links={"airflow": "https://airflow.example.org"},
        alertmanager={"urls": [alertmanager.url]},
    )
    missed(context=CONTEXT, name="by six")
    (alert,) = alertmanager.alerts()
    assert alert["labels"] == {
        "alertname": "AirflowDeadlineMissed",
        "cluster": "prod",
        "dag_id": "orders",
        "run_id": "manual__2026-11-22T09:51:06+00:00",
        "deadline": "01a201b2-c025-775c-a9e0-2b1bcad17736",
        "team": "orders",
        "severity": "warning",
    }
    annotations = alert["annotations"]
    assert annotations["summary"] == (
        "orders missed its deadline by six: it was due at 07:00 on 22 Nov, and the run is running"
    )
    assert annotations["deadline_name"] == "by six"
    assert annotations["due"] == "07:00 on 22 Nov"
    assert annotations["run_url"].startswith("https://airflow.example.org/dags/orders/runs/manual__2026")
    assert annotations["conf"] == '{"day": "2026-11-22", "password": "***"}'


class Running:
    """A state as the SDK's generated models have it: its own text is `DagRunState.RUNNING`."""

    value = "running"


RUN = SimpleNamespace(
    dag_id="orders",
    run_id="manual__2026-11-22T09:51:06+00:00",
    state=Running(),
    conf={"day": "2026-11-22", "password": "hunter2hunter2"},
)
LATER = {
    "in the context": ({"dag_run": RUN, "run_id": RUN.run_id, "deadline": CONTEXT["deadline"]}, {}),
    "flat in the context": (
        {"dag_run": RUN, "deadline_id": CONTEXT["deadline"]["id"], "deadline_time": "2026-11-22T06:00:00Z"},
        {},
    ),
    "beside it": (
        {"dag_run": RUN},
        {"deadline_id": CONTEXT["deadline"]["id"], "deadline_time": datetime(2026, 11, 22, 6, tzinfo=timezone.utc)},
    ),
}
BARE = {
    "dag_id": RUN.dag_id,
    "run_id": RUN.run_id,
    "deadline_id": CONTEXT["deadline"]["id"],
    "deadline_time": "2026-11-22T06:00:00+00:00",
}
"""What is stored of a deadline, where Airflow could not fetch the run before it called."""


@pytest.mark.parametrize("form", LATER)
def test_a_run_that_is_an_object_is_the_same_alert(missed, alertmanager, configure, form):
    """As Airflow's next version hands it over: https://github.com/apache/airflow/pull/66608."""
    configure(alertmanager={"urls": [alertmanager.url]})
    context, beside = LATER[form]
    missed(context=context, **beside)
    (alert,) = alertmanager.alerts()
    assert alert["labels"]["run_id"] == CONTEXT["dag_run"]["dag_run_id"]
    assert alert["labels"]["deadline"] == CONTEXT["deadline"]["id"]
    said = alert["annotations"]["summary"]
    assert said == "orders missed its deadline: it was due at 06:00 UTC on 22 Nov, and the run is running"
    assert alert["annotations"]["conf"] == '{"day": "2026-11-22", "password": "***"}'


@pytest.mark.parametrize("context", [None, {}, {"dag_run": None}, {"run_id": RUN.run_id}], ids=str)
def test_a_run_that_airflow_could_not_fetch_is_told_by_its_ids(missed, alertmanager, configure, context):
    configure(alertmanager={"urls": [alertmanager.url]})
    missed(context=context, name="by six", **BARE)
    (alert,) = alertmanager.alerts()
    assert (alert["labels"]["dag_id"], alert["labels"]["run_id"]) == (RUN.dag_id, RUN.run_id)
    assert alert["labels"]["deadline"] == BARE["deadline_id"]
    assert "orders missed its deadline by six: it was due at 06:00 UTC" in alert["annotations"]["summary"]


@pytest.mark.parametrize("form", ["in the context", "flat in the context"])
def test_notify_knows_such_a_deadline_too(alertmanager, configure, form):
    configure(alertmanager={"urls": [alertmanager.url]})
    Notify()(LATER[form][0])
    assert [alert["labels"]["alertname"] for alert in alertmanager.alerts()] == ["AirflowDeadlineMissed"]


def test_the_author_chooses(missed, alertmanager, configure):
    configure(alertmanager={"urls": [alertmanager.url]})
    missed(context=CONTEXT, team="payments", severity="critical", an_argument_of_tomorrow=1)
    (alert,) = alertmanager.alerts()
    assert (alert["labels"]["team"], alert["labels"]["severity"]) == ("payments", "critical")


def test_a_wrong_choice_does_not_keep_it_back(missed, alertmanager, configure, lines):
    configure(alertmanager={"urls": [alertmanager.url]})
    missed(context=CONTEXT, severity="loud", team="payments")
    assert [alert["labels"]["team"] for alert in alertmanager.alerts()] == ["payments"]
    assert "ignored, and told all the same: severity: expected one of critical" in lines()[0][1]


@pytest.mark.parametrize("context", [None, {}, {"dag_run": None}, {"dag_run": {"dag_id": "x"}}, "x", 3])
def test_nonsense(missed, context, lines):
    missed(context=context)
    ((level, line),) = lines()
    assert level == "WARNING"
    assert "names no DAG and run" in line


def test_what_airflow_asks_of_the_functions():
    assert inspect.iscoroutinefunction(on_deadline_missed)
    assert not inspect.iscoroutinefunction(on_deadline_missed_sync)
    for function in (on_deadline_missed, on_deadline_missed_sync):
        assert "context" in inspect.signature(function).parameters
        # Airflow stores the path and imports it elsewhere.
        module = __import__(function.__module__, fromlist=[function.__qualname__])
        assert getattr(module, function.__qualname__) is function


def test_the_event_loop_goes_on_while_an_alertmanager_hangs(hostile, configure):
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": 1.0})

    async def run():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.02)
                ticks += 1

        ticking = asyncio.create_task(tick())
        await on_deadline_missed(context=CONTEXT)
        ticking.cancel()
        return ticks

    start = time.monotonic()
    assert asyncio.run(run()) > 3
    assert time.monotonic() - start < 30


def sla(task_id, minute):
    return SimpleNamespace(
        dag_id="orders", task_id=task_id, execution_date=datetime(2026, 11, 22, 9, minute, tzinfo=timezone.utc)
    )


@pytest.mark.parametrize("callback", [sla_missed, Notify()], ids=["sla_missed", "Notify"])
def test_slas(alertmanager, configure, airflow2, callback):
    configure(cluster="prod", alertmanager={"urls": [alertmanager.url]})
    dag = SimpleNamespace(dag_id="orders", owner="ada", tags=["team:payments"])
    callback(dag, "load on …", "", [sla("load", 1), sla("extract", 1), sla("load", 0)], [])
    alerts = sorted(alertmanager.alerts(), key=lambda alert: alert["labels"]["run_id"])
    assert [alert["labels"]["run_id"] for alert in alerts] == [
        "scheduled__2026-11-22T09:00:00+00:00",
        "scheduled__2026-11-22T09:01:00+00:00",
    ]
    assert alerts[1]["labels"]["deadline"] == "sla"
    assert alerts[1]["annotations"]["summary"] == "orders missed its SLA: extract, load"
    assert alerts[1]["annotations"]["owner"] == "ada"


def test_after_a_pause_only_the_newest_runs_are_told(alertmanager, configure):
    configure(alertmanager={"urls": [alertmanager.url]})
    sla_missed(SimpleNamespace(dag_id="orders", owner="", tags=[]), "", "", [sla("load", m) for m in range(50)], [])
    assert len(alertmanager.alerts()) == 3


def test_slas_of_nothing(lines):
    sla_missed()
    sla_missed(None, None, None, None, None)
    assert all(level == "WARNING" for level, _ in lines())


def test_slas_of_several_runs_share_the_budget(hostile, configure, lines):
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": 6})
    start = time.monotonic()
    sla_missed(SimpleNamespace(dag_id="orders", owner="", tags=[]), "", "", [sla("load", m) for m in range(2)], [])
    assert time.monotonic() - start < 10, "each of them alone uses it up"
    assert len(lines()) == 2
    assert all("kept in the spool" in line for _, line in lines())
