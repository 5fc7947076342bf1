"""Celery's queues and workers, read in a real Redis; what is in it is laid there as Celery does it."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from real.server import free_port

from windsock import settings
from windsock.exceptions import SettingsError
from windsock.exporter.celery import broker
from windsock.exporter.celery.redis import Redis, RedisError
from windsock.exporter.service import Service

PASSWORD = "s3cr3t:p@ss/word"
QUEUE = 'airflow_celery_queue_messages{{queue="{}"}}'


class Server:
    """A Redis with a password and TLS beside."""

    def __init__(self, folder: Path, authority) -> None:
        if shutil.which("redis-server") is None:
            pytest.fail("redis-server is not installed: apt-get install redis-server")
        self.port, self.tls = free_port(), free_port()
        certificate, key = authority.sign("redis")
        self._command = [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)),
            *("--requirepass", PASSWORD, "--tls-port", str(self.tls), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(authority.certificate)),
        ]
        self.process: subprocess.Popen | None = None

    def url(self, database: int = 0, password: str = "s3cr3t%3Ap%40ss%2Fword") -> str:
        return f"redis://:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, start_new_session=True)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), Redis(self.url(), 5) as redis:
            return redis.ask("PING") == b"PONG"
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory, authority):
    server = Server(tmp_path_factory.mktemp("redis"), authority)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(server, eventually):
    """A connection to an empty one."""
    eventually(server.answers)
    with Redis(server.url(), 180) as redis:
        redis.ask("FLUSHALL")
        yield redis


@pytest.fixture
def running(monkeypatch):
    started = []

    def start(url: str, **celery) -> Service:
        monkeypatch.setenv("BROKER_URL", url)
        given = {
            "statsd": {"listen": []},
            "web": {"listen": "127.0.0.1:0"},
            "celery": {"broker": "${BROKER_URL}", "interval": "1s", **celery},
        }
        started.append(Service(settings.Settings.model_validate({"exporter": given})))
        return started[-1].__enter__()

    yield start
    for service in started:
        service.__exit__(None, None, None)


@contextlib.contextmanager
def beating(url: str, channel: str, *workers: str):
    """Workers that live, as Kombu 5.6 publishes it, and noise on their channel."""
    stop = threading.Event()

    def beat() -> None:
        with Redis(url, 180) as redis:
            while not stop.wait(0.05):
                redis.ask("PUBLISH", channel, "{}")
                for worker in workers:
                    said = json.dumps({"hostname": worker, "type": "worker-heartbeat", "active": 0}).encode()
                    event = {"body": base64.b64encode(said).decode(), "properties": {"body_encoding": "base64"}}
                    redis.ask("PUBLISH", channel, json.dumps(event))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Heartbeats of the tests are twenty a second."""
    monkeypatch.setattr(broker, "_LISTEN", 0.3)


def test_queues_and_workers(server, redis, running, scrape, eventually):
    for queue in ("default", "default", "default\x06\x163", "gpu", "another"):
        redis.ask("LPUSH", queue, "{}")
    redis.ask("HSET", "unacked", "tag", "[]")
    service = running(server.url(), queues=["default", "gpu", "idle"])
    with beating(server.url(), "/0.celeryev/worker.heartbeat", "celery@one", "celery@two"):
        eventually(lambda: scrape(service).get("airflow_celery_workers") == 2)
        found = scrape(service)
        lengths = {name: found.get(QUEUE.format(name)) for name in ("default", "gpu", "idle", "another")}
        assert lengths == {"default": 3, "gpu": 1, "idle": 0, "another": None}
        assert (found["airflow_celery_unacked_messages"], found["windsock_celery_up"]) == (1, 1)
    redis.ask("DEL", "gpu")
    eventually(lambda: scrape(service)["airflow_celery_workers"] == 0)
    eventually(lambda: scrape(service)[QUEUE.format("gpu")] == 0)


def test_another_database_and_a_prefix(server, redis, running, scrape, eventually):
    redis.ask("SELECT", "3")
    redis.ask("LPUSH", "prod:default", "{}")
    service = running(server.url(3), key_prefix="prod:")
    with beating(server.url(3), "prod:/3.celeryev/worker.heartbeat", "celery@one"):
        eventually(lambda: scrape(service).get("airflow_celery_workers") == 1)
    assert scrape(service)[QUEUE.format("default")] == 1


def test_tls(server, redis, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    url = server.url().replace("redis:", "rediss:").replace(str(server.port), str(server.tls))
    with Redis(url, 60) as encrypted:
        assert encrypted.ask("PING") == b"PONG"


def test_what_can_not_be_read_is_not_shown_any_more(server, redis, running, scrape, eventually, caplog):
    service = running(server.url())
    eventually(lambda: QUEUE.format("default") in scrape(service))
    server.stop()
    try:
        eventually(lambda: scrape(service)["windsock_celery_up"] == 0)
        assert not [name for name in scrape(service) if name.startswith("airflow_celery")]
        page = requests.get(f"http://{service.web.address}/", timeout=60).text
        assert "be read: Connection refused" in page
    finally:
        server.start()
    eventually(lambda: scrape(service)["windsock_celery_up"] == 1)
    assert "s3cr3t" not in caplog.text


def test_a_wrong_password_is_said_without_it(server, redis, running, scrape, eventually):
    service = running(server.url(password="wrong-pass"))
    eventually(lambda: scrape(service).get("windsock_celery_up") == 0)
    assert service.broker.problem.startswith("WRONGPASS")
    assert "wrong-pass" not in service.broker.problem


@pytest.mark.parametrize("url", ["amqp://guest:s3cr3t@rabbit//", "redis://", "redis://h:s3cr3t/0", "redis://h/s3cr3t"])
def test_other_brokers_are_an_error_at_the_start(url, running):
    with pytest.raises(SettingsError, match=r"exporter\.celery\.broker: expected redis://") as caught:
        running(url)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(("url", "code", "said"), [("redis://h", 0, "queues a, b"), ("amqp://h", 2, "expected redis")])
def test_the_check_of_the_configuration_says_so(url, code, said, tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_URL", url)
    file = tmp_path / "windsock.yaml"
    file.write_text("exporter: {celery: {broker: '${BROKER_URL}', queues: [a, b]}}\n")
    command = [str(Path(sys.executable).parent / "windsock"), "exporter", "--check-config", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True)


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$999999999\r\n", b":" * 2_000_000, b"", b"*1\r\n*1\r\n:1\r\n"],
)
def test_one_that_is_no_redis(said):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            sock, _ = listening.accept()
            with sock, contextlib.suppress(OSError):
                sock.recv(100)
                sock.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        with (
            Redis(f"redis://127.0.0.1:{listening.getsockname()[1]}", 60) as redis,
            pytest.raises((OSError, ValueError)),
        ):
            redis.ask("PING")


def test_who_never_answers():
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        Redis(f"redis://127.0.0.1:{listening.getsockname()[1]}", 0.2) as redis,
        pytest.raises(TimeoutError),
    ):
        redis.ask("PING")


def test_what_redis_says_of_a_command_is_an_error(redis):
    with pytest.raises(RedisError, match="unknown command"):
        redis.ask("NONSENSE")
