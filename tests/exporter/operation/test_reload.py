"""Reading the configuration again, by SIGHUP and by POST, without losing a datagram."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import requests
from real.failures import fail

from windsock.airflow.versions import NEWEST

GOOD = "windsock_config_reload_success"
WHEN = "windsock_config_reload_timestamp_seconds"
ROUTES = "Alertmanager's routes stay as they were: `windsock alerts build`, and let Alertmanager read them"
"""What the exporter can't take over itself."""


class Running:
    """An exporter whose configuration file can be rewritten."""

    def __init__(self, program, read, file) -> None:
        self.file = file
        self.read = read
        self.write()
        self.program = program("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")
        self.base = self.program.metrics.removesuffix("/metrics")
        self.address = f"udp://127.0.0.1:{self.program.port('udp')}"

    def write(self, text: str = "") -> None:
        self.file.write_text(f"exporter:\n{text}" if text else "")

    def write_all(self, text: str) -> None:
        """The whole file, not only the section `exporter`."""
        self.file.write_text(text)

    def post(self) -> requests.Response:
        return requests.post(f"{self.base}/-/reload", timeout=60)

    def figures(self) -> dict[str, float]:
        return self.read.values(requests.get(f"{self.base}/metrics", timeout=60).text)

    def hang_up(self) -> None:
        os.kill(self.program.process.pid, signal.SIGHUP)

    def log(self) -> str:
        return self.program.log.read_text()


@pytest.fixture
def running(program, read, tmp_path) -> Running:
    return Running(program, read, tmp_path / "windsock.yaml")


@pytest.fixture
def beside(program, read, tmp_path, postgres, make_database, alertmanager) -> Running:
    """One that reads a database, and tells an Alertmanager of its failures."""
    made = Running.__new__(Running)
    made.file, made.read, made.database = tmp_path / "windsock.yaml", read, make_database(postgres, NEWEST)
    made.fixed = (
        f"cluster: {made.database.name}\nmetadata: {{url: '${{THE_DB}}', interval: 1s}}\n"
        f"alertmanager: {{urls: ['{alertmanager.url}']}}\n"
        f"reconcile: {{store: {tmp_path / 'store.db'}, resolve: [rerun]}}\n"
    )
    made.write_all(f"{made.fixed}teams: {{old: {{match: {{owner: ann}}}}}}\n")
    made.program = program(
        *("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0"),
        environ={"THE_DB": made.database.url},
    )
    made.base = made.program.metrics.removesuffix("/metrics")
    return made


@pytest.mark.parametrize("by", ["post", "hang_up"])
def test_teams_severity_and_links_are_taken_over_in_the_parts(by, beside, alertmanager, eventually):
    """Callbacks read the file with each call: from now on all tell the same people."""
    cluster = beside.database.name
    beside.database.dag("d", owners="ann")
    info = 'airflow_db_dag_info{{dag_id="d",owner="ann",severity="{}",tags="",team="{}"}}'
    eventually(lambda: info.format("warning", "old") in beside.figures())
    fail(beside.database, 1)
    eventually(lambda: alertmanager.alerts(cluster=cluster, dag_id="d", team="old", severity="warning"), 40)

    beside.write_all(
        f"{beside.fixed}teams: {{new: {{match: {{owner: ann}}}}}}\n"
        "severity: [{match: {dag: d}, is: critical}]\nlinks: {airflow: 'https://af.example.org'}\n"
    )
    getattr(beside, by)()
    eventually(lambda: info.format("critical", "new") in beside.figures())
    assert info.format("warning", "old") not in beside.figures()
    said = "taken over: links.airflow, teams.old, teams.new, severity"
    assert said in requests.get(beside.base, timeout=60).text
    assert said in beside.log()

    fail(beside.database, 2)
    told = {"cluster": cluster, "run_id": "run_2", "alertname": "AirflowTaskFailed"}
    (task,) = eventually(lambda: alertmanager.alerts(**told, team="new"), 40)
    assert task["labels"]["severity"] == "critical"
    assert task["annotations"]["log_url"].startswith("https://af.example.org/")
    assert alertmanager.alerts(cluster=cluster, run_id="run_1", team="old"), "what is told of keeps its team"


