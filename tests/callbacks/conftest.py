"""Contexts as real Airflows give them, a real Alertmanager, and servers that misbehave."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from real.hostile import Hostile, Silent
from real.server import free_port
from real.waiting import until

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.callbacks import sending
from windsock.channels import NAMES
from windsock.demo.inbox import Inbox
from windsock.events import Event, rfc3339
from windsock.settings import Settings
from windsock.storms import SIGNS

RUN_ID = "manual__2026-11-22T09:51:06.965451+00:00"
START = datetime(2026, 11, 22, 9, 51, 12, 947624, tzinfo=timezone.utc)
END = START + timedelta(milliseconds=112)
DUE = START - timedelta(seconds=6)
PAGE_3 = "http://localhost:8080/dags/{dag}/runs/manual__2026-11-22T09%3A51%3A06.965451%2B00%3A00"
PAGE_2 = "http://localhost:8080/dags/{dag}/grid?dag_run_id=manual__2026-11-22T09%3A51%3A06.965451%2B00%3A00"


class Detached(SimpleNamespace):
    """2.11's ORM objects: what was not loaded before the session went away raises, and not AttributeError."""

    def __getattr__(self, name):
        raise LookupError(f"Instance is not bound to a Session; lazy load operation of attribute {name!r}")


def _dag(dag_id, tags):
    return SimpleNamespace(dag_id=dag_id, owner="ada, data-eng", tags=tags)


def _task(dag, task_id):
    return SimpleNamespace(dag=dag, task_id=task_id, owner="ada", operator_name="@task", retries=1)


class Airflow3:
    """What 3.x hands over: plain dicts; the task instance has no duration, the killed one no start_date either."""

    major = 3

    @staticmethod
    def instance(dag, task_id="grp.fails", map_index=-1, **facts):
        mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
        return SimpleNamespace(
            task=_task(dag, task_id),
            dag_id=dag.dag_id,
            task_id=task_id,
            run_id=RUN_ID,
            map_index=map_index,
            try_number=2,
            hostname="worker-1",
            log_url=f"{PAGE_3.format(dag=dag.dag_id)}/tasks/{task_id}{mapped}?try_number=2",
            **{"max_tries": 1, "start_date": START, "end_date": END, "state": "failed", **facts},
        )

    @classmethod
    def context(cls, instance, **extra):
        run = SimpleNamespace(run_id=RUN_ID, start_date=START, end_date=None, logical_date=None, run_after=DUE)
        given = {"dag": instance.task.dag, "dag_run": run, "run_id": RUN_ID, "task": instance.task}
        return {**given, "task_instance": instance, "ti": instance, **extra}

    @classmethod
    def task_failure(cls, error, map_index=-1, dag_id="zoo.fail", **extra):
        dag = _dag(dag_id, {"tier:1", "team:payments"})
        return cls.context(cls.instance(dag, map_index=map_index), exception=error, **extra)

    @classmethod
    def killed(cls):
        instance = cls.instance(_dag("zoo.fail", {"tier:1", "team:payments"}), end_date=None, state=None)
        del instance.start_date
        return cls.context(instance)

    @classmethod
    def dag_failure(cls, reason="task_failure"):
        instance = cls.instance(_dag("zoo.fail", {"tier:1", "team:payments"}), end_date=None, state=None)
        del instance.start_date
        context = cls.context(instance, reason=reason)
        context["dag_run"].end_date = START + timedelta(seconds=14)
        return context


