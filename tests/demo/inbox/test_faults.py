"""Misbehaviour on demand."""

from __future__ import annotations

import smtplib
import time

import pytest
import requests
from real.waiting import until

from windsock.demo.inbox import Inbox


def test_a_status_for_a_number_of_requests(inbox, send):
    fault = {"platform": "slack", "kind": "status", "status": 429, "retry_after": 2, "count": 2}
    assert requests.post(f"{inbox.url}/api/faults", json=fault, timeout=60).json()["faults"][0]["count"] == 2
    for left in (1, 0):
        answer = send.hook({"text": "x"})
        assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (429, "2", "rate_limited")
        faults = requests.get(f"{inbox.url}/api/faults", timeout=60).json()["faults"]
        assert [item["count"] for item in faults] == [left] * bool(left)
    assert send.page().status_code == 202
    assert send.hook({"text": "x"}).text == "ok"
    assert len(inbox.messages("slack")) == 1
    attempts = requests.get(f"{inbox.url}/api/attempts?platform=slack", timeout=60).json()["attempts"]
    assert [(a["status"], a["fault"], a["message"] is None) for a in attempts] == [
        (429, "status", True),
        (429, "status", True),
        (200, None, False),
    ]


def test_each_platform_fails_in_its_own_words(inbox, send):
    for platform in ("slack", "pagerduty"):
        inbox.fault(platform=platform, kind="status", status=429)
    url = f"{send.at['slack_api']}/chat.postMessage"
    assert requests.post(url, json={}, timeout=60).json() == {"ok": False, "error": "ratelimited"}
    answer = send.page()
    assert (answer.status_code, answer.json()["status"]) == (429, "throttle exceeded")


@pytest.mark.parametrize(("body", "text"), [("busy", "busy"), ({"ok": False}, '{"ok": false}')])
def test_any_code_and_body(inbox, send, body, text):
    inbox.fault(platform="slack", kind="status", status=500, body=body, count=1)
    answer = send.hook({"text": "x"})
    assert (answer.status_code, answer.text) == (500, text)


def test_faults_are_cleared(inbox, send):
    inbox.fault(platform="slack", kind="status")
    assert send.hook({"text": "x"}).status_code == 503
    assert requests.delete(f"{inbox.url}/api/faults", timeout=60).json() == {"faults": []}
    assert send.hook({"text": "x"}).status_code == 200


def test_a_hanging_platform_takes_the_request_and_says_nothing(inbox, send):
    inbox.fault(platform="slack", kind="hang", seconds=60, count=1)
    with pytest.raises(requests.ReadTimeout):
        requests.post(send.at["slack_webhook"], json={"text": "x"}, timeout=0.3)
    until(inbox.attempts)
    assert [(a.status, a.fault, a.message) for a in inbox.attempts()] == [(None, "hang", None)]
    assert inbox.messages() == []


def test_a_hanging_platform_hangs_up_in_the_end(inbox, send):
    inbox.fault(platform="pagerduty", kind="hang", seconds=0.2, count=1)
    begun = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        send.page()
    assert time.monotonic() - begun >= 0.2


def test_a_platform_hangs_up_in_the_middle(inbox, send):
    inbox.fault(platform="slack", kind="close", count=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        send.hook({"text": "x"})
    assert inbox.messages() == []
    assert send.hook({"text": "x"}).text == "ok"


def test_a_message_can_arrive_without_its_sender_knowing(inbox, send):
    for kind in ("close", "status", "hang"):
        inbox.fault(platform="slack", kind=kind, accept=True, count=1, seconds=0.1)
    for kind in ("close", "status", "hang"):
        if kind == "status":
            assert send.hook({"text": kind}).status_code == 503
        else:
            with pytest.raises(requests.RequestException):
                send.hook({"text": kind})
    assert [m.text for m in inbox.messages()] == ["close", "status", "hang"]
    assert [a.message for a in inbox.attempts()] == [m.seq for m in inbox.messages()]


def test_a_slow_platform_answers_byte_by_byte(inbox, send):
    inbox.fault(platform="slack", kind="slow", seconds=3, count=1)
    begun = time.monotonic()
    # No single byte is late, so this timeout does not help.
    answer = requests.post(send.at["slack_webhook"], json={"text": "x"}, timeout=2.5)
    assert answer.text == "ok"
    assert time.monotonic() - begun >= 3
    assert len(inbox.messages()) == 1


def test_mail_is_refused_with_a_code(inbox, send):
    inbox.fault(platform="mail", kind="status", status=451, body="4.7.1 come back later", count=1)
    with pytest.raises(smtplib.SMTPDataError, match="come back later") as error:
        send.mail("x")
    assert error.value.smtp_code == 451
    send.mail("x")
    assert len(inbox.messages()) == 1
    assert [(a.status, a.error) for a in inbox.attempts()] == [(451, "4.7.1 come back later"), (250, None)]


@pytest.mark.parametrize("kind", ["close", "hang"])
def test_the_mail_server_goes_away(inbox, send, kind):
    inbox.fault(platform="mail", kind=kind, seconds=0.2, count=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send.mail("x")
    assert inbox.messages() == []
    assert inbox.attempts()[0].fault == kind
    send.mail("x")


def test_a_slow_mail_server_answers_late(inbox, send):
    inbox.fault(platform="mail", kind="slow", seconds=0.3, count=1)
    begun = time.monotonic()
    send.mail("x")
    assert time.monotonic() - begun >= 0.3
    assert len(inbox.messages()) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({}, "platform: Field required"),
        ({"platform": "fax", "kind": "hang"}, "platform: Input should be 'slack', 'msteams', 'pagerduty' or 'mail'"),
        ({"platform": "slack", "kind": "explode"}, "kind: Input should be"),
        ({"platform": "slack", "kind": "hang", "second": 5}, "second: Extra inputs are not permitted"),
        ([], "body: "),
    ],
)
def test_an_impossible_fault_is_explained(inbox, fault, words):
    answer = requests.post(f"{inbox.url}/api/faults", json=fault, timeout=60)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_an_inbox_ends_at_once_although_requests_hang():
    with Inbox() as inbox:
        for platform in ("slack", "mail"):
            inbox.fault(platform=platform, kind="hang", seconds=600)
        with pytest.raises(requests.ReadTimeout):
            requests.post(inbox.addresses["slack_webhook"], json={"text": "x"}, timeout=0.1)
        host, port = inbox.smtp_address.split(":")
        server = smtplib.SMTP(host, int(port), timeout=60)
        server.sock.settimeout(0.2)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            server.sendmail("a@x.example", ["b@x.example"], b"x")
        begun = time.monotonic()
    assert time.monotonic() - begun < 60
    server.close()
