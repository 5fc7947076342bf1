"""The one HTTP client: what it takes for an answer, and what its errors say."""

import json
import socket
import threading
import time

import pytest

from windsock import alertmanager
from windsock.alertmanager import Alertmanager
from windsock.callbacks.delivery import ends
from windsock.callbacks.delivery.alertmanager import word
from windsock.events import Event
from windsock.http import Client, NoReplyError
from windsock.settings import Settings

LIMIT = 1000


@pytest.fixture
def serve():
    """A server that says the given bytes to whoever asks; returns its URL and what it was asked."""
    sockets = []

    def start(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)
        asked = []

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65536).decode())
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", asked

    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answer(body, status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()


def get(url, **headers):
    return Client(limit=LIMIT).request(url, None, headers, 5)


@pytest.mark.parametrize(("length", "read", "whole"), [(LIMIT, LIMIT, True), (LIMIT + 1, LIMIT, False)])
def test_an_answer_is_read_up_to_the_limit(serve, length, read, whole):
    url, _ = serve(answer("x" * length))
    reply = get(url)
    assert (len(reply.body), reply.whole) == (read, whole)


def test_an_answer_without_an_end_is_cut(serve):
    url, _ = serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LIMIT * 10))
    assert not get(url).whole


def test_half_an_answer_is_none(serve):
    url, _ = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]")
    with pytest.raises(NoReplyError, match="IncompleteRead") as caught:
        get(url)
    assert caught.value.sent


def test_who_does_not_answer_may_have_taken_it():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(NoReplyError, match=r"^no answer within 0\.2 s$") as caught,
    ):
        Client().request(f"http://127.0.0.1:{server.getsockname()[1]}", None, {}, 0.2)
    assert caught.value.sent
    assert caught.value.timed_out


def test_nobody_there_may_have_taken_it():
    with pytest.raises(NoReplyError, match=r"^ConnectionRefusedError: ") as caught:
        get("http://127.0.0.1:1/")
    assert not caught.value.sent


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/s3cret key", {}),
        ("/x", {"Authorization": "GenieKey s3cret\n"}),
        ("/s3crét", {}),
        ("/x", {"X-Key": "s3crét…"}),
    ],
)
def test_what_no_request_can_hold_is_not_repeated(serve, address, headers):
    url, asked = serve(answer("ok"))
    with pytest.raises(NoReplyError, match=r": the address or a header can't be put into a request$") as caught:
        get(url + address, **headers)
    assert "s3cr" not in str(caught.value)
    assert not any("s3cr" in one for one in asked)


def test_a_password_in_an_address_is_not_taken_for_a_port():
    with pytest.raises(NoReplyError) as caught:
        get("http://ada:s3cret@alerts.example.org/")
    assert "s3cret" not in str(caught.value)


# Alertmanager


def client(url):
    return Alertmanager(Settings.model_validate({"alertmanager": {"urls": [url]}}).alertmanager)


def test_alertmanager_is_asked_without_a_proxy(serve, monkeypatch):
    url, asked = serve(answer("[]"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client(url).find({"dag_id": "a"}, 60) == []
    assert asked[0].startswith("GET /api/v2/alerts?filter=dag_id%3D%22a%22 HTTP/1.1\r\n")


def test_more_alerts_than_anybody_has_are_an_error(serve, monkeypatch):
    monkeypatch.setattr(alertmanager, "_LIMIT", 1 << 20)
    url, _ = serve(answer(json.dumps(["x" * (1 << 20)])))
    with pytest.raises(ConnectionError, match=r": an answer of more than 1 MiB$"):
        client(url).find({}, 5)


def test_an_alertmanager_that_is_busy_when_asked_what_fires_is_asked_again(serve):
    """As one is that says so when it is told something."""
    url, _ = serve(answer("starting", "503 Service Unavailable"))
    settings = Settings.model_validate({"alertmanager": {"urls": [url]}})
    event = Event("AirflowTaskFailed", "prod", "orders", "r", task_id="load")
    outcomes, ended = ends.resolve(event, settings, time.monotonic() + 60, time.time())
    assert (outcomes, ended) == ([(url, "503 starting")], 0)
    assert word(outcomes) == "server_error"
