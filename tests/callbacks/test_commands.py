"""`windsock notify` as it is typed."""

import json
import re
import subprocess
import sys
from datetime import datetime, timezone

import pytest

TEAMS = {
    "payments": {"match": {"owner": ["payments"], "tag": ["team:payments"]}},
    "reports": {"match": {"dag": ["report_*"]}},
}


def windsock(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "windsock", "notify", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_test_alert_arrives_is_marked_and_ends_by_itself(alertmanager, configure):
    configure(cluster="prod", alertmanager={"urls": [alertmanager.url]}, teams=TEAMS)

    code, out, err = windsock("test", "--team", "payments", "--severity", "critical")

    assert (code, err) == (0, "")
    assert out.startswith(f"{alertmanager.url}: accepted\n")
    assert "team payments gets its critical alerts" in out
    (alert,) = alertmanager.alerts()
    assert alert["annotations"]["summary"].startswith("TEST")
    assert alert["labels"].items() >= {"team": "payments", "severity": "critical", "cluster": "prod"}.items()
    ends = datetime.fromisoformat(alert["endsAt"].replace("Z", "+00:00"))
    assert 0 < (ends - datetime.now(timezone.utc)).total_seconds() <= 300


def test_two_tests_are_two_alerts(alertmanager, configure):
    configure(alertmanager={"urls": [alertmanager.url]})
    assert [windsock("test")[0], windsock("test")[0]] == [0, 0]
    assert len(alertmanager.alerts()) == 2


def test_it_says_what_each_peer_answered(alertmanager, refusing, hostile, configure):
    broken = hostile("answering 400")
    configure(alertmanager={"urls": [alertmanager.url, refusing, broken]})

    code, out, err = windsock("test")

    assert code == 1
    assert f"{alertmanager.url}: accepted\n" in out
    assert re.search(rf"{refusing}: Connection\w*Error", out)
    assert f"{broken}: 400 oops\n" in out
    assert "not every Alertmanager accepted" in err


@pytest.mark.parametrize(
    ("config", "arguments", "says"),
    [
        ({}, (), "no Alertmanager is configured: set alertmanager.urls"),
        ({"alertmanager": {"urls": ["http://x"]}, "teams": TEAMS}, ("--team", "paymets"), "payments, reports, default"),
        ({"alertmanager": {"urls": ["http://x"]}}, ("--severity", "loud"), "'critical', 'warning', 'info'"),
        ({"alertmanager": {"urls": ["http://x"], "http": {"bearer": "${UNSET_X}"}}}, (), "UNSET_X is not set"),
        ({"alertmanager": {"urls": ["http://x"], "http": {"bearer": "my_conn"}}}, (), "expected ${VARIABLE}"),
        ({"alertmanger": {}}, (), "did you mean 'alertmanager'?"),
    ],
)
def test_wrong_usage_or_configuration(configure, config, arguments, says):
    configure(**config)
    code, _, err = windsock("test", *arguments)
    assert code == 2
    assert says in err


def test_a_credential_is_sent_and_not_shown(hostile, configure, monkeypatch):
    monkeypatch.setenv("AM_TOKEN", "t0ps3cr3tt0ps3cr3t")
    configure(alertmanager={"urls": [hostile("answering 401")], "http": {"bearer": "${AM_TOKEN}"}})
    code, out, err = windsock("test")
    assert code == 1
    assert "401" in out
    assert "t0ps3cr3t" not in out + err


@pytest.mark.parametrize(
    ("arguments", "team", "severity"),
    [
        (("orders", "--owner", "payments", "--tag", "team:payments"), "payments", "warning"),
        (("orders", "--owner", "payments"), "default", "warning"),
        (("report_daily", "--tag", "tier:1"), "reports", "critical"),
    ],
)
def test_routes(configure, arguments, team, severity):
    configure(teams=TEAMS, severity=[{"match": {"tag": ["tier:1"]}, "is": "critical"}])

    said = f"{arguments[0]}: team {team}, severity {severity}\ntold: nobody\n"
    assert windsock("routes", *arguments) == (0, said, "")

    code, out, _ = windsock("routes", *arguments, "--json")
    assert code == 0
    facts = json.loads(out)
    assert (facts["dag_id"], facts["team"], facts["severity"]) == (arguments[0], team, severity)


def test_help_has_examples():
    assert "Example: windsock notify test" in windsock("test", "--help")[1]
    assert "Example: windsock notify routes" in windsock("routes", "--help")[1]