class Airflow2:
    """What 2.11 hands over: ORM objects that have lost their session; a killed task's error is the text of a dict."""

    major = 2

    @staticmethod
    def instance(dag, task_id="grp.fails", map_index=-1, **facts):
        mapped = f"&map_index={map_index}" if map_index >= 0 else ""
        page = PAGE_2.format(dag=dag.dag_id)
        return Detached(
            task=_task(dag, task_id),
            dag_id=dag.dag_id,
            task_id=task_id,
            run_id=RUN_ID,
            map_index=map_index,
            try_number=2,
            max_tries=1,
            start_date=START,
            end_date=END,
            duration=0.112,
            operator="_PythonDecoratedOperator",
            hostname="worker-1",
            log_url=f"{page}&task_id={task_id}{mapped}&base_date=2026-11-22T09%3A51%3A06.965451%2B0000&tab=logs",
            **{"state": "failed", **facts},
        )

    @classmethod
    def context(cls, instance, **extra):
        run = Detached(run_id=RUN_ID, start_date=START, end_date=None, execution_date=START, data_interval_end=DUE)
        given = {"dag": instance.task.dag, "dag_run": run, "run_id": RUN_ID, "task": instance.task}
        return {**given, "task_instance": instance, "ti": instance, **extra}

    @classmethod
    def task_failure(cls, error, map_index=-1, dag_id="zoo.fail", **extra):
        dag = _dag(dag_id, ["tier:1", "team:payments"])
        return cls.context(cls.instance(dag, map_index=map_index), exception=error, **extra)

    @classmethod
    def killed(cls):
        report = {"DAG Id": "zoo.fail", "Task Id": "grp.fails", "Run Id": RUN_ID, "Hostname": "worker-1"}
        return cls.task_failure(str(report))

    @classmethod
    def dag_failure(cls, reason="task_failure", state="failed"):
        instance = cls.instance(_dag("zoo.fail", ["tier:1", "team:payments"]), state=state)
        context = cls.context(instance, reason=reason)
        context["dag_run"].end_date = START + timedelta(seconds=14)
        return context


@pytest.fixture(params=[Airflow3, Airflow2], ids=[NEWEST, OLDEST])
def airflow(request):
    """The contexts of one Airflow version."""
    return request.param


@pytest.fixture
def airflow3():
    return Airflow3


@pytest.fixture
def airflow2():
    return Airflow2


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No configuration of this machine, and a working folder whose windsock.yaml is not ours."""
    for name in list(os.environ):
        if name.startswith("WINDSOCK_"):
            monkeypatch.delenv(name)
    # Not the folder that this machine's own callbacks have.
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(tmp_path / "spool"))
    (tmp_path / "windsock.yaml").write_text("this: is not ours\n")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def imported():
    """What a callback imports once it needs it: that takes longer on a busy machine than some tests' budgets."""
    for name in ("delivery.direct", "delivery.replay", "delivery.resolution", *(f"channels.{name}" for name in NAMES)):
        importlib.import_module(f"windsock.callbacks.{name}")


@pytest.fixture(autouse=True)
def nothing_spent():
    """Callbacks of one process share their budget; each test is a process of its own."""
    sending._spent.clear()


@pytest.fixture
def configure(monkeypatch, tmp_path):
    """Write windsock.yaml and point Airflow's processes at it."""

    def write(**sections):
        file = tmp_path / "windsock-of-the-test.yaml"
        file.write_text(json.dumps(sections))
        monkeypatch.setenv("WINDSOCK_CONFIG", str(file))
        return file

    return write


@pytest.fixture
def lines(caplog):
    """What was logged to windsock.callbacks at INFO and above."""
    caplog.set_level(logging.INFO, logger="windsock.callbacks")

    def read():
        return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "windsock.callbacks"]

    return read


class RealAlertmanager:
    def __init__(self, url):
        self.url = url

    def alerts(self):
        """Without what senders say to each other."""
        return [alert for alert in self.all() if alert["labels"]["alertname"] not in SIGNS]

    def all(self):
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=60) as answer:
            return json.load(answer)

    def post(self, *alerts):
        body = json.dumps(alerts).encode()
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=60).close()


