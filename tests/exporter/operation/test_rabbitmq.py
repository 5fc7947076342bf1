"""Celery's queues and workers, read in a real RabbitMQ; its consumers are py-amqp's, as Celery's are."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import amqp
import pytest
from real.server import free_port
from real.waiting import until

from windsock import settings
from windsock.exporter.celery import broker, rabbitmq
from windsock.exporter.service import Service
from windsock.settings.exporter import Celery

HOME = Path("/usr/lib/rabbitmq/bin")
"""Debian's own command changes to another user first."""
PASSWORD = "s3cr3t:p@ss/word"
ESCAPED = "s3cr3t%3Ap%40ss%2Fword"
QUEUE = 'airflow_celery_queue_messages{{queue="{}"}}'


class Server:
    """A RabbitMQ with its management, and the port mapper that Erlang needs, in process groups of their own."""

    def __init__(self, folder: Path) -> None:
        if not (HOME / "rabbitmq-server").exists() or shutil.which("epmd") is None:
            pytest.fail("rabbitmq-server is not installed: apt-get install rabbitmq-server")
        self.folder = folder
        self.port, self.management, mapper, distribution = (free_port() for _ in range(4))
        (folder / "plugins").write_text("[rabbitmq_management].")
        (folder / "rabbitmq.conf").write_text(
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management}\n"
            f"default_user = airflow\ndefault_pass = {PASSWORD}\ncollect_statistics_interval = 1000\n"
        )
        given = {
            "HOME": folder,
            "ERL_EPMD_PORT": mapper,
            "RABBITMQ_NODENAME": "windsock@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_DIST_PORT": distribution,
            "RABBITMQ_MNESIA_BASE": folder / "mnesia",
            "RABBITMQ_LOG_BASE": folder / "log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
            "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",  # it does not wait in a loop
        }
        self.environ = {**os.environ, **{name: str(value) for name, value in given.items()}}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("epmd", "-address", "127.0.0.1")
        until(self.mapped)
        self.start(str(HOME / "rabbitmq-server"))

    def mapped(self) -> bool:
        """Whether the port mapper answers."""
        asked = subprocess.run(["epmd", "-names"], env=self.environ, capture_output=True, check=False)
        return asked.returncode == 0

    def start(self, *command: str) -> None:
        with (self.folder / "out.log").open("a") as log:
            self.processes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, env=self.environ, cwd=self.folder, start_new_session=True
                )
            )

    def url(self, password: str = ESCAPED, vhost: str = "") -> str:
        return f"http://airflow:{password}@127.0.0.1:{self.management}{vhost}"

    def answers(self) -> bool:
        if self.processes[-1].poll() is not None:
            pytest.fail((self.folder / "out.log").read_text())
        with contextlib.suppress(OSError), self.connect():
            return True
        return False

    def connect(self) -> amqp.Connection:
        connection = amqp.Connection(f"127.0.0.1:{self.port}", "airflow", PASSWORD)
        connection.connect()
        return connection

    def stop(self) -> None:
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(180)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("rabbitmq"))
    try:
        until(server.answers)
        yield server
    finally:
        server.stop()


@pytest.fixture
def running(monkeypatch):
    with contextlib.ExitStack() as started:

        def start(url: str, **celery) -> Service:
            monkeypatch.setenv("BROKER_URL", url)
            given = {
                "statsd": {"listen": []},
                "web": {"listen": "127.0.0.1:0"},
                "celery": {"broker": "${BROKER_URL}", "interval": "1s", **celery},
            }
            return started.enter_context(Service(settings.Settings.model_validate({"exporter": given})))

        yield start


def test_queues_and_workers(server, running, scrape, eventually):
    """One worker reads two queues, another one; what one of them has taken and not acknowledged is not waiting."""
    service = running(server.url(), queues=["default", "gpu", "idle"])
    with contextlib.closing(server.connect()) as first, contextlib.closing(server.connect()) as second:
        for connection, queues in ((first, ("default", "gpu", "celeryev.x")), (second, ("default",))):
            channel = connection.channel()
            channel.basic_qos(0, 1, False)
            for queue in queues:
                channel.queue_declare(queue, durable=True, auto_delete=False)
                channel.basic_consume(queue, callback=lambda message: message)
        for _ in range(5):
            first.channel(9).basic_publish(amqp.Message("{}"), routing_key="default")
        eventually(lambda: scrape(service).get(QUEUE.format("default")) == 3)
        eventually(lambda: scrape(service).get("airflow_celery_workers") == 2)
        eventually(lambda: scrape(service).get("airflow_celery_unacked_messages") == 2)
        found = scrape(service)
        assert [found.get(QUEUE.format(name)) for name in ("gpu", "idle", "celeryev.x")] == [0, 0, None]
        assert found["windsock_celery_up"] == 1
    eventually(lambda: scrape(service)["airflow_celery_workers"] == 0)
    eventually(lambda: scrape(service)[QUEUE.format("default")] == 5)


@pytest.mark.parametrize(("password", "vhost", "status"), [("wrong-pass", "", 401), (ESCAPED, "/n%2Fone", 404)])
def test_what_can_not_be_read_is_said_without_the_password(
    server, running, scrape, eventually, password, vhost, status
):
    service = running(server.url(password, vhost))
    eventually(lambda: scrape(service).get("windsock_celery_up") == 0)
    assert service.broker.problem.startswith(f"RabbitMQ's management answers {status} to /api/queues/")
    assert password not in service.broker.problem
    assert not [name for name in scrape(service) if name.startswith("airflow_celery")]


@pytest.fixture
def answering(monkeypatch):
    """`answering(body)` reads from a server that says so to everything."""
    with contextlib.ExitStack() as stack:

        def read(said: bytes):
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(said)

                def log_message(self, *_: object) -> None:
                    pass

            other = stack.enter_context(HTTPServer(("127.0.0.1", 0), Handler))
            threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(other.shutdown)
            monkeypatch.setenv("BROKER_URL", f"http://u:p@127.0.0.1:{other.server_port}/")
            given = Celery(broker="${BROKER_URL}", timeout="60s")
            return rabbitmq.read(broker.address(given), given)

        yield read


@pytest.mark.parametrize("said", [b"", b"{}", b"no json", b"[" * 20_000, b" " * 99_999 + b"[]"])
def test_one_that_is_no_rabbitmq(said, answering, monkeypatch):
    monkeypatch.setattr(rabbitmq, "_MOST_BYTES", 50_000)
    with pytest.raises(OSError, match="not RabbitMQ's, or too long"):
        answering(said)


@pytest.mark.parametrize("said", [b"[1, null]", b'[{"name": "default"}]', b'[{"queue": 1}]'])
def test_numbers_that_are_not_there_yet(said, answering):
    assert answering(said) == ({"default": 0}, 0, 0)
