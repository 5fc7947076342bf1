"""`windsock alerts routes`: who is told of a DAG, of an alert, of each team."""

from __future__ import annotations

import json

import pytest

TEAMS = {
    "payments": {"match": {"owner": ["payments"], "tag": ["team:payments"]}},
    "reports": {"match": {"dag": ["report_*"]}},
}
PAY = {
    "channels": {
        "slack": {"token": "${SLACK_TOKEN}"},
        "email": {"smarthost": "smtp.example.org:25", "sender": "airflow@example.org"},
    },
    "teams": {"pay": {"slack": "#pay", "pagerduty": "${PD_PAY}", "email": "pay@example.org"}},
    "defaults": {"slack": "#all"},
}


@pytest.fixture
def routes(windsock):
    """Run the command with these settings; JSON is YAML too."""

    def run(*arguments, **settings):
        return windsock("routes", *arguments, config=json.dumps(settings))

    return run


@pytest.mark.parametrize(
    ("arguments", "team", "severity"),
    [
        (("orders", "--owner", "payments", "--tag", "team:payments"), "payments", "warning"),
        (("orders", "--owner", "payments"), "payments", "warning"),
        (("orders", "--owner", "ada"), "default", "warning"),
        (("report_daily", "--tag", "tier:1"), "reports", "critical"),
    ],
)
def test_of_a_dag(routes, arguments, team, severity):
    settings = {"teams": TEAMS, "severity": [{"match": {"tag": ["tier:1"]}, "is": "critical"}]}
    said = f"{arguments[0]}: team {team}, severity {severity}\ntold: nobody\n"
    assert routes(*arguments, **settings) == (0, said, "")
    code, out, _ = routes(*arguments, "--json", **settings)
    assert code == 0
    facts = json.loads(out)
    assert (facts["dag_id"], facts["team"], facts["severity"]) == (arguments[0], team, severity)


def test_of_each_team(routes):
    assert routes(**PAY)[1].splitlines() == [
        "pay, critical: pagerduty ${PD_PAY}, slack #pay, email pay@example.org",
        "pay, warning: slack #pay, email pay@example.org",
        "default, critical: slack #all",
        "default, warning: slack #all",
    ]
    assert routes("orders", **PAY)[1].splitlines()[1] == "told: slack #all"
    assert json.loads(routes("--json", **PAY)[1])[0]["to"][1] == "slack #pay"


def test_with_an_alertmanager_only_what_it_reaches_is_told(routes):
    ops = {"match": {"dag": "ops_*"}, "webhook": "https://hooks.example.org/x", "apprise": ["${A_URL}"]}
    settings = {**PAY, "teams": {"ops": ops}}
    told = "told: webhook https://hooks.example.org/x"
    assert routes("ops_a", **settings)[1].splitlines()[1] == f"{told}, apprise ${{A_URL}}"
    settings["alertmanager"] = {"urls": "http://am:9093"}
    assert routes("ops_a", **settings)[1].splitlines()[1] == told
    ops["webhook"] = "${HOOK}"
    assert routes("ops_a", **settings)[1].splitlines()[1] == "told: slack #all"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["team=pay", "severity=critical"], "pay/critical: pagerduty ${PD_PAY}, slack #pay, email pay@example.org\n"),
        (["team=pay", "severity=warning"], "pay/warning: slack #pay, email pay@example.org\n"),
        (["severity=critical"], "default/critical: slack #all\n"),
        (["severity=info"], "recorded: nobody\n"),
    ],
)
def test_of_an_alert(routes, labels, expected):
    words = [word for label in labels for word in ("--label", label)]
    assert routes(*words, **PAY)[:2] == (0, expected)
    assert json.loads(routes(*words, "--json", **PAY)[1])[0]["receiver"] == expected.partition(":")[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--label", "critical"], "--label critical: expected NAME=VALUE, such as severity=critical"),
        (["orders", "--label", "team=pay"], "a DAG or --label: a DAG's labels follow from its id, owners and tags"),
        (["--owner", "ada"], "--owner and --tag say more of a DAG: name it too"),
    ],
)
def test_what_makes_no_sense_is_said(routes, arguments, says):
    assert routes(*arguments, **PAY) == (2, "", f"windsock: {says}\n")
