"""The preview's server: what it serves, to whom, and what it asks Prometheus."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from windsock.dashboards.preview import source
from windsock.dashboards.preview.server import Preview
from windsock.dashboards.preview.source import Source
from windsock.exceptions import StackError, UsageError

from .conftest import settings


def get(preview, path, **headers):
    return requests.get(preview.url + path, headers=headers, timeout=60, allow_redirects=False)


def test_the_first_page_is_the_overview(running):
    answer = get(running, "/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/d/windsock-overview")
    for path in ("/d/windsock-overview", "/d/windsock-overview/any-word?from=now-1h", "/d/sampler"):
        assert "text/html" in get(running, path).headers["Content-Type"]


def test_a_board_is_the_json_that_grafana_would_be_given(running, texts):
    listed = get(running, "/api/boards").json()
    assert {one["uid"] for one in listed["boards"]} == {json.loads(text)["uid"] for text in texts.values()}
    for text in texts.values():
        board = json.loads(text)
        assert get(running, f"/api/boards/{board['uid']}").json() == board


def test_nothing_comes_from_elsewhere_and_nothing_else_may_run(running):
    answer = get(running, "/d/sampler")
    assert "default-src 'none'; script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    script = get(running, "/page/plotly.min.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert len(script.content) > 1_000_000
    assert "//" not in answer.text.replace("<!doctype", "")


@pytest.mark.parametrize(
    "path",
    [
        "/d/nothing", "/page/../server.py", "/page/%2e%2e/server.py", "/page/", "/nothing", "/api/boards/nothing",
        "/api/v1/admin/tsdb/snapshot", "/api/v1/status/config", "/api/v1/targets", "/api/v1/query/../targets",
        "/api/v1/query%2F..%2Ftargets", "/api/v1/label/__name__", "/api/v1/label/a/b/values", "/api/v1/read",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found_nor_asked_for(door, behind, path):
    session = requests.Session()
    request = requests.Request("GET", behind.url).prepare()
    request.url = behind.url + path  # as it is written
    assert session.send(request, timeout=60).status_code == 404
    assert not door.asked


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_it_is_asked_only(door, behind, method):
    answer = requests.request(method, f"{behind.url}/api/v1/query", data={"query": "up"}, timeout=60)
    assert answer.status_code == 501
    assert not door.asked


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "preview.example.org"}, 403),
        ({"Host": "10.0.0.1:3000"}, 403),
        ({"Host": "["}, 403),
        ({"Host": "localhost:3000"}, 200),
        ({"Host": "[::1]:3000"}, 200),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_no_page_of_another_site_may_ask(door, behind, headers, status):
    for path in ("/api/v1/query?query=up", "/api/boards"):
        assert get(behind, path, **headers).status_code == status
    assert bool(door.asked) == (status == 200)


def test_another_page_may_lead_to_a_board(running):
    assert get(running, "/d/sampler", **{"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_prometheus_gets_the_parameters_that_a_question_has_and_no_others(door, behind):
    answer = get(behind, "/api/v1/query?query=up&time=1789999980&dedup=false&timeout=9h&cookie=x")
    assert answer.json()["data"]["result"]
    ((path, headers),) = door.asked
    assert parse_qs(urlsplit(path).query) == {"query": ["up"], "time": ["1789999980"], "timeout": ["30000ms"]}
    assert "Cookie" not in headers


def test_credentials_reach_prometheus_and_no_page(door, texts, monkeypatch):
    monkeypatch.setenv("THE_PASSWORD", "hunter2-hunter2")
    http = {"username": "reader", "password": "${THE_PASSWORD}", "headers": {"X-Scope": "${THE_PASSWORD}"}}
    with Preview(texts, Source(settings(door.url, http=http))) as preview:
        door.answer = lambda _: (401, b"no")
        seen = [get(preview, path) for path in ("/api/v1/query?query=up", "/api/boards", "/d/sampler")]
    ((_, headers),) = door.asked
    assert base64.b64decode(headers["Authorization"].split()[1]) == b"reader:hunter2-hunter2"
    assert headers["X-Scope"] == "hunter2-hunter2"
    for answer in seen:
        assert "hunter2" not in answer.text + str(answer.headers)
    assert seen[0].status_code == 502
    assert seen[0].json()["error"] == "Prometheus answers 401 no"


def test_an_answer_has_a_bound(door, behind, monkeypatch):
    monkeypatch.setattr(source, "LIMIT", 1000)
    door.answer = lambda _: (200, b'{"status":"success","data":"' + b"x" * 2000 + b'"}')
    answer = get(behind, "/api/v1/query?query=up")
    assert answer.status_code == 502
    assert "larger than" in answer.json()["error"]


def test_no_more_than_a_few_questions_are_asked_at_once(door, behind, monkeypatch):
    monkeypatch.setattr(source, "TIMEOUT", 0.5)
    for _ in range(source.AT_ONCE):
        assert behind.source._turns.acquire(blocking=False)
    answer = get(behind, "/api/v1/query?query=up")
    assert (answer.status_code, door.asked) == (503, [])
    behind.source._turns.release()
    assert get(behind, "/api/v1/query?query=up").status_code == 200


def test_an_address_that_others_reach_is_refused(texts, prometheus):
    for listen in ("0.0.0.0:0", "10.0.0.1:3000", ":3000"):
        with pytest.raises(
            UsageError, match="asks Prometheus for anyone who reaches it, so it listens on loopback only"
        ):
            Preview(texts, Source(settings(prometheus)), listen)


def test_an_address_that_is_taken_is_named(texts, prometheus):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StackError, match=f"the preview can't listen on {address}"):
            Preview(texts, Source(settings(prometheus)), address).__enter__()


def command(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "windsock", "dashboards", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_the_command_serves_until_it_is_ended(prometheus):
    process = command("preview", "--listen", "127.0.0.1:0", "--prometheus", prometheus)
    line = process.stdout.readline()
    assert line.startswith("preview: http://127.0.0.1:")
    assert f"(not Grafana; data of {prometheus})" in line
    url = line.split()[1]
    assert requests.get(f"{url}/healthz", timeout=60).text == "ok\n"
    assert requests.get(f"{url}/api/v1/query?query=1", timeout=60).ok
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which Prometheus? give --prometheus URL, or set prometheus.urls in windsock.yaml"),
        (["--prometheus", "http://me:hunter2@127.0.0.1:9090"], "expected a URL without a user or a password"),
        (["--prometheus", "localhost:9090"], "expected a URL that begins with http:// or https://"),
    ],
)
def test_a_prometheus_that_can_t_be_asked(arguments, said):
    process = command("preview", "--listen", "127.0.0.1:0", *arguments)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert said in err
    assert "hunter2" not in err
