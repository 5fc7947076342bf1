"""Opsgenie: what a callback asks of Alert API v2, and what a real Alertmanager is given to say."""

import json
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from windsock.alerts import build
from windsock.callbacks.channels import incident, opsgenie, send
from windsock.callbacks.delivery import deliver, resolve
from windsock.callbacks.rendering.message import Message
from windsock.destinations import Destination, destinations
from windsock.settings import Settings

KEY = "eb243592-faa2-4ba2-a551-1afdf565c889"


class Opsgenie:
    """It answers as documented: 202 to what has the right form, 401 to a wrong key, 422 to a text that is too long."""

    def __init__(self):
        self.requests = []
        self.status = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = outer.status or outer.judge(self.headers["Authorization"], body)
                if status == 202:
                    outer.requests.append((self.path, body))
                said = {"result": "Request will be processed"} if status == 202 else {"message": f"refused {status}"}
                answer = json.dumps({**said, "took": 0.1, "requestId": "1"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @staticmethod
    def judge(authorization, body):
        if authorization != f"GenieKey {KEY}":
            return 401
        limits = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100, "note": 25_000}
        return 422 if any(len(body.get(name, "")) > most for name, most in limits.items()) else 202

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPSGENIE_KEY", f"{KEY}\n")
    running = Opsgenie()
    yield running
    running.close()


@pytest.fixture
def tell(server):
    settings = Settings.model_validate({"channels": {"opsgenie": {"url": f"{server.url}/"}}})
    return lambda message: send(Destination("opsgenie", "${OPSGENIE_KEY}"), message, settings, 10, {})


def test_an_alert_is_created_and_closed_by_its_alias(tell, server, event):
    failed = event(severity="critical")
    answer = tell(Message(failed, failures=3))
    assert (answer.problem, answer.detail) == ("", "HTTP 202: Request will be processed")
    assert tell(Message(failed._replace(run_id="another"), resolved=True)).problem == ""
    (path, created), (closing, closed) = server.requests
    assert path == "/v2/alerts"
    assert created["message"].startswith("orders failed (")
    assert created["message"].endswith(" and 2 more")
    assert (created["alias"], created["entity"], created["priority"]) == (incident.key(failed), "orders", "P1")
    assert "ValueError: no rows" in created["description"]
    parts = urllib.parse.urlsplit(closing)
    assert parts.query == "identifierType=alias"
    assert parts.path.count("/") == 4
    assert urllib.parse.unquote(parts.path.split("/")[3]) == created["alias"]
    assert closed["note"].startswith("Resolved: ")


@pytest.mark.parametrize("text", ["x" * 5000, "\U0001f525" * 5000, "a\n" * 3000])
def test_whatever_is_huge_is_within_the_limits(tell, server, event, text):
    huge = dict.fromkeys(("summary", "exception", "traceback", "description", "log_tail"), text)
    failed = event(dag_id=text[:250], task_id=text[:250], annotations=huge)
    assert tell(Message(failed, failures=9)).problem == ""
    assert tell(Message(failed, resolved=True)).problem == ""
    assert len(server.requests) == 2


def test_a_refusal_in_its_words(tell, server, event, monkeypatch):
    for status, problem in ((429, "throttled"), (503, "server_error"), (422, "rejected")):
        server.status = status
        answer = tell(Message(event()))
        assert (answer.problem, answer.detail) == (problem, f"HTTP {status}: refused {status}")
    server.status = 0
    monkeypatch.setenv("OPSGENIE_KEY", "wrong")
    assert tell(Message(event())).detail == "HTTP 401: refused 401"


def test_it_pages_and_a_later_success_ends_it_from_any_host(settings, direct, server, event, soon, tmp_path):
    direct["channels"]["opsgenie"] = {"url": server.url}
    direct["teams"] = {"ops": {"opsgenie": "${OPSGENIE_KEY}"}}
    deliver(event(team="ops", severity="warning"), settings(), soon())
    assert server.requests == []
    deliver(event(team="ops", severity="critical", run_id="monday"), settings(), soon())
    elsewhere = settings(callbacks={"spool": {"dir": str(tmp_path / "another-host")}})
    resolve(event(team="ops", severity="critical", run_id="tuesday"), elsewhere, soon())
    assert ["close" in path for path, _ in server.requests] == [False, True]


def test_the_preview_says_what_is_asked(event):
    sent, text = opsgenie.preview(Message(event()), Settings())
    assert (sent["path"], text) == ("/v2/alerts", sent["message"])
    sent, text = opsgenie.preview(Message(event(), resolved=True), Settings())
    assert text.startswith("closes windsock/")


def test_alertmanager_takes_what_it_is_given(tmp_path):
    settings = Settings(
        teams={"ops": {"opsgenie": "${OPSGENIE_KEY}"}}, channels={"opsgenie": {"url": "https://api.eu.opsgenie.com"}}
    )
    for name, text in build.files(settings).items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["amtool", "check-config", tmp_path / "alertmanager.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    config = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())
    (receiver,) = [one for one in config["receivers"] if one["name"] == "ops/critical"]
    (found,) = receiver["opsgenie_configs"]
    assert found["api_key_file"] == "/etc/alertmanager/secrets/opsgenie_key"
    assert found["api_url"] == "https://api.eu.opsgenie.com/"
    assert build.secrets(settings) == {"/etc/alertmanager/secrets/opsgenie_key": "${OPSGENIE_KEY}"}
    assert [str(to) for to in destinations(settings, "ops", "critical", central=True)] == ["opsgenie ${OPSGENIE_KEY}"]
    assert destinations(settings, "ops", "warning") == ()