@pytest.fixture
def alertmanager(tmp_path):
    """A prometheus-alertmanager of its own, empty."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        pytest.fail("prometheus-alertmanager is not installed: apt-get install prometheus-alertmanager")
    home = tmp_path / "alertmanager"
    home.mkdir()
    (home / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    command = [program, "--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={url.removeprefix('http://')}"],
            cwd=home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def ready():
        assert process.poll() is None, (home / "log").read_text()
        with urllib.request.urlopen(f"{url}/-/ready", timeout=60):
            return True

    try:
        until(ready, why=(home / "log").read_text)
        yield RealAlertmanager(url)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


@pytest.fixture
def hostile():
    """A server that accepts, reads the request and then behaves as named; returns its URL."""
    servers = Hostile()
    yield servers.start
    servers.close()


@pytest.fixture
def silent():
    """An Alertmanager that takes what is posted and never answers; `posted` says when."""
    server = Silent()
    yield server
    server.close()


@pytest.fixture
def never_accepting():
    """A port whose queue is full: a connection to it is never established."""
    with socket.socket() as server, contextlib.ExitStack() as clients:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refusing():
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def inbox():
    """Slack, PagerDuty and a mail server that hold their senders to the platforms' limits."""
    with Inbox() as running:
        yield running


SLACK_TOKEN = "xoxb-test"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("SLACK_TOKEN", SLACK_TOKEN)
    monkeypatch.setenv("PD_PAY", ROUTING_KEY)


@pytest.fixture
def direct(inbox, secrets, tmp_path, monkeypatch):
    """The sections of windsock.yaml that lead to the inbox, and to no Alertmanager."""
    monkeypatch.setenv("SLACK_HOOK", inbox.addresses["slack_webhook"])
    return {
        "channels": {
            "slack": {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"},
            "pagerduty": {"url": inbox.addresses["pagerduty"]},
            "email": {"smarthost": inbox.addresses["smtp"], "sender": "airflow@example.org", "tls": False},
        },
        "callbacks": {"spool": {"dir": str(tmp_path / "spool")}},
        "teams": {"pay": {"slack": "#pay", "pagerduty": "${PD_PAY}", "email": "pay@example.org"}},
    }


@pytest.fixture
def to_alertmanager(alertmanager, tmp_path):
    """Settings with a real Alertmanager and a spool of their own."""

    def build(*urls, **callbacks):
        given = {"spool": {"dir": str(tmp_path / "spool")}, **callbacks}
        return Settings.model_validate({"alertmanager": {"urls": urls or [alertmanager.url]}, "callbacks": given})

    return build


def failed(**changes):
    """An event as `callbacks.event` builds it."""
    annotations = {
        "summary": "orders: load failed: ValueError: no rows",
        "exception": "ValueError: no rows",
        "failed_at": rfc3339(datetime.now(timezone.utc)),
        "try": "2 of 3",
        "owner": "ana",
        "log_url": "https://airflow.example.org/dags/orders/runs/r1/tasks/load?try_number=2",
        "run_url": "https://airflow.example.org/dags/orders/runs/r1",
    }
    given = {"task_id": "load", "team": "pay", "severity": "warning", **changes}
    annotations |= given.pop("annotations", {})
    alertname, run_id = given.pop("alertname", "AirflowTaskFailed"), given.pop("run_id", "r1")
    dag_id, cluster = given.pop("dag_id", "orders"), given.pop("cluster", "airflow")
    return Event(alertname, cluster, dag_id, run_id, annotations=annotations, **given)


@pytest.fixture
def event():
    return failed


@pytest.fixture
def soon():
    """A deadline some seconds ahead, on the monotonic clock: enough of them for two busy cores."""
    return lambda seconds=60.0: time.monotonic() + seconds


@pytest.fixture
def settings(direct):
    def build(**changes):
        sections = {**direct, **changes}
        return Settings.model_validate(sections)

    return build


@pytest.fixture
def only_slack(direct, settings):
    return settings(teams={"pay": {"slack": "#pay"}})


@pytest.fixture
def clock(monkeypatch):
    """Lets time pass, by the time of day and by the kernel's count; deadlines are on another clock."""
    ahead = [0.0]
    real, count = time.time, time.clock_gettime
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    monkeypatch.setattr(time, "clock_gettime", lambda which: count(which) + ahead[0])

    def move(seconds):
        ahead[0] += seconds

    return move
