"""`windsock doctor --send-test`: what each platform answers, by a real Alertmanager and without one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
import requests
from real.alertmanager import Alertmanager

from windsock.demo.inbox import Inbox
from windsock.doctor import trial
from windsock.doctor.trial import attempt
from windsock.events import rfc3339
from windsock.settings import Settings

KEYS = {"SLACK_TOKEN": "xoxb-try", "PD_PAYMENTS": "0" * 31 + "1"}
TEAMS = {
    "payments": {"slack": "#payments", "pagerduty": "${PD_PAYMENTS}", "email": ["pay@example.org"]},
    "orders": {"slack": "#channel_not_found"},
    "stock": {"slack": "#stock"},
}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    for name, value in KEYS.items():
        (folder / name.lower()).write_text(value)
    return folder


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def inbox():
    with Inbox() as running:
        yield running


def configured(inbox, secrets, *teams, url=None, **sections):
    at = inbox.addresses
    return Settings.model_validate(
        {
            "cluster": "prod",
            "alertmanager": {"secrets_dir": str(secrets), **({"urls": [url]} if url else {})},
            "channels": {
                "slack": {"api_url": at["slack_api"], "token": "${SLACK_TOKEN}"},
                "pagerduty": {"url": at["pagerduty"]},
                "email": {"smarthost": at["smtp"], "sender": "windsock@localhost", "tls": False},
            },
            "teams": {team: TEAMS[team] for team in teams},
            "defaults": {"slack": "#data-alerts"},
            **sections,
        }
    )


@pytest.fixture(scope="module")
def alertmanager(inbox, secrets):
    server = Alertmanager(configured(inbox, secrets, *TEAMS))
    yield server
    server.remove()


def said(found):
    return {(one.check, one.found.partition(" (team")[0]): one.grade for one in found}


def test_each_address_is_told_once_and_its_answer_repeated(inbox, secrets, alertmanager):
    found = attempt(configured(inbox, secrets, *TEAMS, url=alertmanager.url))
    assert said(found) == {
        ("test.pagerduty", "pagerduty ${PD_PAYMENTS}"): "good",
        ("test.slack", "slack #payments"): "good",
        ("test.email", "email pay@example.org"): "good",
        ("test.slack", "slack #channel_not_found"): "critical",
        ("test.slack", "slack #stock"): "good",
        ("test.slack", "slack #data-alerts"): "good",
    }
    (refused,) = [one for one in found if one.grade == "critical"]
    assert refused.found == "slack #channel_not_found (team orders): it says Slack: channel_not_found."
    assert "xoxb-try" not in str(found)
    for team, channel in (("payments", "#payments"), ("stock", "#stock"), ("default", "#data-alerts")):
        told = inbox.wait_for(lambda m, channel=channel: m.channel == channel, timeout=60)
        assert f"TEST for team {team}: nothing failed" in told.text
    page = inbox.wait_for(lambda m: m.state == "resolved", timeout=120)
    assert "TEST for team payments" in page.text or "windsock_test_" in page.text


def test_the_test_of_one_team_tells_nobody_else(inbox, secrets, alertmanager):
    found = attempt(configured(inbox, secrets, *TEAMS, url=alertmanager.url), "payments")
    assert [one.grade for one in found] == ["good"] * 3
    runs = {m.channel: re.findall(r"test__\S+Z", m.text)[-1] for m in inbox.messages() if m.platform == "slack"}
    newest = max(runs.values())
    assert [channel for channel, run in runs.items() if run == newest] == ["#payments"]


def test_what_a_silence_hides_is_not_called_told(inbox, secrets, alertmanager):
    now = datetime.now(timezone.utc)
    silence = {
        "matchers": [{"name": "team", "value": "stock", "isRegex": False}],
        "startsAt": rfc3339(now - timedelta(minutes=1)),
        "endsAt": rfc3339(now + timedelta(hours=1)),
        "createdBy": "erin",
        "comment": "deploy",
    }
    url = f"{alertmanager.url}/api/v2/silence"
    named = requests.post(f"{url}s", json=silence, timeout=60).json()["silenceID"]
    try:
        (one,) = attempt(configured(inbox, secrets, "stock", url=alertmanager.url), "stock")
        assert one.grade == "warning"
        assert one.found == f"slack #stock (team stock): not told: a silence hides it ({named})."
    finally:
        requests.delete(f"{url}/{named}", timeout=60).raise_for_status()


def test_what_alertmanager_can_not_read_is_told_apart_from_what_the_platform_refuses(
    inbox, secrets, alertmanager, monkeypatch
):
    key = secrets / "pd_payments"
    key.rename(secrets / "elsewhere")
    monkeypatch.setattr(trial, "_RETRIED", 1.0)
    try:
        found = attempt(configured(inbox, secrets, "payments", url=alertmanager.url), "payments")
    finally:
        (secrets / "elsewhere").rename(key)
    (one,) = [one for one in found if one.grade == "critical"]
    assert one.check == "test.pagerduty"
    assert "Alertmanager may not have told it" in one.found
    assert "from here it takes a message" in one.found


def test_without_an_alertmanager_the_channels_are_told_from_here(inbox, secrets, monkeypatch):
    monkeypatch.delenv("PD_PAYMENTS")
    found = attempt(configured(inbox, secrets, "payments", "orders", defaults={}))
    assert said(found) == {
        ("test.pagerduty", "pagerduty ${PD_PAYMENTS}"): "unseen",
        ("test.slack", "slack #payments"): "good",
        ("test.email", "email pay@example.org"): "good",
        ("test.slack", "slack #channel_not_found"): "critical",
        ("test.nobody", "Critical alerts of default reach nobody."): "critical",
    }


def test_an_address_that_alertmanager_can_not_tell_is_said(inbox, secrets, alertmanager, monkeypatch):
    monkeypatch.setenv("ELSEWHERE", "json://127.0.0.1:1")
    teams = {"stock": {"slack": "#stock", "apprise": ["${ELSEWHERE}"]}}
    found = attempt(configured(inbox, secrets, url=alertmanager.url, teams=teams), "stock")
    assert said(found) == {
        ("test.slack", "slack #stock"): "good",
        ("test.apprise", "apprise ${ELSEWHERE}"): "unseen",
    }


def test_an_alertmanager_that_is_down_is_what_is_wrong(inbox, secrets, closed):
    (one,) = attempt(configured(inbox, secrets, "stock", url=closed), "stock")
    assert (one.check, one.grade) == ("test.alertmanager", "critical")