def test_the_reconciler_alone_reads_again_too(tmp_path, postgres, make_database, alertmanager, eventually):
    database, file = make_database(postgres, NEWEST), tmp_path / "windsock.yaml"
    fixed = (
        f"cluster: {database.name}\nmetadata: {{interval: 1s}}\nalertmanager: {{urls: ['{alertmanager.url}']}}\n"
        f"reconcile: {{store: {tmp_path / 'store.db'}}}\n"
    )
    file.write_text(f"{fixed}teams: {{old: {{match: {{dag: d}}}}}}\n")
    fail(database, 1)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "windsock", "reconcile", "--config", file, "--url", database.url],
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    try:
        eventually(lambda: alertmanager.alerts(cluster=database.name, run_id="run_1", team="old"), 40)
        file.write_text("teams: [\n")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "the configuration stays as it was: " in (tmp_path / "log").read_text())
        file.write_text(f"{fixed}teams: {{new: {{match: {{dag: d}}}}}}\n")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "read again; taken over: teams.old, teams.new" in (tmp_path / "log").read_text())
        fail(database, 2)
        eventually(lambda: alertmanager.alerts(cluster=database.name, run_id="run_2", team="new"), 40)
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_the_order_of_teams_is_a_change(running):
    running.write_all("teams:\n  a: {match: {dag: d}}\n  b: {match: {dag: d}}\n")
    assert running.post().text == f"taken over: teams.a, teams.b\n{ROUTES}\n"
    running.write_all("teams:\n  b: {match: {dag: d}}\n  a: {match: {dag: d}}\n")
    assert running.post().text == f"taken over: teams\n{ROUTES}\n"


def test_every_key_of_the_file_that_changes_is_named(running):
    running.write_all(
        "cluster: other\n"
        "metadata: {interval: 30s}\n"
        "alertmanager: {urls: ['http://am:9093'], secrets_dir: /secrets, version: auto}\n"
        "reconcile: {enabled: false, resolve: [rerun]}\n"
        "callbacks: {budget: 5s}\n"
        "channels: {slack: {token: '${SLACK}'}}\n"
        "redaction: {patterns: ['hush[0-9]']}\n"
        "defaults: {slack: '#all'}\n"
        "slo: {d: {fresh_within: 1h}}\n"
    )
    wanted = [
        "taken over: reconcile.resolve, redaction.patterns, defaults.slack, slo.d",
        "needs a restart: cluster, metadata.interval, reconcile.enabled, alertmanager.urls",
        "read by others: alertmanager.secrets_dir, alertmanager.version, callbacks.budget, channels.slack.token",
    ]
    assert running.post().text.splitlines() == [*wanted, ROUTES]
    assert running.post().text.splitlines() == [wanted[1]], "as long as it is not started anew"


def test_the_start_counts_as_a_good_reading(running):
    figures = running.figures()
    assert figures[GOOD] == 1
    assert abs(figures[WHEN] - time.time()) < 20


def test_nothing_new_is_said_so(running):
    answer = running.post()
    assert (answer.status_code, answer.text) == (200, "nothing had changed\n")


@pytest.mark.parametrize("by", ["post", "hang_up"])
def test_senders_change_while_running(by, running, send, lines, eventually):
    send(running.address, lines.heartbeat)
    eventually(lambda: running.figures().get(lines.series) == 1)
    before = running.figures()[WHEN]
    running.write("  statsd:\n    allow: [10.0.0.0/8]\n")
    getattr(running, by)()
    eventually(lambda: running.figures()[WHEN] > before)
    send(running.address, lines.heartbeat)
    name = 'windsock_refused_total{listener="udp://127.0.0.1:0"}'
    eventually(lambda: running.figures()[name] == 1)
    assert running.figures()[lines.series] == 1, "what was counted stays, and nothing is added"
    assert "the configuration was read again; taken over: exporter.statsd.allow" in running.log()


def test_a_relay_comes_moves_and_goes(running, peer, send, lines):
    first, second = peer(), peer()

    def relay_to(sock) -> str:
        running.write(f"  statsd:\n    relay: udp://127.0.0.1:{sock.getsockname()[1]}\n" if sock else "")
        return running.post().text

    assert relay_to(first) == "taken over: exporter.statsd.relay\n"
    send(running.address, lines.heartbeat)
    assert first.recv(100) == lines.heartbeat.encode()
    relay_to(second)
    send(running.address, lines.heartbeat)
    assert second.recv(100) == lines.heartbeat.encode()
    relay_to(None)
    send(running.address, lines.heartbeat)
    second.settimeout(0.3)
    with pytest.raises(TimeoutError):
        second.recv(100)


