"""The callback as Airflow calls it: with a real Alertmanager, with broken settings, with nonsense."""

import copy
import pickle
import subprocess
import sys

import pytest

import windsock.callbacks
from windsock.callbacks import on_failure

CONFIG = {
    "cluster": "prod",
    "teams": {"payments": {"match": {"tag": ["team:payments"]}}},
    "severity": [{"match": {"tag": ["tier:1"]}, "is": "critical"}],
}


def test_the_alert_arrives(airflow, alertmanager, configure, lines):
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})

    on_failure(airflow.task_failure(ValueError("postgres://etl:hunter2@db/prod")))

    (alert,) = alertmanager.alerts()
    assert alert["labels"] == {
        "alertname": "AirflowTaskFailed",
        "cluster": "prod",
        "dag_id": "zoo.fail",
        "task_id": "grp.fails",
        "run_id": "manual__2026-11-22T09:51:06.965451+00:00",
        "team": "payments",
        "severity": "critical",
    }
    assert alert["annotations"]["exception"] == "ValueError: postgres://etl:***@db/prod"
    ((level, line),) = lines()
    assert level == "INFO"
    assert line.startswith("AirflowTaskFailed of zoo.fail grp.fails delivered to 1 of 1 Alertmanagers in ")


def test_failed_indexes_of_a_task_are_one_alert(airflow3, alertmanager, configure):
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})
    for index in range(10):
        on_failure(airflow3.task_failure(ValueError(index), map_index=index))
    (alert,) = alertmanager.alerts()
    assert alert["annotations"]["map_index"] == "9"


def test_task_and_run_are_two_alerts(airflow, alertmanager, configure):
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})
    on_failure(airflow.task_failure(ValueError("x")))
    on_failure(airflow.dag_failure())
    names = {alert["labels"]["alertname"] for alert in alertmanager.alerts()}
    assert names == {"AirflowTaskFailed", "AirflowDagRunFailed"}


def test_whoever_posts_second_adopts_team_and_severity(airflow, alertmanager, configure):
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})
    on_failure(airflow.task_failure(ValueError("first")))
    (first,) = (alert["labels"] for alert in alertmanager.alerts())
    configure(cluster="prod", defaults={"severity": "info"}, alertmanager={"urls": [alertmanager.url]})

    on_failure(airflow.task_failure(ValueError("second")))

    (alert,) = alertmanager.alerts()
    assert alert["labels"] == first
    assert alert["annotations"]["exception"] == "ValueError: second"


def test_a_second_call_for_one_try_does_not_take_its_reason_away(airflow, alertmanager, configure):
    """2.11 calls again for a task that was killed in its callback, and knows nothing of its exception."""
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})
    on_failure(airflow.task_failure(ValueError("no rows")))
    killed = airflow.killed()
    on_failure(killed)
    assert [alert["annotations"]["exception"] for alert in alertmanager.alerts()] == ["ValueError: no rows"]

    killed["task_instance"].try_number, killed["task_instance"].max_tries = 3, 2
    on_failure(killed)
    (alert,) = alertmanager.alerts()
    assert alert["annotations"]["try"] == "3 of 3"
    assert "exception" not in alert["annotations"], "another try has reasons of its own"


def test_texts_that_no_one_wrote_for_alertmanager_arrive(airflow, alertmanager, configure, lines):
    configure(alertmanager={"urls": [alertmanager.url]})
    nasty = 'quote " backslash \\ newline \n null \x00 surrogate \ud800 rtl \u202e emoji 🛬 {brace="x"}'
    context = airflow.task_failure(ValueError(nasty), dag_id='d"\\\n🛬')

    on_failure(context)
    on_failure(context)

    (alert,) = alertmanager.alerts()
    assert alert["labels"]["dag_id"] == 'd"\\\n🛬'
    assert "🛬" in alert["annotations"]["exception"]
    assert [level for level, _ in lines()] == ["INFO", "INFO"]


def test_without_an_alertmanager_the_line_says_what_to_set(airflow, lines):
    on_failure(airflow.task_failure(ValueError("x")))
    ((level, line),) = lines()
    assert level == "WARNING"
    assert "not delivered (unconfigured)" in line
    assert "alertmanager.urls" in line
    assert "WINDSOCK__ALERTMANAGER__URLS" in line


def test_variables_are_configuration_enough(airflow, alertmanager, monkeypatch):
    monkeypatch.setenv("WINDSOCK__ALERTMANAGER__URLS", f'["{alertmanager.url}"]')
    monkeypatch.setenv("WINDSOCK__CLUSTER", "kubernetes")
    on_failure(airflow.task_failure(ValueError("x")))
    assert alertmanager.alerts()[0]["labels"]["cluster"] == "kubernetes"


