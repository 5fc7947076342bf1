"""Configuration files that are no YAML in ways that PyYAML does not expect: each is an error that says where."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests

from windsock import settings
from windsock.alertmanager import Alertmanager, credentials
from windsock.exceptions import SettingsError
from windsock.exporter.web import access

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD = {
    "timestamp": "cluster: 2020-99-99",
    "year 0": "cluster: 0000-00-00",
    "zone": "cluster: 2020-01-01T00:00:00+99:99",
    "no timestamp": "cluster: !!timestamp x",
    "no int": "cluster: !!int x",
    "no bool": "cluster: !!bool x",
    "no float": "cluster: !!float x",
    "huge int": f"cluster: {'9' * 6000}",
    "base 60": f"cluster: {'1:' * 30_000}1",
    "alias to itself": "exporter: &a\n  statsd: *a",
    "list of itself": "teams: &a [*a]",
    "omap of itself": "teams: &a !!omap [a: *a]",
    "key that is a list": "teams: {[a]: 1}",
    "key of itself": "? &a [*a]\n: 1",
    "aliases of aliases": LAUGHS,
    "deep": "teams: " + "[" * 900 + "]" * 900,
    "deeper": "teams: " + "{a: " * 50_000,
    "deep blocks": "".join(f"{' ' * level}a:\n" for level in range(600)),
    "NUL": "cluster: a\0b",
    "NUL in quotes": 'exporter: {state_file: "a\\0b"}',
    "long": f"cluster: {'a' * (1 << 20)}",
    "no text": b"cluster: \xff\xfe",
    "infinite": "metadata: {interval: .inf}",
    "beyond all": f"exporter: {{statsd: {{read_buffer: {'9' * 400}GiB}}}}",
    "bounds": "exporter: {buckets: {airflow_task_duration_seconds: [.nan]}}",
    "mode": "exporter: {statsd: {socket_mode: 0660}}",
    "headers": 'alertmanager: {http: {headers: {X: "a\\r\\nY: b"}}}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_an_error_that_says_where(text, tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    started = time.process_time()
    with pytest.raises(SettingsError, match=r"windsock\.yaml(:\d+:|: can't be read: more than)") as caught:
        settings.load(file, {})
    assert time.process_time() - started < 2
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("text", ["2020-99-99", "!!int x", "&a [*a]", "1:" * 3000])
def test_a_variable_that_is_no_yaml_is_a_text(text):
    assert settings.load(None, {"WINDSOCK__CALLBACKS__SPOOL__DIR": text}, cwd=False).callbacks.spool.dir == text


@pytest.mark.parametrize("text", [text for text in BAD.values() if isinstance(text, str)][:20])
def test_the_web_configuration_stays_as_it_was(text, tmp_path, caplog):
    file = tmp_path / "web.yml"
    file.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    rules = access.Access(str(file))
    file.write_text(text)
    assert rules.refresh().headers == {"X-Frame-Options": "deny"}
    assert f"{file}:" in caplog.text


@pytest.mark.parametrize("key", ["cert_file", "key_file", "client_ca_file"])
def test_a_fifo_for_a_certificate_is_not_waited_for(key, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good").write_text("")
    names = {"cert_file": "good", "key_file": "good", "client_ca_file": "good", key: "pipe"}
    keys = "".join(f"  {name}: {value}\n" for name, value in names.items())
    (tmp_path / "web.yml").write_text(f"tls_server_config:\n{keys}  client_auth_type: RequireAndVerifyClientCert\n")
    with pytest.raises(SettingsError, match="no certificate" if key == "client_ca_file" else "not a regular file"):
        access.read(str(tmp_path / "web.yml"))


def test_a_hash_that_takes_a_day_is_refused(tmp_path):
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{alice: $2y$31${'a' * 53}}}\n")
    with pytest.raises(SettingsError, match="of a cost of at most 15"):
        access.read(str(file))


@pytest.fixture
def running(tmp_path):
    """The program, with a file for itself and one for its HTTP side."""
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    (tmp_path / "windsock.yaml").write_text(f"exporter: {{web: {{config_file: {tmp_path}/web.yml}}}}\n")
    options = ("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "windsock", "exporter", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=tmp_path,
        )
    try:
        yield process, process.stdout.readline().split()[-1].removesuffix("/metrics")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_bad_file_never_ends_the_exporter(running, tmp_path):
    process, base = running
    log = tmp_path / "log"
    for said, name in enumerate(("timestamp", "no int", "alias to itself", "aliases of aliases"), 1):
        (tmp_path / "windsock.yaml").write_text(BAD[name])
        answer = requests.post(f"{base}/-/reload", timeout=20)
        assert answer.status_code == 400
        assert "windsock.yaml:" in answer.text
        process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while log.read_text().count("the configuration stays as it was") < 2 * said:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        (tmp_path / "web.yml").write_text(BAD[name])
        answer = requests.get(f"{base}/metrics", timeout=20)
        assert "windsock_config_reload_success 0" in answer.text
        assert answer.headers["X-Frame-Options"] == "deny"
    assert "Traceback" not in log.read_text()


class TestHeaders:
    TEXT = (
        "alertmanager:\n  http:\n    headers:\n      X-Key: Bearer ${THE_KEY}\n      X-Pasted: k1k2k3k4\n"
        "channels: {webhook: {headers: {X-Api-Key: '${THE_KEY}', X-Other: 'a${THE_KEY}'}}}\n"
    )

    def test_the_configuration_is_shown_without_them(self, tmp_path):
        (tmp_path / "windsock.yaml").write_text(self.TEXT)
        for options in ((), ("--json",)):
            shown = subprocess.run(
                [sys.executable, "-m", "windsock", "config", "show", *options],
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env={**os.environ, "THE_KEY": "s3cr3t"},
                check=True,
            ).stdout
            assert "k1k2k3k4" not in shown
            assert "a${THE_KEY}" not in shown
            assert "s3cr3t" not in shown
            assert shown.count("***") == 2
            assert "Bearer ${THE_KEY}" in shown, "a reference tells who looks for it where the value comes from"

    def test_a_variable_stands_for_its_value(self, tmp_path, monkeypatch):
        monkeypatch.setenv("THE_KEY", "s3cr3t")
        (tmp_path / "windsock.yaml").write_text(self.TEXT)
        seen = []

        class Peer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                seen.append(self.headers["X-Key"])
                self.send_response(200)
                self.end_headers()

        with http.server.HTTPServer(("127.0.0.1", 0), Peer) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            config = settings.load(tmp_path / "windsock.yaml", {}).alertmanager
            config = config.model_copy(update={"urls": (f"http://127.0.0.1:{server.server_port}",)})
            assert Alertmanager(config, credentials(config.http)).post([], 10)[0][1] is None
        assert seen == ["Bearer s3cr3t"]

    def test_a_variable_that_is_not_set_is_said(self, tmp_path, monkeypatch):
        monkeypatch.delenv("THE_KEY", raising=False)
        (tmp_path / "windsock.yaml").write_text(self.TEXT)
        config = settings.load(tmp_path / "windsock.yaml", {}).alertmanager
        with pytest.raises(SettingsError, match=r"THE_KEY is not set; alertmanager\.http\.headers\.X-Key names it"):
            credentials(config.http)
