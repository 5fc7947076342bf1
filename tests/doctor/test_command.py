"""`windsock doctor` as people and scripts call it."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from windsock.cli import windsock
from windsock.doctor import commands
from windsock.doctor.finding import Finding
from windsock.exceptions import UsageError


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """Run the command with a windsock.yaml of these sections."""

    def run(*arguments, **sections):
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "nowhere"))
        for name in ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        file = tmp_path / "windsock.yaml"
        file.write_text(yaml.safe_dump({"callbacks": {"spool": {"dir": str(tmp_path / "spool")}}, **sections}))
        return CliRunner().invoke(windsock, ["doctor", "--config", str(file), *arguments], standalone_mode=False)

    return run


def test_it_says_what_it_looked_at_what_it_found_and_what_to_do(doctor, closed):
    result = doctor(doctor={"exporters": [closed]})
    lines = result.output.splitlines()
    place = lines.index(f"Exporter {closed}")
    assert lines[place + 1].startswith("  critical exporter.down: It does not answer: ConnectionRefusedError")
    assert lines[place + 2].strip().startswith("Start it (`windsock exporter`)")
    assert lines[-1].startswith("1 critical, 1 warning, ")
    assert result.return_value == 2


def test_as_json(doctor, closed):
    result = doctor("--json", doctor={"exporters": [closed]})
    found = json.loads(result.output)
    assert found["worst"] == "critical"
    (one,) = [one for one in found["findings"] if one["check"] == "exporter.down"]
    assert set(one) == {"check", "grade", "found", "mend", "looked_at"}


def test_a_secret_of_another_host_is_no_fault(doctor):
    http = {"username": "doctor", "password": "${PROMETHEUS_PASSWORD}"}
    result = doctor("--json", prometheus={"urls": ["http://127.0.0.1:1"], "http": http})
    found = {one["check"]: one["grade"] for one in json.loads(result.output)["findings"]}
    assert found["prometheus.secret"] == "unseen"


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b"nothing", b'[{"check": 1}]', b"[" * 100_000, b'[{"check": "a", "grade": "bad"}]']
)
def test_what_no_exporter_says_is_no_health(answer, doctor, respond):
    result = doctor("--json", doctor={"exporters": [respond(answer)]})
    found = {one["check"]: one["grade"] for one in json.loads(result.output)["findings"]}
    assert found.get("exporter") == "good" if answer == b"[]" else found["exporter.down"] == "critical"


def test_watch_says_what_lasts(doctor, closed, monkeypatch):
    """The exporter that is down is found twice; what the second look alone finds is not said."""
    looks = [0]

    def look(settings):
        looks[0] += 1
        return iter([Finding("logs.late", "warning", "late")] if looks[0] == 2 else [])

    monkeypatch.setattr("windsock.logging.health.examine", look)
    monkeypatch.setattr(commands, "_WATCHED", 0.0)
    found = json.loads(doctor("--json", "--watch", doctor={"exporters": [closed]}).output)["findings"]
    assert looks == [2]
    checks = {one["check"] for one in found}
    assert "exporter.down" in checks
    assert "logs.late" not in checks


def test_a_team_that_there_is_none_of_is_not_tested(doctor):
    error = doctor("--send-test", "payment", teams={"payments": {"slack": "#payments"}}).exception
    assert isinstance(error, UsageError)
    assert "no team 'payment' in windsock.yaml; there are: payments" in str(error)


def test_a_test_goes_to_all_and_is_said_last(doctor, closed):
    result = doctor("--send-test", alertmanager={"urls": [closed]}, defaults={"email": ["a@example.org"]})
    lines = result.output.splitlines()
    assert lines[-4] == "Test messages"
    assert lines[-3].startswith(f"  critical test.alertmanager: Alertmanager {closed} did not take the test: ")
