"""Real Alertmanagers and Prometheis, and what stands for Slack, PagerDuty and a mail server at their other end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from real import command
from real.server import free_port
from real.waiting import until

from windsock.alerts import build
from windsock.alerts.routes import Timing
from windsock.demo.inbox import Inbox
from windsock.events import Event
from windsock.settings import Settings

ROOT = Path(__file__).parents[2]
INSTALL = {
    "alertmanager": "apt-get install prometheus-alertmanager",
    "amtool": "apt-get install prometheus-alertmanager",
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
}


def program(*names):
    """The first of these programs that is installed; Debian's names differ from upstream's."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    pytest.fail(f"{names[0]} is not installed: {INSTALL[names[0]]}")


SECRETS = {
    # As an editor leaves them, where Alertmanager does not mind.
    "${SLACK_TOKEN}": "xoxb-for-tests\n",
    "${PD_PAYMENTS}": "0123456789abcdef0123456789abcdef\n",
    "${PD_DEFAULT}": "fedcba9876543210fedcba9876543210\n",
}


@dataclass
class Post:
    path: str
    headers: dict
    body: dict


class Platforms:
    """An HTTP server that answers as Slack and PagerDuty do when all is well, and keeps what they were sent."""

    def __init__(self):
        self.posts = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                posts.append(Post(self.path, dict(self.headers), body))
                answer = b'{"ok": true, "status": "success", "dedup_key": "x"}'
                self.send_response(202 if "enqueue" in self.path else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def slack(self, channel=None):
        """The messages, or those of one channel, each as its only attachment."""
        posts = [post for post in self.posts if "enqueue" not in post.path]
        return [post.body["attachments"][0] for post in posts if channel in (None, post.body.get("channel"))]

    def pagerduty(self):
        return [post.body for post in self.posts if post.path == "/v2/enqueue"]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Mails:
    """An SMTP server that keeps what it gets."""

    def __init__(self):
        self.received = []
        self.logins = []
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            authenticator=self._log_in,
            auth_require_tls=False,
            # aiosmtpd asks for the user's name in other words than Alertmanager knows.
            auth_exclude_mechanism=["LOGIN"],
        )
        self._controller.start()
        self.address = f"127.0.0.1:{self._controller.port}"

    async def handle_DATA(  # noqa: N802  aiosmtpd calls it so
        self, server, session, envelope
    ):
        self.received.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"

    def _log_in(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)

    def close(self):
        self._controller.stop()


@contextlib.contextmanager
def served(names, flags, folder):
    """One of Prometheus' programs in its own process group and folder, from ready to gone."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [program(*names), f"--web.listen-address={url.removeprefix('http://')}", *flags]
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, start_new_session=True)
    try:
        until(lambda: process.poll() is not None or _answers(f"{url}/-/ready"))
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(url):
    try:
        return requests.get(url, timeout=60).ok
    except OSError:
        return False


@dataclass
class Alertmanager:
    """A running one."""

    url: str
    folder: Path

    def post(self, *alerts):
        requests.post(f"{self.url}/api/v2/alerts", json=list(alerts), timeout=60).raise_for_status()

    def fire(self, *events):
        """Post what a callback posts."""
        now = datetime.now(timezone.utc)
        self.post(*(event.alert(now) for event in events))

    def resolve(self, *events):
        """Post that they are over."""
        now = datetime.now(timezone.utc)
        started = (now - timedelta(minutes=5)).isoformat()
        self.post(*({**event.alert(now), "startsAt": started, "endsAt": now.isoformat()} for event in events))

    def alerts(self, **labels):
        filters = [f'{name}="{value}"' for name, value in labels.items()]
        answer = requests.get(f"{self.url}/api/v2/alerts", params={"filter": filters}, timeout=60)
        answer.raise_for_status()
        return answer.json()

    @property
    def complaints(self):
        """The errors in its log."""
        return [line for line in (self.folder / "server.log").read_text().splitlines() if "level=error" in line.lower()]


def _failed_task(task_id="load", run_id="manual__2026-11-22T09:00:00+00:00", **given):
    annotations = {
        "summary": f"Task {task_id} of DAG orders failed",
        "exception": "ValueError: row 17 has no price",
        "failed_at": "2026-11-22T09:01:02.123Z",
        "since": "10:01",
        "try": "3 of 3",
        "log_url": f"https://airflow.example.org/dags/orders/runs/{run_id}/tasks/{task_id}?try_number=3",
        "run_url": "https://airflow.example.org/dags/orders/runs/manual",
        "dashboard_url": "https://grafana.example.org/d/windsock-dag?var-dag_id=orders",
        "runbook_url": "https://runbooks.example.org/AirflowTaskFailed.md",
        "owner": "payments",
        **given.pop("annotations", {}),
    }
    labels = {
        "alertname": "AirflowTaskFailed",
        "cluster": "prod",
        "dag_id": "orders",
        "team": "payments",
        "severity": "warning",
        **given,
    }
    return Event(run_id=run_id, task_id=task_id, annotations=annotations, **labels)


@pytest.fixture(scope="session")
def rules_in_seconds() -> str:
    """rules.yml that looks back, and is evaluated, in steps of a second where it says minutes."""
    text = build.files(Settings())[build.RULES].replace("interval: 30s", "interval: 1s")
    return re.sub(r"(offset [12]|:1|\[2|interval: [123])m(?:30s)?\b", r"\1s", text)


@pytest.fixture
def failed_task():
    """Make an alert event with all annotations that a callback gives it."""
    return _failed_task


@pytest.fixture
def eventually():
    """`eventually(condition, what)`: the condition's first true value."""
    return lambda condition, what: until(condition, why=lambda: f"no {what}")


