"""The transports: certificates, proxies, signatures, credentials, and what each platform's refusals are called."""

import hashlib
import hmac
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from real import environments

from windsock.callbacks.channels import email as mail
from windsock.callbacks.channels import send
from windsock.callbacks.rendering.message import Message
from windsock.destinations import Destination
from windsock.settings import Settings


class Server:
    """A server of the user's own, which keeps what it got."""

    def __init__(self, context=None, status=200):
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def do_CONNECT(self):
                outer.requests.append((self.path, dict(self.headers), b""))
                host, port = self.path.split(":")
                self.send_response(200)
                self.end_headers()
                with socket.create_connection((host, int(port))) as other:
                    pumps = [
                        threading.Thread(target=_pump, args=pair, daemon=True)
                        for pair in ((self.connection, other), (other, self.connection))
                    ]
                    for pump in pumps:
                        pump.start()
                    for pump in pumps:
                        pump.join(60)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def _pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


@pytest.fixture
def serve():
    running = []

    def start(*arguments, **options):
        running.append(Server(*arguments, **options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed one for 127.0.0.1: (certificate file, a server's context)."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl is not installed: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return made, context


@pytest.fixture
def tell(event):
    """Send one event to one address; returns the answer."""

    def once(channel, to, message=None, seconds=5, **channels):
        settings = Settings.model_validate({"channels": channels})
        return send(Destination(channel, to), message or Message(event(), id="one"), settings, seconds, {})

    return once


# a webhook of one's own


def test_a_webhook_gets_json_with_a_signature(tell, serve, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    server = serve()
    hook = {"secret": "${HOOK_SECRET}", "headers": {"X-Team": "pay"}}
    assert tell("webhook", f"http://127.0.0.1:{server.port}/alerts?x=1", webhook=hook).problem == ""
    ((path, headers, body),) = server.requests
    assert (path, headers["X-Team"]) == ("/alerts?x=1", "pay")
    said = json.loads(body)
    assert (said["version"], said["id"], said["status"]) == (1, "one", "firing")
    assert said["labels"]["dag_id"] == "orders"
    assert said["annotations"]["exception"] == "ValueError: no rows"
    moment, digest = (part.split("=", 1)[1] for part in headers["X-Windsock-Signature"].split(","))
    assert abs(int(moment) - time.time()) < 60
    assert digest == hmac.new(b"s3cret", f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def test_a_secret_url_is_never_repeated(tell, monkeypatch):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/t0ken-in-the-path")
    answer = tell("webhook", "${HOOK}")
    assert answer.problem == "unreachable"
    assert "t0ken" not in answer.detail


@pytest.mark.parametrize(
    ("status", "problem"),
    [(400, "rejected"), (404, "rejected"), (302, "rejected"), (429, "throttled"), (503, "server_error")],
)
def test_what_a_status_means(tell, serve, status, problem):
    server = serve(status=status)
    answer = tell("webhook", f"http://127.0.0.1:{server.port}/")
    assert (answer.problem, answer.final) == (problem, problem == "rejected")
    assert answer.detail == f"HTTP {status}: ok"
    assert len(server.requests) == 1, "a redirect is not followed"


def test_a_certificate_that_nobody_trusts_is_no_server(tell, serve, certificate):
    made, context = certificate
    server = serve(context)
    url = f"https://127.0.0.1:{server.port}/"
    assert "CERTIFICATE_VERIFY_FAILED" in tell("webhook", url).detail
    assert server.requests == []
    assert tell("webhook", url, ca_file=str(made)).problem == ""


def test_a_proxy_is_used_but_for_what_needs_none(tell, serve, certificate, monkeypatch):
    made, context = certificate
    proxy, plain, secure = serve(), serve(), serve(context)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://ana:pa%20ss@127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert tell("webhook", "http://hooks.example.org/x").problem == ""
    assert tell("webhook", f"https://127.0.0.1:{secure.port}/y", ca_file=str(made)).problem == ""
    (asked, headers, _), (tunnel, tunnel_headers, _) = proxy.requests
    assert (asked, tunnel) == ("http://hooks.example.org/x", f"127.0.0.1:{secure.port}")
    assert headers["Proxy-Authorization"] == tunnel_headers["Proxy-Authorization"] == "Basic YW5hOnBhIHNz"
    assert "Proxy-Authorization" not in secure.requests[0][1]

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert tell("webhook", f"http://127.0.0.1:{plain.port}/").problem == ""
    assert (len(proxy.requests), len(plain.requests)) == (2, 1)


# mail


class Box:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd's name for it
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def mail_server(certificate):
    running = []

    def start(**options):
        box = Box()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        running.append(Controller(box, hostname="127.0.0.1", port=port, **options))
        running[-1].start()
        return box, f"127.0.0.1:{port}"

    yield start
    for controller in running:
        controller.stop()


def test_starttls_and_a_log_in(tell, mail_server, certificate, monkeypatch):
    made, context = certificate
    seen = []

    def authenticate(server, session, envelope, mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)

    box, address = mail_server(
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    email = {"smarthost": address, "username": "airflow", "password": "${SMTP_PASSWORD}"}
    assert tell("email", "a@example.org, b@example.org", email=email, ca_file=str(made)).problem == ""
    assert (seen, box.mails[0].rcpt_tos) == ([(b"airflow", b"secret")], ["a@example.org", "b@example.org"])

    monkeypatch.setenv("SMTP_PASSWORD", "wrong-one")
    refused = tell("email", "a@example.org", email=email, ca_file=str(made))
    assert (refused.problem, refused.detail[:9]) == ("rejected", "SMTP 535:")
    assert "wrong-one" not in refused.detail


def test_a_server_without_tls_gets_no_mail_unless_that_is_allowed(tell, mail_server):
    box, address = mail_server()
    answer = tell("email", "a@example.org", email={"smarthost": address})
    assert answer.problem == "rejected"
    assert "channels.email.tls" in answer.detail
    assert box.mails == []
    assert tell("email", "a@example.org", email={"smarthost": address, "tls": False}).problem == ""


def test_implicit_tls_on_its_port(tell, mail_server, certificate, monkeypatch):
    """Port 465 decides; the test's server has another, so the rule is moved there."""
    made, context = certificate
    box, address = mail_server(ssl_context=context)
    monkeypatch.setattr(mail, "_IMPLICIT_TLS", int(address.split(":")[1]))
    assert tell("email", "a@example.org", email={"smarthost": address}, ca_file=str(made)).problem == ""
    assert len(box.mails) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in tell("email", "a@example.org", email={"smarthost": address}).detail


def test_no_mail_server_is_said(tell):
    answer = tell("email", "a@example.org")
    assert (answer.problem, answer.detail) == (
        "settings",
        "channels.email.smarthost: no server sends mail; set it to HOST:PORT",
    )


# anything, through Apprise


def test_apprise_delivers_to_what_its_url_says(tell, serve, monkeypatch):
    server = serve()
    monkeypatch.setenv("APPRISE", f"json://127.0.0.1:{server.port}/path")
    assert tell("apprise", "${APPRISE}").problem == ""
    said = json.loads(server.requests[0][2])
    assert said["title"] == "orders failed: ValueError: no rows (airflow)"
    assert "ValueError: no rows" in said["message"]

    monkeypatch.setenv("APPRISE", "json://127.0.0.1:1/path")
    assert tell("apprise", "${APPRISE}").problem == "unreachable"
    monkeypatch.setenv("APPRISE", "nonsense")
    assert tell("apprise", "${APPRISE}").problem == "settings"


# refusals in the platforms' own words


@pytest.mark.parametrize(
    ("fault", "problem", "says"),
    [
        ({"status": 429, "retry_after": 7}, "throttled", "ratelimited"),
        ({"status": 500}, "server_error", "fatal_error"),
        ({"status": 200, "body": {"ok": False, "error": "invalid_auth"}}, "rejected", "Slack: invalid_auth"),
        ({"status": 200, "body": {"ok": False, "error": "ratelimited"}}, "server_error", "Slack: ratelimited"),
        ({"status": 200, "body": "<html>log in</html>"}, "server_error", "no answer of Slack's"),
    ],
)
def test_slacks_refusals(tell, inbox, secrets, fault, problem, says):
    inbox.fault(platform="slack", kind="status", count=1, **fault)
    slack = {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}
    answer = tell("slack", "#pay", slack=slack)
    assert answer.problem == problem
    assert says in answer.detail
    assert answer.wait == fault.get("retry_after", 0)


def test_pagerdutys_refusal_says_why(tell, inbox, monkeypatch):
    monkeypatch.setenv("PD", "too-short")
    answer = tell("pagerduty", "${PD}", pagerduty={"url": inbox.addresses["pagerduty"]})
    assert answer.problem == "rejected"
    assert "should be 32 characters" in answer.detail
    assert "too-short" not in answer.detail


def test_a_slow_answer_takes_no_longer_than_a_step_may(tell, inbox, secrets):
    inbox.fault(platform="slack", kind="hang", seconds=60, count=1)
    slack = {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}
    started = time.monotonic()
    answer = tell("slack", "#pay", seconds=0.5, slack=slack)
    assert (answer.problem, answer.uncertain) == ("timeout", True)
    assert time.monotonic() - started < 30


CONNECTIONS = """
import sys
sys.path.insert(0, sys.argv[1])
from windsock import secrets
from windsock.callbacks.channels import slack
print("=", secrets.value("slack_token", "channels.slack.token"))
print("=", secrets.value("slack_hook", "channels.slack.webhook", slack._hook))
print("=", secrets.value("my_hook", "webhook", secrets.address))
try:
    secrets.value("missing", "channels.slack.token")
except Exception as error:
    print("=", str(error).partition(" (")[0])
"""


@pytest.mark.parametrize("version", environments.VERSIONS)
def test_credentials_of_airflow_connections(tmp_path, version):
    """In a real Airflow, with its own types of connections."""
    python = environments.airflow(version) / "bin" / "python"
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_CONN_SLACK_TOKEN": json.dumps({"conn_type": "slack", "password": "xoxb-1"}),
        "AIRFLOW_CONN_SLACK_HOOK": json.dumps({"conn_type": "slackwebhook", "password": "T0/B0/x"}),
        "AIRFLOW_CONN_MY_HOOK": json.dumps({"conn_type": "http", "host": "hooks.example.org", "port": 8443}),
    }
    tree = str(Path(__file__).parents[2])
    done = subprocess.run(
        [str(python), "-c", CONNECTIONS, tree],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )
    # 2.11 logs to standard output.
    assert [line[2:] for line in done.stdout.splitlines() if line.startswith("= ")] == [
        "xoxb-1",
        "https://hooks.slack.com/services/T0/B0/x",
        "https://hooks.example.org:8443",
        "the connection missing, which channels.slack.token names, can't be read",
    ], done.stderr[-2000:]
