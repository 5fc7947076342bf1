"""One thing is wrong with an installation that is else in good health: the doctor names it, as the worst there is."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from real.alertmanager import Alertmanager
from real.installation import schedule
from real.installation import settings as made
from real.planted import CHANGED, CLOSED, PROMETHEUS, SETTINGS
from real.waiting import until

from windsock.airflow.versions import NEWEST
from windsock.alerts import build
from windsock.callbacks import spool as spools
from windsock.callbacks.entry import Entry
from windsock.doctor.examination import examine
from windsock.doctor.finding import GRADES, worst
from windsock.events import Event, rfc3339
from windsock.exporter.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from real.installation import Installation

    from windsock.settings import Settings


def checks(settings: Settings, *, worst_only: bool = True) -> set[str]:
    """The names of the worst findings; of all that are no praise, where not `worst_only`."""
    found = examine(settings)
    least = worst(found) if worst_only else "warning"
    return {one.check for one in found if GRADES.index(one.grade) >= GRADES.index(least)}


def test_of_a_healthy_installation_nothing_is_wrong(installation):
    found = examine(installation.settings())
    assert [one for one in found if one.grade in {"warning", "critical"}] == []
    # Neither Grafana nor logs are named, and no Airflow runs here.
    assert {one.check for one in found if one.grade == "unseen"} == {
        "airflow.settings",
        "callbacks.spool",
        "grafana.unknown",
        "logs.unknown",
    }


@pytest.mark.parametrize("check", SETTINGS)
def test_settings_that_the_parts_do_not_fit(check, installation, monkeypatch):
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa-for-tests")
    changes = SETTINGS[check]
    if "version" in changes:
        section = check.partition(".")[0]
        changes = {section: {"urls": [getattr(installation, section).url], **changes}}
    assert check in checks(installation.settings(**changes))


@pytest.mark.parametrize(
    ("check", "url"),
    [("database.down", "postgresql://windsock:pw-1@127.0.0.1:1/airflow"), ("database.down", "sqlite:////nowhere/a.db")],
)
def test_a_database_that_can_not_be_read(check, url, installation, monkeypatch):
    monkeypatch.setenv("AIRFLOW_DB", url)
    found = examine(installation.settings())
    assert check in {one.check for one in found if one.grade == "critical"}
    assert not any("pw-1" in one.sentences + one.looked_at for one in found)


def test_a_role_that_may_write(installation, postgres, monkeypatch):
    from real.tables import Database  # noqa: PLC0415  needs a driver

    database = Database(postgres, NEWEST)
    schedule(database)
    monkeypatch.setenv("AIRFLOW_DB", database.url)
    assert "database.rights" in checks(installation.settings())


def test_addresses_of_other_programs(installation):
    settings = installation.settings(
        doctor={"exporters": [installation.prometheus.url]},
        prometheus={"urls": [installation.alertmanager.url]},
        alertmanager={"urls": [f"http://{installation.exporter.web.address}"]},
    )
    found = checks(settings)
    assert {"exporter.down", "prometheus.down", "alertmanager.down"} <= found


def words(installation: Installation, check: str) -> str:
    """What it is said to be, where it is among the worst."""
    found = examine(installation.settings())
    return " ".join(one.sentences for one in found if one.check == check and one.grade == worst(found))


@pytest.mark.parametrize("fault", PROMETHEUS)
def test_a_prometheus_that_is_set_wrong(fault, installation):
    check, said, changes = PROMETHEUS[fault]
    installation.prometheus.change(**(changes(installation) if callable(changes) else changes))
    try:
        # While it reads its configuration no alert is sent again, and Alertmanager misses the watchdog for a moment.
        until(lambda: said in words(installation, check), why=lambda: str(examine(installation.settings())))
        if fault == "rules taken out":
            assert "looks at the rules windsock every 120 s only" in str(examine(installation.settings()))
    finally:
        installation.prometheus.change()


@pytest.mark.parametrize("part", ["prometheus", "alertmanager"])
def test_files_that_can_not_be_read(part, installation):
    server = getattr(installation, part)
    file = server.folder / f"{part}.yml"
    before = file.read_text()
    try:
        file.write_text("global: [")
        server.reload()
        until(lambda: words(installation, f"{part}.reload"))
    finally:
        file.write_text(before)
        server.reload()
        until(lambda: "prometheus.reload" not in str(examine(installation.settings())))


@pytest.mark.parametrize("change", CHANGED)
def test_an_alertmanager_that_somebody_has_changed(change, installation):
    check = CHANGED[change]
    server = installation.alertmanager
    file = server.folder / "alertmanager.yml"
    before = file.read_text()
    config = yaml.safe_load(before)
    change(config)
    try:
        file.write_text(yaml.safe_dump(config))
        server.reload()
        until(lambda: words(installation, check))
    finally:
        file.write_text(before)
        server.reload()
        until(lambda: not words(installation, check))


@pytest.mark.parametrize("matcher", ["severity=critical", "dag_id=~.+", "team!=data"])
def test_a_broad_silence(matcher, installation):
    name, how, value = re.split("(!=|=~|=)", matcher)
    url, now = f"{installation.alertmanager.url}/api/v2/silence", datetime.now(timezone.utc)
    silence = {
        "matchers": [{"name": name, "value": value, "isRegex": how == "=~", "isEqual": how != "!="}],
        "startsAt": rfc3339(now - timedelta(minutes=1)),
        "endsAt": rfc3339(now + timedelta(hours=1)),
        "createdBy": "erin",
        "comment": "deploy",
    }
    named = requests.post(f"{url}s", json=silence, timeout=60).json()["silenceID"]
    try:
        found = until(lambda: [one for one in examine(installation.settings()) if one.check == "alertmanager.silence"])
        assert f"hides all of {matcher} until" in found[0].found
        assert "by erin: deploy" in found[0].found
        assert "alertmanager.silence" in checks(installation.settings())
    finally:
        requests.delete(f"{url}/{named}", timeout=60).raise_for_status()


def test_an_old_alert_that_keeps_others_back(installation):
    began = rfc3339(datetime.now(timezone.utc) - timedelta(hours=3))
    labels = {"severity": "critical", "cluster": "prod"}
    installation.alertmanager.post(
        {"labels": {"alertname": "WindsockExporterDown", **labels}, "startsAt": began},
        {"labels": {"alertname": "AirflowSchedulerHeartbeatAbsent", **labels}, "startsAt": began},
    )
    found = until(lambda: [one for one in examine(installation.settings()) if one.check == "alertmanager.inhibited"])
    assert found[0].found == "WindsockExporterDown has fired for 3 h 0 min and keeps 1 other from being told."


def test_messages_that_fail(installation, monkeypatch):
    """Those of its own Alertmanager: its counters stay."""
    server = Alertmanager(made(), installation.messages)
    try:
        (server.folder / "alertmanager.yml").write_text(
            (server.folder / "alertmanager.yml").read_text().replace(installation.messages.url, CLOSED)
        )
        server.reload()
        alert = {"labels": {"alertname": "A", "severity": "warning", "cluster": "prod"}}
        server.post(alert)
        settings = installation.settings(alertmanager={"urls": [server.url]})
        until(lambda: "alertmanager.delivery" in checks(settings))
        (one,) = [one for one in examine(settings) if one.check == "alertmanager.watchdog"]
        assert one.grade == "unseen"  # it was started a moment ago
        monkeypatch.setattr("windsock.alerts.health.alertmanager._NEW", 0.0)
        assert "alertmanager.watchdog" in checks(settings)
    finally:
        server.remove()


def test_alertmanagers_that_do_not_know_each_other(installation):
    server = Alertmanager(made(), installation.messages)
    try:
        urls = [installation.alertmanager.url, server.url]
        assert "alertmanager.peers" in checks(installation.settings(alertmanager={"urls": urls}), worst_only=False)
    finally:
        server.remove()


@contextlib.contextmanager
def sent(installation: Installation, line: str) -> Iterator[None]:
    """A datagram that the exporter has taken in."""
    before = installation.exporter.own.counter("windsock_lines_total").value
    installation.send(line)
    until(lambda: installation.exporter.own.counter("windsock_lines_total").value > before)
    yield


def test_lines_with_another_prefix(installation):
    with sent(installation, "prod.scheduler_heartbeat:1|c"):
        found = [one for one in examine(installation.settings()) if one.check == "statsd.prefix"]
    assert "exporter.statsd.prefix" in found[0].mend
    assert requests.get(f"http://{installation.exporter.web.address}/metrics", timeout=60).text.count(
        'windsock_doctor_finding{check="statsd.prefix",severity="critical"} 1'
    )
    installation.exporter._ingest.examples.clear()
    assert "statsd.prefix" not in checks(installation.settings())


def test_an_exporter_that_hears_nothing(installation, monkeypatch):
    monkeypatch.setattr(installation.exporter.rates, "arrived", lambda: time.time() - 1000)
    assert "statsd.silent" in checks(installation.settings())


def test_an_exporter_of_another_windsock(installation, monkeypatch):
    monkeypatch.setattr("windsock.exporter.web.server.__version__", "0.0.9")
    (one,) = [one for one in examine(installation.settings()) if one.check == "exporter.version"]
    assert (one.grade, one.found[:23]) == ("warning", "It is windsock 0.0.9, a")


def test_of_several_exporters_each_is_looked_at(installation):
    ours = f"http://{installation.exporter.web.address}"
    found = examine(installation.settings(doctor={"exporters": [ours, CLOSED]}))
    assert [one.looked_at for one in found if one.check == "exporter.down"] == [f"Exporter {CLOSED}"]


def event() -> Event:
    return Event("AirflowTaskFailed", "prod", "orders_load", "r", task_id="load")


def test_a_spool_that_nobody_empties(installation):
    settings = installation.settings()
    spool = spools.of(settings)
    claim = spool.put(Entry.new("failed", event(), (("slack", "#data"),)), sync=False)
    claim.release()
    assert "callbacks.waiting" not in checks(settings)
    os.utime(claim.path, (0, time.time() - 900))
    assert "callbacks.waiting" in checks(settings)
    full = {"callbacks": {"spool": {"dir": str(installation.spool), "max_files": 1}}}
    assert "callbacks.full" in checks(installation.settings(**full))
    claim.path.unlink()
    spool.bury(Entry.new("failed", event(), (("slack", "#data"),)), "channel_not_found")
    assert "callbacks.dead" in checks(settings)
    (spool.dead / spool.dead_names()[0]).unlink()
    spool.folder.chmod(0o777)
    assert "callbacks.spool" in checks(settings)
    spool.folder.chmod(0o700)


class Passing:
    """Passes requests on to a server, and answers with a clock that is ahead."""

    def __init__(self, url: str, ahead: float) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = requests.get(url + self.path, timeout=60)
                self.send_response_only(answer.status_code)
                self.send_header("Date", self.date_time_string(time.time() + ahead))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("ahead", [-600, 600])
def test_a_clock_that_differs(ahead, installation):
    server = Passing(installation.prometheus.url, ahead)
    try:
        found = examine(installation.settings(prometheus={"urls": [server.url]}))
        (one,) = [one for one in found if one.check == "prometheus.clock"]
        assert ("ahead of" if ahead > 0 else "behind") in one.found
        assert worst(found) == one.grade
    finally:
        server.close()


def test_a_check_that_breaks_costs_itself(installation, monkeypatch):
    def broken(settings: Settings) -> list[Any]:
        raise RuntimeError("token=abcdef0123456789abcdef")

    monkeypatch.setattr("windsock.callbacks.health.examine", broken)
    found = examine(installation.settings())
    (one,) = [one for one in found if one.check == "callbacks.bug"]
    assert one.grade == "unseen"
    assert "abcdef0123456789abcdef" not in one.found
    assert {one.check for one in found} >= {"exporter", "prometheus", "database"}


def test_a_server_that_hangs_does_not_hold_up_the_others(installation, monkeypatch):
    waiting = threading.Event()
    monkeypatch.setattr("windsock.dashboards.health.examine", lambda _: waiting.wait(60))
    begun = time.monotonic()
    found = examine(installation.settings(), timeout=10)
    assert time.monotonic() - begun < 60
    waiting.set()
    assert "grafana.slow" in {one.check for one in found}
    assert "exporter" in {one.check for one in found}


def test_rules_say_which_they_are(installation):
    names = {rule["name"] for group in installation.prometheus.get("rules")["groups"] for rule in group["rules"]}
    assert build.RULES_INFO in names


def test_two_exporters_that_hear_schedulers_of_different_airflows(installation, tmp_path):
    other = Service(made(exporter={"statsd": {"listen": [], "airflow": "2"}, "web": {"listen": "127.0.0.1:0"}}))
    with other:
        for exporter in (installation.exporter, other):
            exporter._ingest.feed([b"airflow.scheduler.tasks.executable:3|g"], "10.0.0.1")
        # Version 3 alone has bundles.
        installation.send("airflow.dag_processing.last_duration,bundle_name=dags,file_name=a:0.2|ms")
        targets = (f"127.0.0.1:{installation.web}", other.web.address)
        installation.prometheus.change(static_configs=[{"targets": list(targets), "labels": {"cluster": "prod"}}])
        try:
            found = until(
                lambda: (
                    {one.check: one.found for one in examine(installation.settings())}
                    if {"prometheus.spread", "prometheus.airflows"}
                    <= {one.check for one in examine(installation.settings())}
                    else None
                )
            )
            assert found["prometheus.spread"].startswith("2 exporters of prod hear schedulers")
            assert found["prometheus.airflows"].startswith(
                "Exporters of prod take what they hear for that of different"
            )
        finally:
            installation.prometheus.change()
    until(lambda: "prometheus.spread" not in str(examine(installation.settings())))
