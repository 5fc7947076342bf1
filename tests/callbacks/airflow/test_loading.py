"""How real Airflows load DAGs with the policy installed: what is attached, what it costs, and what it never breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from real.airflow import Airflow

DAGS = Path(__file__).parent / "dags"
AUTHORS = """
from datetime import datetime
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task
from airflow.providers.standard.operators.empty import EmptyOperator
from windsock.callbacks import Notify, on_failure

def author(context): pass

SHARED = [author]
ARGS = {"on_failure_callback": SHARED}
with DAG("one", schedule=None, start_date=datetime(2026, 1, 1), default_args=ARGS, tags=["a"]) as one:
    @task
    def plain(): pass
    @task(on_failure_callback=[Notify(severity="info"), author])
    def ours(): pass
    @task(on_failure_callback=author)
    def bare(): pass
    @task
    def mapped(x): pass
    plain() >> ours() >> bare() >> mapped.expand(x=[1, 2]) >> EmptyOperator(task_id="empty")
with DAG("two", schedule=None, start_date=datetime(2026, 1, 1), on_failure_callback=author) as two:
    @task
    def plain(): pass
    plain()
"""
LOAD = """
import json, os, sys
os.environ.update(json.loads({environ!r}))
import airflow
at_start = sorted(name for name in sys.modules if name.startswith("windsock"))
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
bag = DagBag({dags!r}, include_examples=False)

def names(callbacks):
    kind = type(callbacks).__name__
    found = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    return [kind, *(getattr(one, "__name__", type(one).__name__) for one in found)]

def of(dag):
    tasks = {{task.task_id: task for task in dag.tasks}}
    return {{
        "run": names(dag.on_failure_callback), "asked": dag.has_on_failure_callback,
        **{{name: names(task.on_failure_callback) for name, task in tasks.items()}},
        "success of empty": names(tasks["empty"].on_success_callback)[1:] if "empty" in tasks else [],
        "shared": names(dag.default_args.get("on_failure_callback")),
    }}

print("RESULT" + json.dumps({{"start": at_start, "errors": bag.import_errors,
    "settings": "windsock.settings" in sys.modules,
    "dags": {{dag_id: of(dag) for dag_id, dag in bag.dags.items()}}}}))
"""


@pytest.fixture(scope="module", params=["3.3.2", "2.11.0"])
def airflow(request):
    """One that is installed and not started."""
    text = AUTHORS
    if request.param[0] == "2":
        text = text.replace("airflow.providers.standard.operators.empty", "airflow.operators.empty")
    running = Airflow(request.param, {"authors.py": text})
    yield running
    running.remove()


@pytest.fixture
def load(airflow, tmp_path):
    def run(text=None, **environ):
        if text is not None:
            (tmp_path / "windsock.yaml").write_text(text)
            environ["WINDSOCK_CONFIG"] = str(tmp_path / "windsock.yaml")
        out = airflow.python(LOAD.format(environ=json.dumps(environ), dags=str(airflow.dags)))
        return json.loads(out[out.index("RESULT") + len("RESULT") :].splitlines()[0])

    return run


ATTACH = "callbacks: {attach: [{on: [failure, success, run_failure]}]}"


def test_what_is_attached(load, airflow):
    found = load(ATTACH)
    assert found["errors"] == {}
    assert found["dags"] == {
        "one": {
            "run": ["list", "on_failure"],
            "asked": True,
            "plain": ["list", "author", "on_failure"],
            "ours": ["list", "Notify", "author"],
            "bare": ["list", "author", "on_failure"],
            "mapped": ["list", "author", "on_failure"],
            # Airflow runs no process for it; a callback would make it do so.
            "empty": ["list", "author"],
            "success of empty": [],
            "shared": ["list", "author"],
        },
        "two": {
            "run": ["list", "author", "on_failure"],
            "asked": True,
            "plain": ["list", "on_failure"],
            "success of empty": [],
            "shared": ["NoneType"],
        },
    }


def test_without_rules_nothing_is_attached_and_nothing_is_loaded(load):
    for text in (None, "cluster: prod", "callbacks: {enabled: false, attach: [{on: [failure]}]}"):
        found = load(text)
        assert found["errors"] == {}
        assert found["start"] == ["windsock", "windsock.callbacks", "windsock.callbacks.policy"]
        assert found["settings"] is False
        assert found["dags"]["two"]["run"][1:] == ["author"]
        assert found["dags"]["two"]["plain"][1:] == []


def test_switched_off_by_a_variable(load):
    found = load(ATTACH, WINDSOCK__CALLBACKS__ENABLED="false")
    assert found["dags"]["two"]["plain"][1:] == []


@pytest.mark.parametrize(
    "text", ["cluster: [", "nonsense: true\n" + ATTACH, "callbacks: {attach: [{on: [x]}]}", "\x00", "callbacks: 3"]
)
def test_a_broken_file_loads_every_dag(load, text):
    found = load(text)
    assert found["errors"] == {}
    assert set(found["dags"]) == {"one", "two"}
    assert found["dags"]["two"]["plain"][1:] == []


def test_a_missing_file_loads_every_dag(load):
    found = load(WINDSOCK_CONFIG="/nowhere/windsock.yaml")
    assert found["errors"] == {}
    assert set(found["dags"]) == {"one", "two"}


NOTIFIERS = """
import asyncio, copy, pickle
try:
    from airflow.sdk.bases.notifier import BaseNotifier
except ImportError:
    from airflow.notifications.basenotifier import BaseNotifier
from windsock.callbacks import Notifier, on_deadline_missed
one = Notifier(severity="info", team="ops")
assert isinstance(one, BaseNotifier)
before = dict(vars(one))
copy.deepcopy({"on_failure_callback": one})
one({"run_id": "r", "dag": None}); one({})
assert dict(vars(one)) == before
try:
    from airflow.sdk import AsyncCallback, SyncCallback
except ImportError:
    pass
else:
    assert AsyncCallback(Notifier, kwargs={"team": "x"}).path == "windsock.callbacks.notifier.Notifier"
    assert AsyncCallback(on_deadline_missed).path == "windsock.callbacks.deadline.on_deadline_missed"
    async def late():
        await Notifier(team="x", context={"dag_run": {"dag_id": "d", "dag_run_id": "r"}, "deadline": {"id": "1"}})
    asyncio.run(late())
print("GOOD")
"""


def test_where_airflow_insists_on_a_notifier_of_its_own(airflow):
    assert "GOOD" in airflow.python(NOTIFIERS)
