"""How real Airflows load DAGs with the policy installed: what is attached, what it costs, and what it never breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
ATTACH = "callbacks: {attach: [{on: [failure, success, run_failure]}]}"
BROKEN = {
    "no YAML": "cluster: [",
    "an unknown key": "nonsense: true\n" + ATTACH,
    "an unknown kind": "callbacks: {attach: [{on: [x]}]}",
    "a null byte": "\x00",
    "a number": "callbacks: 3",
}
FILES = {
    "attaching": ATTACH,
    "empty": "cluster: prod",
    "switched off": "callbacks: {enabled: false, attach: [{on: [failure]}]}",
    **BROKEN,
}
VARIABLES = {
    "switched off by a variable": {"WINDSOCK__CALLBACKS__ENABLED": "false"},
    "missing": {"WINDSOCK_CONFIG": "/nowhere/windsock.yaml"},
    "nothing": {},
}
LOAD = """
import json, os, sys
import airflow
at_start = sorted(name for name in sys.modules if name.startswith("windsock"))
try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG, task
    from airflow.providers.standard.operators.empty import EmptyOperator
except ImportError:
    from airflow.models.dagbag import DagBag
    from airflow.decorators import task
    from airflow.operators.empty import EmptyOperator

def names(callbacks):
    kind = type(callbacks).__name__
    found = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    return [kind, *(getattr(one, "__name__", type(one).__name__) for one in found)]

def of(dag):
    tasks = {task.task_id: task for task in dag.tasks}
    return {
        "run": names(dag.on_failure_callback), "asked": dag.has_on_failure_callback,
        **{name: names(task.on_failure_callback) for name, task in tasks.items()},
        "success of empty": names(tasks["empty"].on_success_callback)[1:] if "empty" in tasks else [],
        "shared": names(dag.default_args.get("on_failure_callback")),
    }

# Each as the process that parses a file: a child of one that has loaded Airflow, of which the DAGs take some, and
# nothing else.
for case, environ in json.loads(CASES).items():
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    del os.environ["WINDSOCK_CONFIG"]  # what the other tests of this Airflow are configured with
    os.environ.update(environ)
    bag = DagBag(DAGS)
    print("RESULT" + json.dumps({"case": case, "start": at_start, "errors": bag.import_errors,
        "settings": "windsock.settings.sections" in sys.modules,
        "dags": {dag_id: of(dag) for dag_id, dag in bag.dags.items()}}))
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.fixture(scope="module")
def loaded(airflow, tmp_path_factory):
    """What was loaded, by the case."""
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "dags").mkdir()
    text = AUTHORS
    if airflow.major == "2":
        text = text.replace("airflow.providers.standard.operators.empty", "airflow.operators.empty")
    (folder / "dags" / "authors.py").write_text(text)
    cases = dict(VARIABLES)
    for case, text in FILES.items():
        file = folder / f"{case}.yaml"
        file.write_text(text)
        cases[case] = {"WINDSOCK_CONFIG": str(file)}
    cases["switched off by a variable"] |= cases["attaching"]
    code = f"CASES = {json.dumps(cases)!r}\nDAGS = {str(folder / 'dags')!r}\n{LOAD}"
    found = [line[len("RESULT") :] for line in airflow.python(code).splitlines() if line.startswith("RESULT")]
    return {result["case"]: result for result in map(json.loads, found)}


def test_every_configuration_loads_every_dag(loaded):
    assert set(loaded) == {*FILES, *VARIABLES}
    for case, found in loaded.items():
        assert found["errors"] == {}, case
        assert set(found["dags"]) == {"one", "two"}, case


def test_what_is_attached(loaded):
    assert loaded["attaching"]["dags"] == {
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


@pytest.mark.parametrize("case", [*BROKEN, *VARIABLES, "empty", "switched off"])
def test_what_is_not_attached(loaded, case):
    dags = loaded[case]["dags"]
    assert dags["two"]["run"][1:] == ["author"]
    assert dags["two"]["plain"][1:] == []
    assert dags["one"]["run"][1:] == []
    assert dags["one"]["plain"][1:] == ["author"]


def test_where_nothing_is_attached_nothing_is_loaded(loaded):
    for case in ("nothing", "empty", "switched off", "switched off by a variable"):
        assert loaded[case]["start"] == ["windsock", "windsock.callbacks", "windsock.callbacks.policy"]
        assert loaded[case]["settings"] is False, case


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
        context = {"dag_run": {"dag_id": "d", "dag_run_id": "r"}, "deadline": {"id": "1"}}
        await Notifier(team="x", severity="loud", name="by six", context=context)
        # As a later Airflow may call it, whether it could fetch the run or not.
        beside = {"dag_id": "d", "run_id": "r", "deadline_id": "1", "deadline_time": "2026-01-01T00:00:00+00:00"}
        await Notifier(team="x", **beside)
        await Notifier(team="x", context={"run_id": "r"}, **beside)
        Notifier(team="x", **beside)({})
    asyncio.run(late())
print("GOOD")
"""


def test_where_airflow_insists_on_a_notifier_of_its_own(airflow):
    assert "GOOD" in airflow.python(NOTIFIERS)
