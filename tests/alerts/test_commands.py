"""`windsock alerts`, as a person calls it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from windsock.alerts import build
from windsock.alerts.rules import RULES

GENERATED = Path(build.__file__).parent / "generated"
SETTINGS = """
channels: {slack: {token: "${SLACK_TOKEN}"}}
teams:
  payments: {match: {dag: "pay_*"}, slack: "#payments", pagerduty: "${PD_PAYMENTS}"}
defaults: {slack: "#data-alerts"}
links: {runbooks: "https://git.example.org/runbooks"}
"""


def test_the_generated_files_are_what_the_code_makes(windsock):
    code, out, err = windsock("build", "--check", "--out", GENERATED)
    assert (code, out) == (0, f"{GENERATED}: up to date\n"), err
    assert {file.name for file in GENERATED.iterdir()} == {"rules.yml", "alertmanager.yml", "windsock.tmpl"}


def test_build_writes_three_files_and_says_what_alertmanager_needs(windsock, tmp_path):
    code, out, err = windsock("build", "--out", "made/here", config=SETTINGS)
    assert code == 0
    assert out.splitlines() == [f"made/here/{name}" for name in ("rules.yml", "alertmanager.yml", "windsock.tmpl")]
    assert (
        "note: Alertmanager reads /etc/alertmanager/secrets/slack_token, which must hold ${SLACK_TOKEN} and no newline"
        in err
    )
    assert (
        "note: Alertmanager reads /etc/alertmanager/secrets/pd_payments, which must hold ${PD_PAYMENTS} and no newline"
        in err
    )
    assert windsock("build", "--out", "made/here", "--check")[0] == 0

    (tmp_path / "made/here/rules.yml").write_text("groups: []\n")
    (tmp_path / "made/here/windsock.tmpl").unlink()
    code, _, err = windsock("build", "--out", "made/here", "--check")
    assert code == 1
    assert "made/here/rules.yml, made/here/windsock.tmpl" in err
    assert (tmp_path / "made/here/rules.yml").read_text() == "groups: []\n"


def test_without_any_configuration_it_builds_and_says_who_is_never_told(windsock):
    code, _, err = windsock("build")
    assert code == 0
    assert "note: critical alerts of no known team reach nobody: set a channel in `defaults`" in err
    assert "note: links.exporter: not set, so messages link to runbooks at http://127.0.0.1:9102/runbooks/;" in err


def test_build_refuses_a_channel_without_a_credential(windsock, tmp_path):
    code, _, err = windsock("build", config="defaults: {slack: '#alerts'}")
    assert code == 2
    assert err.startswith("windsock: defaults.slack: no credential reaches Slack; set channels.slack.token")
    assert not (tmp_path / "alerts").exists()


def test_build_says_what_it_can_not_write(windsock, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = windsock("build", "--out", "file")
    assert (code, err.splitlines()[-1]) == (1, "windsock: file: can't be written: File exists")


def test_test_runs_all_three_programs(windsock, monkeypatch):
    """All unit tests of the rules, in the oldest Prometheus; `make matrix` runs them in the newest."""
    monkeypatch.setenv("GOMAXPROCS", "1")  # 8 % less of a processor, and other tests have the second one
    code, out, err = windsock("test", config=SETTINGS)
    assert code == 0, err
    assert [line.split(":")[1] for line in out.splitlines()] == [" ok"] * 3


def test_a_missing_program_is_named_with_what_installs_it(windsock, tmp_path):
    code, out, err = windsock("test", path=tmp_path)
    assert code == 1
    assert out.count("failed") == 3
    assert "promtool is not installed: `apt-get install prometheus` brings it" in err
    assert "amtool is not installed: `apt-get install prometheus-alertmanager` brings it" in err
    code, _, err = windsock("routes", "--label", "severity=critical", path=tmp_path)
    assert code == 1
    assert "amtool is not installed" in err


def test_test_says_what_a_program_complains_of(windsock, tmp_path):
    (tmp_path / "promtool").write_text("#!/bin/sh\necho the rules are wrong\nexit 1\n")
    (tmp_path / "promtool").chmod(0o755)
    code, out, err = windsock("test", path=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert code == 1
    assert out.splitlines()[-1].endswith("check-config: ok")
    assert "the rules are wrong" in err


def test_list_names_every_rule(windsock):
    code, out, _ = windsock("list", "--json", config=SETTINGS)
    rows = {row["alert"]: row for row in json.loads(out)}
    assert code == 0
    assert set(rows) == {rule.name for rule in RULES}
    assert rows["AirflowTaskFailuresUnnotified"] == {
        "alert": "AirflowTaskFailuresUnnotified",
        "enabled": True,
        "severity": "warning",
        "for": "3m",
        "threshold": "",
        "labels": ["cluster", "dag_id", "team"],
        "runbook": "https://git.example.org/runbooks/AirflowTaskFailuresUnnotified.md",
    }
    assert len(windsock("list")[1].splitlines()) == len(RULES)


def test_coverage_is_complete(windsock):
    code, out, _ = windsock("coverage")
    assert code == 0
    assert "lacks" not in out
    assert all(row["missing"] == [] for row in json.loads(windsock("coverage", "--json")[1]))


@pytest.mark.parametrize("command", ["build", "list", "test", "routes", "coverage"])
def test_help_has_an_example(windsock, command):
    code, out, _ = windsock(command, "--help")
    assert code == 0
    assert f"Example: windsock alerts {command}" in out