def test_switched_off(airflow, alertmanager, configure, lines):
    configure(alertmanager={"urls": [alertmanager.url]}, callbacks={"enabled": False})
    on_failure(airflow.task_failure(ValueError("x")))
    assert alertmanager.alerts() == []
    assert lines() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [("cluster: [", "not valid YAML"), ("clutser: prod", "did you mean 'cluster'?"), ("\x00", "not valid YAML")],
)
def test_a_broken_file_is_one_line(airflow, configure, lines, text, says):
    configure().write_text(text)
    on_failure(airflow.task_failure(ValueError("x")))
    ((level, line),) = lines()
    assert level == "WARNING"
    assert "not delivered (settings)" in line
    assert says in line


def test_a_missing_file_is_one_line(airflow, monkeypatch, lines):
    monkeypatch.setenv("WINDSOCK_CONFIG", "/nowhere/windsock.yaml")
    on_failure(airflow.task_failure(ValueError("x")))
    ((_, line),) = lines()
    assert "/nowhere/windsock.yaml: no such file" in line


def test_a_credential_that_is_not_there_is_one_line(airflow, alertmanager, configure, lines):
    configure(alertmanager={"urls": [alertmanager.url], "http": {"bearer": "${NOT_SET_ANYWHERE}"}})
    on_failure(airflow.task_failure(ValueError("x")))
    ((_, line),) = lines()
    assert "the environment variable NOT_SET_ANYWHERE is not set; alertmanager.http.bearer names it" in line


def test_secrets_of_the_configuration_stay_out_of_the_log(airflow, refusing, configure, lines, monkeypatch):
    monkeypatch.setenv("AM_PASSWORD", "hunter2hunter2")
    url = refusing.replace("http://", "http://alert:swordfish@")
    configure(alertmanager={"urls": [url], "http": {"username": "windsock", "password": "${AM_PASSWORD}"}})
    on_failure(airflow.task_failure(ValueError("x")))
    ((_, line),) = lines()
    assert "not delivered" in line
    assert "swordfish" not in line
    assert "hunter2" not in line


@pytest.mark.parametrize("context", [None, {}, "context", 5, [], {"dag": None, "task_instance": None}])
def test_nonsense_for_a_context(context, lines):
    on_failure(context)
    ((level, line),) = lines()
    assert level == "WARNING"
    assert line.startswith("an alert not delivered (internal): ValueError: ")


def test_other_arguments_than_a_context(lines):
    on_failure("dag", ["tasks"], ["blocking"], slas=[])
    on_failure(context=None, other=1)
    assert len(lines()) == 2


@pytest.mark.parametrize("name", ["on_failure", "on_retry", "on_success", "on_skipped"])
def test_brackets_behind_its_name_make_no_difference(lines, name):
    callback = getattr(windsock.callbacks, name)
    assert callback() is callback
    assert lines() == []


def test_it_survives_what_airflow_does_to_callbacks():
    default_args = {"owner": "ada", "on_failure_callback": on_failure}
    assert copy.deepcopy(default_args)["on_failure_callback"] is on_failure
    assert pickle.loads(pickle.dumps(on_failure)) is on_failure
    assert windsock.callbacks.on_failure is on_failure
    assert on_failure.__qualname__ == "on_failure"


def test_importing_it_imports_no_http_client_no_settings_and_no_yaml():
    script = (
        "import sys; before = set(sys.modules); import windsock.callbacks; "
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "['windsock']"


TOLD = """
import sys
from types import SimpleNamespace as Any
from windsock.callbacks import on_failure
dag = Any(dag_id="orders", owner="ana", tags=[])
task = Any(dag=dag, operator_name="PythonOperator")
instance = Any(dag_id="orders", task_id="load", run_id="r", try_number=1, max_tries=0, state="failed", task=task)
on_failure({"task_instance": instance, "dag": dag, "run_id": "r", "exception": ValueError("x")})
print([name for name in sys.argv[1:] if name in sys.modules])
"""


def test_telling_alertmanager_imports_nothing_that_is_for_others(alertmanager, configure):
    configure(alertmanager={"urls": [alertmanager.url]}, callbacks={"budget": "15s"})
    others = ("channels", "settings.root", "settings.callbacks", "settings.teams", "settings.exporter", "destinations")
    heavy = ("encodings.idna", "pydantic.functional_serializers", "jinja2", "requests", "smtplib")
    command = [sys.executable, "-c", TOLD, *(f"windsock.{name}" for name in others), *heavy]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
    (alert,) = alertmanager.alerts()
    assert alert["labels"]["dag_id"] == "orders"


def test_reading_the_context_asks_for_nothing_that_costs(airflow3, configure, refusing):
    """3.x resolves some keys of the context by asking the API server when they are touched."""
    configure(alertmanager={"urls": [refusing]})
    touched = []

    class Lazy:
        def __getattribute__(self, name):
            touched.append(name)
            raise ConnectionError

    lazy = {name: Lazy() for name in ("var", "conn", "prev_start_date_success", "inlet_events", "macros", "params")}
    on_failure(airflow3.task_failure(ValueError("x"), **lazy))
    assert touched == []
