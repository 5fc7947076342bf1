"""`windsock notify` as it is typed."""

import contextlib
import io
import json
import re
import sys
from datetime import datetime, timezone

import pytest

from windsock import cli
from windsock.callbacks.delivery import deliver
from windsock.channels import NAMES
from windsock.settings import load

TEAMS = {
    "payments": {"match": {"owner": ["payments"], "tag": ["team:payments"]}},
    "reports": {"match": {"dag": ["report_*"]}},
}


def windsock(*arguments):
    """The command as its script runs it, in this process: starting Python fifty times would take minutes."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["windsock", "notify", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return ended.value.code, out.getvalue(), err.getvalue()


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


def test_help_has_examples():
    assert "Example: windsock notify test" in windsock("test", "--help")[1]


@pytest.fixture
def away(direct):
    """The inbox's sections with no Alertmanager."""
    return direct


def test_a_test_says_what_each_channel_answered(configure, away, inbox):
    configure(**away)
    code, out, err = windsock("test", "--team", "pay", "--severity", "critical")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "pagerduty ${PD_PAY}: accepted (HTTP 202: Event processed)",
        "slack #pay: accepted (ok)",
        "email pay@example.org: accepted (250 taken)",
    ]
    shown = {message.platform: message for message in inbox.messages()}
    assert all("TEST: nothing failed" in shown[platform].text for platform in ("slack", "mail"))
    assert [message.state for message in inbox.messages("pagerduty")] == ["triggered", "resolved"], (
        "nobody is left paged"
    )


def test_a_test_of_one_channel_goes_past_alertmanager(configure, away, inbox, alertmanager):
    configure(**away, alertmanager={"urls": [alertmanager.url]})
    code, out, _ = windsock("test", "--team", "pay", "--channel", "slack", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["answers"] == [{"to": "slack #pay", "accepted": True, "answer": "ok"}]
    assert (alertmanager.alerts(), len(inbox.messages())) == ([], 1)


def test_a_refusal_is_said_in_the_platforms_words(configure, away, inbox):
    away["teams"]["pay"] = {"slack": "#is_archived"}
    configure(**away)
    code, out, err = windsock("test", "--team", "pay")
    assert (code, out) == (1, "slack #is_archived: Slack: is_archived\n")
    assert "not every channel accepted" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--team", "pay", "--channel", "webhook"), "neither team pay nor defaults has a webhook"),
        (("--team", "pay", "--channel", "alertmanager"), "no Alertmanager is configured"),
    ],
)
def test_a_channel_that_nobody_configured(configure, away, arguments, says):
    configure(**away)
    code, _, err = windsock("test", *arguments)
    assert code == 2
    assert says in err


def test_a_preview_sends_nothing(configure, away, inbox, tmp_path):
    configure(**away)
    page = tmp_path / "page.html"
    code, out, err = windsock("preview", "--html", str(page))
    assert (code, err) == (0, "")
    for said in ("Slack\n  orders_daily failed: ", "E-mail\n  Subject: ", "PagerDuty\n  orders"):
        assert said in out
    assert "3 of 1200 rows have no price</pre>" in page.read_text()
    assert "Over: orders_daily" in windsock("preview", "--resolved")[1]
    assert "7 failures in this run" in windsock("preview", "--failures", "7")[1]
    assert "Call ana" in windsock("preview", "--template", "Call {{ owner }}")[1]
    assert tuple(json.loads(windsock("preview", "--json")[1])) == NAMES
    assert inbox.messages() == []


def test_a_preview_of_what_really_fires(configure, alertmanager, event, tmp_path):
    configure(alertmanager={"urls": [alertmanager.url]})
    alert = event().alert(datetime.now(timezone.utc))
    alertmanager.post(alert)
    assert "ValueError: no rows" in windsock("preview", "--dag", "orders")[1]
    code, _, err = windsock("preview", "--dag", "orders", "--run", "other")
    assert (code, "no alert of orders fires in Alertmanager for the run other" in err) == (1, True)

    (tmp_path / "alert.json").write_text(json.dumps(alert))
    assert "ValueError: no rows" in windsock("preview", "alert.json")[1]
    (tmp_path / "alert.json").write_text("[]")
    code, _, err = windsock("preview", "alert.json")
    assert (code, "expected an alert of Alertmanager" in err) == (2, True)
    assert windsock("preview", "no-such-file.json")[0] == 2


def test_what_waits_is_listed_and_flushed(configure, alertmanager, event, soon):
    configure(alertmanager={"urls": ["http://127.0.0.1:1"]})
    assert windsock("spool")[1].startswith("nothing waits in ")
    deliver(event(), load(cwd=False), soon(3))
    code, out, _ = windsock("spool")
    assert code == 0
    assert re.search(
        r"AirflowTaskFailed orders load, \w+ old, 1 attempts, to alertmanager: http://127.0.0.1:1: Conn", out
    )
    (facts,) = json.loads(windsock("spool", "--json")[1])
    assert (facts["kind"], facts["to"], facts["labels"]["dag_id"]) == ("failed", ["alertmanager"], "orders")

    code, out, err = windsock("flush")
    assert (code, out) == (1, "0 delivered, 0 dropped (over, or told since), 0 dead, 1 waiting\n")
    assert "1 could not be delivered yet" in err
    configure(alertmanager={"urls": [alertmanager.url]})
    assert windsock("flush")[:2] == (0, "1 delivered, 0 dropped (over, or told since), 0 dead, 0 waiting\n")
    assert len(alertmanager.alerts()) == 1


def test_dead_letters_are_listed_and_tried_again(configure, hostile, alertmanager, event, soon):
    configure(alertmanager={"urls": [hostile("answering 400")]})
    assert windsock("dead")[1].startswith("no dead letters in ")
    deliver(event(), load(cwd=False), soon())
    deliver(event(run_id="r2"), load(cwd=False), soon())
    first, second = json.loads(windsock("dead", "--json")[1])
    assert "400 oops" in first["problem"]

    configure(alertmanager={"urls": [alertmanager.url]})
    assert windsock("dead", "--retry", first["name"])[:2] == (0, "1 wait again; next: windsock notify flush\n")
    assert [letter["name"] for letter in json.loads(windsock("dead", "--json")[1])] == [second["name"]]
    assert windsock("dead", "--retry-all")[0] == 0
    assert windsock("flush")[1].startswith("2 delivered")
    assert windsock("dead", "--retry", "nonsense")[0] == 2


@pytest.mark.parametrize("command", ["test", "preview", "spool", "flush", "dead"])
def test_each_command_has_an_example(command):
    assert f"Example: windsock notify {command}" in windsock(command, "--help")[1]
