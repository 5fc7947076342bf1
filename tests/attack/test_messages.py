"""Messages under attack: terminal escapes in answers and files, requests of other sites' pages to the inbox."""

import contextlib
import http.client
import io
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from windsock import cli
from windsock.callbacks import spool
from windsock.callbacks.delivery import deliver
from windsock.callbacks.rendering import html, slack
from windsock.callbacks.rendering.message import Message
from windsock.demo.inbox import Inbox
from windsock.events import Event
from windsock.settings import load

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b1m\x08\x08\x7f\u202eevil"
SHOWN = "red"
"""What of them is to be seen."""


def unseen(text):
    return [character for character in text if ord(character) < 32 and character != "\n"] + [
        character for character in text if character in "\x7f\x9b\u202e"
    ]


def event(run_id="r1", **given):
    facts = {"task_id": "load", "team": "pay", "severity": "warning", **given}
    said = facts.pop("annotations", {"summary": "orders: load failed"})
    return Event("AirflowTaskFailed", "airflow", "orders", run_id, annotations=said, **facts)


@pytest.fixture
def platform():
    """A server that answers all with `status`, and escapes in its reason, its body and as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = self.server.body.encode()
            self.send_response(self.server.status, ESCAPES.replace("\u202e", ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815  http.server's name

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.body = 400, ESCAPES
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def configure(platform, tmp_path, monkeypatch):
    """Write windsock.yaml: a Slack, a webhook or an Alertmanager at the platform."""
    monkeypatch.setenv("TOKEN", "xoxb-test")
    monkeypatch.chdir(tmp_path)

    def write(*, central=False):
        sections = {
            "alertmanager": {"urls": [platform.url] if central else []},
            "channels": {"slack": {"api_url": platform.url, "token": "${TOKEN}"}},
            "callbacks": {"spool": {"dir": str(tmp_path / "spool")}},
            "teams": {"pay": {"slack": "#pay", "webhook": f"{platform.url}/hook"}},
        }
        (tmp_path / "windsock.yaml").write_text(json.dumps(sections))
        monkeypatch.setenv("WINDSOCK_CONFIG", str(tmp_path / "windsock.yaml"))
        return load(cwd=False)

    return write


def windsock(*arguments):
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        patch.setattr(sys, "argv", ["windsock", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
    return out.getvalue()


# Terminal escapes.


@pytest.mark.parametrize("central", [False, True], ids=["direct", "Alertmanager"])
@pytest.mark.parametrize("form", ["text", "JSON"])
def test_no_escape_of_an_answer_reaches_a_terminal(configure, platform, central, form):
    settings = configure(central=central)
    if form == "JSON":
        platform.body = json.dumps({"ok": False, "error": ESCAPES, "message": ESCAPES})
    told = windsock("notify", "test", "--team", "pay")
    detail = deliver(event(), settings, time.monotonic() + 9).detail
    listed = windsock("notify", "dead")
    assert [unseen(text) for text in (told, detail, listed)] == [[], [], []]
    assert SHOWN in told
    assert SHOWN in listed


def test_no_escape_of_what_is_no_http_reaches_a_terminal(configure, platform):
    platform.RequestHandlerClass.do_POST = lambda handler: handler.wfile.write(ESCAPES.encode() + b"\r\n")
    configure(central=True)
    assert unseen(windsock("notify", "test", "--team", "pay")) == []
    configure()
    assert unseen(windsock("notify", "test", "--team", "pay")) == []


def test_no_escape_of_a_file_reaches_a_terminal(configure):
    settings = configure()
    store = spool.of(settings)
    odd = event(ESCAPES, task_id=ESCAPES, annotations={"summary": ESCAPES, "log_url": f"https://x/{ESCAPES}"})
    made = spool.Entry.new("failed", odd, (("slack", ESCAPES),), created=time.time(), problem=ESCAPES)
    store.put(made, sync=False).release()
    store.bury(made, ESCAPES)
    (name,) = store.names()
    for arguments in (["spool"], ["dead"], ["preview", str(store.queue / name)]):
        said = windsock("notify", *arguments)
        assert SHOWN in said
        assert unseen(said) == []


def test_no_escape_of_a_line_reaches_a_terminal(configure):
    configure()
    for line in (
        f"airflow.{ESCAPES}:1|c",
        f"airflow.ti.finish,dag_id={ESCAPES},task_id=t,state=failed,{ESCAPES}=x:1|c",
        f"airflow.ti.finish:{ESCAPES}|{ESCAPES}",
        f"airflow.dag.{ESCAPES}.duration:1|ms|#{ESCAPES}:1",
    ):
        said = windsock("explain", line)
        assert said.strip()
        assert unseen(said) == []


# Links of a callback's own messages.


@pytest.mark.parametrize("url", ["!channel", "javascript:alert(1)", "data:text/html,x", "//evil.example.org"])
def test_only_addresses_of_the_web_become_links(url):
    message = Message(event(annotations=dict.fromkeys(("log_url", "run_url", "dashboard_url", "runbook_url"), url)))
    payload = slack.payload(message)
    assert "title_link" not in payload["attachments"][0]
    assert url not in payload["attachments"][0]["text"]
    assert "<a " not in html.page(message)


# The inbox and other sites' pages.


@pytest.fixture
def inbox():
    with Inbox() as running:
        yield running


def ask(inbox, method, path, headers, body=b"{}"):
    connection = http.client.HTTPConnection(inbox.url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


FAULT = json.dumps({"platform": "slack", "kind": "hang"}).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.org"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/faults"),
        ("DELETE", "/api/messages"),
        ("POST", "/slack/api/chat.postMessage"),
        ("GET", "/slack/api/chat.postMessage"),
        ("GET", "/api/messages"),
        ("GET", "/api/stream"),
    ],
)
def test_other_sites_pages_are_refused(inbox, method, path, headers):
    status, said = ask(inbox, method, path, {**headers, "Content-Type": "text/plain"}, FAULT)
    assert status == 403
    assert "another site" in said
    assert json.loads(ask(inbox, "GET", "/api/faults", {})[1]) == {"faults": []}
    assert inbox.attempts() == []


def test_its_own_page_and_programs_are_not_refused(inbox):
    own = [{}, {"Origin": inbox.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
    for headers in own:
        assert ask(inbox, "POST", "/api/faults", headers, FAULT)[0] == 200
        assert ask(inbox, "GET", "/api/messages", headers)[0] == 200
    assert ask(inbox, "GET", "/", {"Sec-Fetch-Site": "cross-site"})[0] == 200, "others may link to it"