@pytest.fixture
def tool():
    """Run promtool or amtool."""

    def run(name, *arguments):
        command = [program(name), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    return run


@pytest.fixture
def platforms():
    server = Platforms()
    yield server
    server.close()


@pytest.fixture
def mails():
    server = Mails()
    yield server
    server.close()


@pytest.fixture
def windsock(tmp_path):
    """Run a command in an empty folder; its exit code, standard output and standard error."""

    def run(*arguments, config=None, path=None):
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WINDSOCK")}
        if config is not None:
            (tmp_path / "windsock.yaml").write_text(config)
        if path is not None:
            environ["PATH"] = str(path)
        done = command.windsock("alerts", *arguments, cwd=tmp_path, environ=environ)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@contextlib.contextmanager
def _alertmanager(folder, config, secrets=None, program=None, **timing):
    """An Alertmanager with what `build` makes of the settings, only faster; `program` is the path of another one."""
    waits = dict.fromkeys(("group_wait", "storm_wait", "beside_wait", "meanwhile_wait"), "200ms")
    fast = Timing(**{**waits, **dict.fromkeys(("group_interval", "again_interval"), "1s"), **timing})
    for name, text in build.files(config, fast).items():
        (folder / name).write_text(text)
    for path, reference in build.secrets(config).items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text((secrets or SECRETS)[reference])
    flags = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
    with served((program,) if program else ("alertmanager", "prometheus-alertmanager"), flags, folder) as url:
        yield Alertmanager(url, folder)


@pytest.fixture(scope="session")
def alertmanagers():
    """`with alertmanagers(folder, settings, secrets=None, program=None, **timing) as alertmanager`."""
    return _alertmanager


@pytest.fixture
def serve():
    """`with serve(names, flags, folder) as url`: another of Prometheus' programs."""
    return served


@pytest.fixture(scope="session")
def newest():
    """The current Alertmanager, which no package of Debian's has."""
    for path in sorted(ROOT.glob(".windsock/alertmanager-*/alertmanager"), reverse=True):
        return str(path)
    pytest.fail("there is no .windsock/alertmanager-VERSION/alertmanager: `make current` builds it")


@pytest.fixture
def inbox():
    with Inbox() as running:
        yield running


@contextlib.contextmanager
def _told(inbox, folder, version, program=None):
    """An Alertmanager with what is made for `version`, which reaches the world through the inbox."""
    folder.mkdir(exist_ok=True)
    (folder / "ca.pem").write_bytes(inbox.certificate)
    settings = Settings.model_validate(
        {
            "alertmanager": {
                "secrets_dir": str(folder / "secrets"),
                "version": version,
                "proxy": inbox.url,
                "ca_file": str(folder / "ca.pem"),
            },
            "channels": {"slack": {"token": "${SLACK_TOKEN}"}},
            "defaults": {"slack": "#data-alerts", "slack_mention": "@oncall-data", "pagerduty": "${PD_DEFAULT}"},
        }
    )
    with _alertmanager(folder, settings, program=program) as running:
        yield running


@pytest.fixture
def told():
    """`with told(inbox, folder, version, program=None) as alertmanager`."""
    return _told
