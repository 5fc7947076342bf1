"""The policy that Airflow asks about each DAG and task: what it attaches, and that it harms nothing."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from windsock.callbacks import Notify, attach, on_failure, on_success, policy

RULES = [{"match": {"team": "payments"}, "on": ["failure", "retry", "run_failure"]}]
TEAMS = {"payments": {"match": {"tag": ["team:payments"]}}}
HOOKS = ("on_failure_callback", "on_retry_callback", "on_success_callback", "on_skipped_callback")


@pytest.fixture(autouse=True)
def anew():
    """Each test is a new process to the policy."""
    attach._settings.cache_clear()
    attach._said.clear()
    yield
    attach._settings.cache_clear()


def a_dag(tags=("team:payments",), dag_id="orders", owner="ada", **callbacks):
    given = {"on_failure_callback": None, "on_success_callback": None, "has_on_failure_callback": False}
    return SimpleNamespace(**{"dag_id": dag_id, "owner": owner, "tags": set(tags), **given, **callbacks})


def a_task(dag, **callbacks):
    return SimpleNamespace(dag=dag, task_id="load", **{**dict.fromkeys(HOOKS), **callbacks})


def apply(dag, *tasks):
    policy.dag_policy(dag)
    for task in tasks:
        policy.task_policy(task)


def test_it_attaches_what_the_rules_say(configure):
    configure(teams=TEAMS, callbacks={"attach": RULES})
    dag = a_dag()
    task = a_task(dag)
    apply(dag, task)
    assert task.on_failure_callback == [on_failure]
    assert [callback.__name__ for callback in task.on_retry_callback] == ["on_retry"]
    assert task.on_success_callback is None
    assert dag.on_failure_callback == [on_failure]
    assert dag.has_on_failure_callback is True  # the scheduler looks at nothing else
    assert dag.on_success_callback is None


@pytest.mark.parametrize(
    ("match", "tags", "owner", "dag_id", "attached"),
    [
        ({}, (), "", "any", True),
        ({"tag": "tier:*"}, ("tier:1",), "", "x", True),
        ({"tag": "tier:*"}, ("other",), "", "x", False),
        ({"owner": "ada"}, (), "bob, ada", "x", True),
        ({"dag": ["pay_*", "settle"]}, (), "", "settle", True),
        ({"dag": "pay_*", "tag": "tier:1"}, (), "", "pay_1", False),
        ({"team": "payments"}, ("team:payments",), "", "x", True),
        ({"team": "payments", "dag": "a*"}, ("team:payments",), "", "x", False),
        ({"team": "default"}, (), "", "x", True),
        ({}, ("windsock:off",), "", "any", False),
    ],
)
def test_whom_a_rule_is_for(configure, match, tags, owner, dag_id, attached):
    configure(teams=TEAMS, callbacks={"attach": [{"match": match, "on": ["failure"]}]})
    dag = a_dag(tags, dag_id, owner)
    task = a_task(dag)
    apply(dag, task)
    assert (task.on_failure_callback == [on_failure]) == attached


def test_the_first_rule_for_a_kind_decides(configure):
    rules = [
        {"match": {"tag": "quiet"}, "on": "failure", "severity": "info", "channels": ["slack"], "throttle": "10m"},
        {"on": ["failure", "success"]},
    ]
    rules[0]["on"] = ["failure"]
    configure(callbacks={"attach": rules})
    dag = a_dag(["quiet"])
    task = a_task(dag)
    apply(dag, task)
    assert task.on_failure_callback == [Notify(severity="info", channels=("slack",), throttle=600.0)]
    assert task.on_success_callback == [on_success]


def test_a_rule_that_is_critical_wakes_nobody_for_a_retry_or_a_skip(configure):
    configure(callbacks={"attach": [{"on": ["failure", "retry", "skipped"], "severity": "critical"}]})
    task = a_task(a_dag())
    policy.task_policy(task)
    assert task.on_failure_callback == [Notify(severity="critical")]
    assert task.on_retry_callback == task.on_skipped_callback == [Notify(severity="warning")]


def test_secrets_in_an_error_stay_here(caplog):
    attach.count("ValueError", "can't reach postgres://etl:hunter2hunter2@db/x")
    assert "postgres://etl:***@db/x" in caplog.text
    assert "hunter2" not in caplog.text


def an_author(context):
    """What an author attached."""


@pytest.mark.parametrize("given", [an_author, [an_author], (an_author,)], ids=["bare", "list", "tuple"])
def test_what_an_author_set_stays_before_it_and_is_not_changed(configure, given):
    configure(callbacks={"attach": [{"on": ["failure", "run_failure"]}]})
    dag = a_dag(on_failure_callback=given)
    shared = {"on_failure_callback": given}
    one, two = a_task(dag, **shared), a_task(dag, **shared)
    apply(dag, one, two)
    assert one.on_failure_callback == [an_author, on_failure]
    assert two.on_failure_callback == [an_author, on_failure]
    assert one.on_failure_callback is not two.on_failure_callback
    assert dag.on_failure_callback == [an_author, on_failure]
    assert shared["on_failure_callback"] is given
    assert given in (an_author, [an_author], (an_author,))


class Mine(Notify):
    """An author's own class of ours."""