def test_the_web_side_turns_to_tls_and_back(running, web_file, pair, authority):
    file = web_file(f"tls_server_config:\n  cert_file: {pair[0]}\n  key_file: {pair[1]}\n")
    running.write(f"  web: {{config_file: {file}}}\n")
    assert running.post().text == "taken over: exporter.web.config_file\n"
    secure = running.base.replace("http://", "https://")
    assert requests.get(f"{secure}/-/healthy", verify=str(authority.certificate), timeout=60).ok
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"{running.base}/-/healthy", timeout=60)
    running.write()
    assert requests.post(f"{secure}/-/reload", verify=str(authority.certificate), timeout=60).ok
    assert requests.get(f"{running.base}/-/healthy", timeout=60).ok


def test_budgets_change_while_running(running, send, eventually):
    running.write("  budgets: {series: 3}\n")
    assert running.post().text == "taken over: exporter.budgets.series\n"
    send(running.address, *[f"airflow.dag_processing.last_duration,file_name=f{n}:1|ms" for n in range(9)])
    eventually(lambda: running.figures()['windsock_overflow_total{budget="series"}'] == 6)


def test_what_needs_a_restart_is_named_and_stays(running, send, lines, eventually):
    running.write("  statsd:\n    prefix: other\n    read_buffer: 1MiB\n    allow: [127.0.0.0/8]\n")
    for _ in range(2):
        answer = running.post().text.splitlines()
        assert "needs a restart: exporter.statsd.read_buffer, exporter.statsd.prefix" in answer
    send(running.address, lines.heartbeat)
    eventually(lambda: running.figures().get(lines.series) == 1)


def test_the_command_line_stays_above_the_file(running):
    running.write("  statsd: {listen: ['udp://127.0.0.1:1']}\n  web: {listen: '127.0.0.1:1'}\n")
    assert running.post().text == "nothing had changed\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("  statsd: {alow: []}\n", r"windsock.yaml:2: exporter.statsd.alow: unknown key; did you mean 'allow'"),
        ("  statsd: [\n", r"windsock.yaml:\d: not valid YAML"),
        ("  web: {config_file: /nowhere/web.yml}\n", r"/nowhere/web.yml: no such file \(exporter.web.config_file\)"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_why(text, problem, running, send, lines, eventually):
    since = running.figures()[WHEN]
    running.write(text)
    answer = running.post()
    assert answer.status_code == 400
    assert answer.text.startswith("the configuration stays as it was:\n")
    assert re.search(problem, answer.text)
    figures = running.figures()
    assert (figures[GOOD], figures[WHEN]) == (0, since)
    assert re.search(f"ERROR the configuration stays as it was: .*{problem}", running.log())
    assert "The last reload failed: " in requests.get(running.base, timeout=60).text

    running.hang_up()
    eventually(lambda: running.log().count("ERROR the configuration stays") == 2)
    send(running.address, lines.heartbeat)
    eventually(lambda: running.figures().get(lines.series) == 1)

    running.write()
    assert running.post().ok
    assert running.figures()[GOOD] == 1
    assert "The last reload failed" not in requests.get(running.base, timeout=60).text


def test_all_or_nothing(running, send, lines, eventually):
    running.write("  statsd: {allow: [10.0.0.0/8]}\n  web: {config_file: /nowhere/web.yml}\n")
    assert running.post().status_code == 400
    send(running.address, lines.heartbeat)
    eventually(lambda: running.figures().get(lines.series) == 1)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_reloads(method, running):
    running.write("  statsd: [\n")
    answer = requests.request(method, f"{running.base}/-/reload", timeout=60)
    assert answer.status_code in {405, 501}
    assert running.figures()[GOOD] == 1


def test_no_datagram_is_lost_over_reloads(running, send, lines, eventually):
    for number in range(20):
        send(running.address, *[lines.heartbeat] * 50)
        running.write(f"  statsd: {{allow: [127.0.0.{number}/32, 127.0.0.1]}}\n")
        assert running.post().ok
    eventually(lambda: running.figures().get(lines.series) == 1000)
