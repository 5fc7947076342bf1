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
from urllib.parse import urlsplit

import pytest
import requests
from real.server import free_port
from redis import Redis, RedisError

from windsock import settings
from windsock.exceptions import SettingsError
from windsock.exporter.celery import redis as reader
from windsock.exporter.service import Service
from windsock.extras import MissingPackageError
from windsock.settings.exporter import Celery

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
        with contextlib.suppress(RedisError), Redis.from_url(self.url()) as redis:
            return redis.ping()
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
    with Redis.from_url(server.url()) as redis:
        redis.flushall()
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
        with Redis.from_url(url) as redis:
            while not stop.wait(0.05):
                redis.publish(channel, "{}")
                for worker in workers:
                    said = json.dumps({"hostname": worker, "type": "worker-heartbeat", "active": 0}).encode()
                    event = {"body": base64.b64encode(said).decode(), "properties": {"body_encoding": "base64"}}
                    redis.publish(channel, json.dumps(event))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Heartbeats of the tests are twenty a second."""
    monkeypatch.setattr(reader, "_LISTEN", 0.3)


def test_queues_and_workers(server, redis, running, scrape, eventually):
    for queue in ("default", "default", "default\x06\x163", "gpu", "another"):
        redis.lpush(queue, "{}")
    redis.hset("unacked", "tag", "[]")
    service = running(server.url(), queues=["default", "gpu", "idle"])
    with beating(server.url(), "/0.celeryev/worker.heartbeat", "celery@one", "celery@two"):
        eventually(lambda: scrape(service).get("airflow_celery_workers") == 2)
        found = scrape(service)
        lengths = {name: found.get(QUEUE.format(name)) for name in ("default", "gpu", "idle", "another")}
        assert lengths == {"default": 3, "gpu": 1, "idle": 0, "another": None}
        assert (found["airflow_celery_unacked_messages"], found["windsock_celery_up"]) == (1, 1)
    redis.delete("gpu")
    eventually(lambda: scrape(service)["airflow_celery_workers"] == 0)
    eventually(lambda: scrape(service)[QUEUE.format("gpu")] == 0)


def test_another_database_and_a_prefix(server, redis, running, scrape, eventually):
    with Redis.from_url(server.url(3)) as other:
        other.lpush("prod:default", "{}")
    service = running(server.url(3), key_prefix="prod:")
    with beating(server.url(3), "prod:/3.celeryev/worker.heartbeat", "celery@one"):
        eventually(lambda: scrape(service).get("airflow_celery_workers") == 1)
    assert scrape(service)[QUEUE.format("default")] == 1


def test_tls(server, redis, authority, running, scrape, eventually, monkeypatch):
    url = server.url().replace("redis:", "rediss:").replace(str(server.port), str(server.tls))
    distrusts = running(url)
    eventually(lambda: scrape(distrusts).get("windsock_celery_up") == 0)
    assert "certificate verify failed" in distrusts.broker.problem
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    service = running(url)
    eventually(lambda: scrape(service).get("windsock_celery_up") == 1)


def test_what_can_not_be_read_is_not_shown_any_more(server, redis, running, scrape, eventually, caplog):
    service = running(server.url())
    eventually(lambda: QUEUE.format("default") in scrape(service))
    server.stop()
    try:
        eventually(lambda: scrape(service)["windsock_celery_up"] == 0)
        assert not [name for name in scrape(service) if name.startswith("airflow_celery")]
        page = requests.get(f"http://{service.web.address}/", timeout=60).text
        assert "be read: " in page
        assert "Connection refused" in page
    finally:
        server.start()
    eventually(lambda: scrape(service)["windsock_celery_up"] == 1)
    assert "s3cr3t" not in caplog.text


def test_a_wrong_password_is_said_without_it(server, redis, running, scrape, eventually):
    service = running(server.url(password="wrong-pass"))
    eventually(lambda: scrape(service).get("windsock_celery_up") == 0)
    assert "invalid username-password pair" in service.broker.problem
    assert "wrong-pass" not in service.broker.problem


@pytest.mark.parametrize(
    "url", ["amqp://guest:s3cr3t@rabbit//", "redis://", "redis://h:s3cr3t/0", "redis://h/s3cr3t", "http://:s3cr3t@h/"]
)
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


def test_without_the_package_the_error_names_the_extra(running, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"celery\.broker needs .*redis: pip install .windsock\[celery\]"):
        running("redis://h")


@contextlib.contextmanager
def answering(*said: bytes, every: float = 0):
    """A server that says so to whatever is asked; the last of it again and again where `every` is a time."""
    stop = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listening.accept()
                with sock, contextlib.suppress(OSError):
                    sock.recv(100)
                    for one in said:
                        sock.sendall(one)
                    while every and not stop.wait(every):
                        sock.sendall(said[-1])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield urlsplit(f"redis://127.0.0.1:{listening.getsockname()[1]}")
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$999999999999\r\n",
        b"*999999999999\r\n",
        b":" * 200_000,
        b"",
        b"*1\r\n" * 25_000,
        b"+OK\r\n",
        b":" + b"9" * 9000 + b"\r\n",
    ],
)
def test_one_that_is_no_redis(said, monkeypatch):
    monkeypatch.setattr(reader, "_MOST_BYTES", 100_000)
    with answering(said) as parts, pytest.raises((OSError, ValueError, RecursionError)):
        reader.read(parts, Celery(timeout="60s"))


@pytest.mark.parametrize(("said", "wrong"), [(b"$16777216\r\n", "too long"), (b"*99999\r\n", "too long")])
def test_one_that_never_stops_is_left(said, wrong, monkeypatch):
    monkeypatch.setattr(reader, "_MOST_BYTES", 100_000)
    more = (said, b":1\r\n" * 10_000) if said.startswith(b"*") else (said, b"x" * 10_000)
    with answering(*more, every=0.001) as parts, pytest.raises(ValueError, match=wrong):
        reader.read(parts, Celery(timeout="60s"))


@pytest.mark.parametrize("said", [(b"",), (b"$1000\r\n", b"x")])
def test_who_never_answers_or_byte_by_byte(said):
    """Each byte comes in time, the whole does not."""
    with answering(*said, every=0.05) as parts, pytest.raises(OSError, match=r"(?i)time"):
        reader.read(parts, Celery(timeout="400ms"))