@pytest.mark.parametrize(
    "ours",
    [on_failure, Notify(severity="info"), functools.partial(on_failure), functools.partial(Notify()), Mine()],
    ids=["function", "Notify", "partial", "partial of Notify", "subclass"],
)
@pytest.mark.parametrize("place", ["bare", "list"])
def test_never_twice(configure, ours, place):
    configure(callbacks={"attach": [{"on": ["failure", "run_failure"]}]})
    given = ours if place == "bare" else [an_author, ours]
    dag = a_dag(on_failure_callback=given)
    task = a_task(dag, on_failure_callback=given)
    apply(dag, task)
    apply(dag, task)
    assert task.on_failure_callback is given
    assert dag.on_failure_callback is given


def test_asked_twice_it_attaches_once(configure):
    configure(callbacks={"attach": [{"on": ["failure"]}]})
    task = a_task(a_dag())
    policy.task_policy(task)
    policy.task_policy(task)
    assert task.on_failure_callback == [on_failure]


def test_a_task_that_airflow_never_runs_stays_one(configure):
    configure(callbacks={"attach": [{"on": ["failure", "success"]}]})
    task = a_task(a_dag(), inherits_from_empty_operator=True)
    policy.task_policy(task)
    assert task.on_success_callback is None


@pytest.mark.parametrize("how", ["file", "variable"])
def test_switched_off(configure, monkeypatch, how):
    callbacks = {"attach": [{"on": ["failure"]}]}
    if how == "variable":
        monkeypatch.setenv("WINDSOCK__CALLBACKS__ENABLED", "false")
    else:
        callbacks["enabled"] = False
    configure(callbacks=callbacks)
    task = a_task(a_dag())
    policy.task_policy(task)
    assert task.on_failure_callback is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cluster: [", "not valid YAML"),
        ("callbacks: {attach: [{on: [sometimes]}]}", "callbacks.attach[0].on[0]"),
        ("callbacks: {attach: [{chanels: [slack]}]}", "did you mean 'channels'?"),
        ("callbacks: {attach: [{on: []}]}", "callbacks.attach[0].on"),
        ("callbacks: 3\n", None),
    ],
)
def test_a_broken_file_attaches_nothing_and_says_so_once(configure, caplog, monkeypatch, text, says):
    counted = []
    monkeypatch.setattr("windsock.airflow.compat.count", lambda name, tags: counted.append((name, tags)))
    configure().write_text(text)
    for _ in range(3):
        dag = a_dag()
        task = a_task(dag)
        apply(dag, task)
        assert task.on_failure_callback is None
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(lines) == (1 if says else 0)
    assert counted == ([("windsock.policy.errors", {"reason": "settings"})] if says else [])
    if says:
        assert lines[0].startswith("no callbacks attached (settings): ")
        assert says in lines[0]


def test_a_process_without_the_configuration_says_why_it_attaches_nothing(caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.delenv("WINDSOCK__CALLBACKS__SPOOL__DIR", raising=False)
    task = a_task(a_dag())
    policy.task_policy(task)
    policy.task_policy(task)
    assert [record.getMessage() for record in caplog.records] == [
        "no callbacks attached: no windsock.yaml and no WINDSOCK__ variable is known to this process"
    ]


class Broken:
    """Nothing of it can be read."""

    def __getattr__(self, name):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "thing", [None, 3, object(), Broken(), SimpleNamespace(dag=None)], ids=lambda one: type(one).__name__
)
def test_nothing_gets_out_of_a_hook(configure, thing):
    configure(callbacks={"attach": [{"on": ["failure", "run_failure"]}]})
    policy.dag_policy(thing)
    policy.task_policy(thing)


def test_not_even_where_telling_of_it_fails(monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr(attach, "to_task", broken)
    monkeypatch.setattr(attach, "count", broken)
    policy.task_policy(a_task(a_dag()))


def test_the_entry_point_imports_nothing():
    script = (
        "import sys; before = set(sys.modules); import windsock.callbacks.policy; "
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('windsock')), "
        "sorted({n.split('.')[0] for n in set(sys.modules) - before} - set(sys.stdlib_module_names) - {'windsock'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "['windsock', 'windsock.callbacks', 'windsock.callbacks.policy'] []"


def test_its_rules_are_documented_and_checked():
    done = subprocess.run(
        [sys.executable, "-m", "windsock", "config", "schema"], capture_output=True, text=True, timeout=60, check=True
    )
    rule = json.loads(done.stdout)["$defs"]["Attach"]["properties"]
    assert set(rule) >= {"match", "on", "channels", "severity", "team", "throttle", "template"}
    assert all(rule[name].get("description") for name in rule)
