"""`--check` fails, and says why, when the page is late or is not what it should be.

The parts are one small server with their answers; that real ones pass is tests/e2e.
"""

import http.server
import json
import re
import threading
import time
from dataclasses import fields
from pathlib import Path

import pytest
import requests

from windsock.demo.stack import check
from windsock.demo.stack.addresses import Addresses
from windsock.demo.stack.stack import Stack
from windsock.exceptions import StackError

RUN = "scheduled__2026-11-22T10:00:00+00:00"


class World:
    """What the parts answer; a test changes it."""

    def __init__(self):
        self.log_status = 200
        self.annotations = {"failed_at": "2026-11-22T10:00:01.000Z"}
        self.text = ""
        self.alerts = True

    def answer(self, path):
        if path.startswith("/auth/token"):
            return 200, {"access_token": "t"}
        if path.startswith("/api/v2/dags/"):
            failure = {"task_id": "load", "dag_run_id": RUN, "end_date": "2026-11-22T10:00:01.250Z"}
            return 200, {"task_instances": [failure]}
        if path.startswith("/api/v1/query"):
            return 200, {"data": {"result": [{"value": [0, "1795341605.5"]}]}}
        if path.startswith("/api/v2/alerts"):
            alert = {"annotations": self.annotations, "startsAt": "2026-11-22T10:00:01.500Z"}
            return 200, [alert] if self.alerts else []
        if path.startswith("/api/messages"):
            message = {"text": "x", "payload": {"attachments": [{"text": self.text}]}, "received_at": 1795341607.0}
            return 200, {"messages": [message] if self.text else []}
        return self.log_status, {}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def stack(world):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, value = world.answer(self.path)
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, requests.Session() as session:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        places = Addresses(**{field.name: address for field in fields(Addresses)})
        world.annotations |= {
            "log_url": f"http://{address}/log?a=1&b=2",
            "dashboard_url": f"http://{address}/d/overview",
        }
        # As it comes over the wire: Slack's three entities are escaped.
        world.text = (
            f"orders_load load {RUN} ConnectionError: {check.EXCEPTION}: postgresql://loader:***@warehouse"
            f" <http://{address}/log?a=1&amp;b=2|Log> <http://{address}/d/overview|Dashboard>"
        )
        yield Stack(places, [], session, Path("doctor"))
        server.shutdown()


def run(stack):
    said = []
    check.Check(stack).run(said.append)
    return said


def test_a_page_that_has_everything_passes_with_the_time_of_each_hop(stack, capsys):
    said = run(stack)
    shown = capsys.readouterr().out.splitlines()
    assert [re.sub(r"^ +[\d:.]+ +", "", line) for line in shown] == [
        "+0.00 s  task failed (Airflow)",
        "+0.50 s  alert in Alertmanager",
        "+4.50 s  failure counted: exporter, Prometheus",
        "+6.00 s  page in the inbox",
    ]
    assert said[-1] == "6.0 s from the failure to the page"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (check.EXCEPTION, "something", f"the page lacks the exception ({check.EXCEPTION})"),
        ("loader:***", f"loader:{check.SECRET}", "the page shows the password of the exception's text"),
        ("/d/overview", "/d/elsewhere", "the page lacks the dashboard link (http://"),
        ("b=2", "b=3", "the page lacks the log link (http://"),
    ],
)
def test_a_page_that_lacks_something_or_tells_too_much_fails(stack, world, old, new, problem):
    world.text = world.text.replace(old, new)
    with pytest.raises(StackError, match=re.escape(problem)):
        run(stack)


def test_a_log_link_that_does_not_open_fails(stack, world):
    world.log_status = 404
    with pytest.raises(StackError, match=r"the log link http://\S+ answers 404"):
        run(stack)


def test_an_alert_without_a_dashboard_link_fails(stack, world):
    del world.annotations["dashboard_url"]
    with pytest.raises(StackError, match=re.escape("the page lacks the dashboard link (the alert has none)")):
        run(stack)


def test_what_does_not_arrive_in_time_is_named(stack, world, monkeypatch, capsys):
    monkeypatch.setattr(check, "PATIENCE", 0.5)
    world.alerts, world.text = False, ""
    begun = time.monotonic()
    with pytest.raises(StackError) as caught:
        run(stack)
    assert time.monotonic() - begun < 60
    assert str(caught.value).splitlines() == [
        "the check failed:",
        "  not within 0.5 s: alert in Alertmanager",
        "  not within 0.5 s: page in the inbox",
    ]
    assert "task failed (Airflow)" in capsys.readouterr().out
