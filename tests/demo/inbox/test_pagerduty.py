"""PagerDuty's Events API v2."""

from __future__ import annotations

import json

import pytest
import requests


def test_a_trigger_is_accepted(inbox, send):
    answer = send.page(payload={"custom_details": {"dag_id": "orders_daily"}, "timestamp": "2026-11-22T02:14:00.123Z"})
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "incident"}
    message = inbox.messages()[0]
    assert (message.channel, message.id, message.state) == (send.routing_key, "incident", "triggered")
    assert message.text == "triggered: orders_daily failed\ncritical\nsource airflow\ndag_id orders_daily"


def test_a_key_is_made_where_none_is_given(inbox, send):
    first, second = (send.page(key=None).json()["dedup_key"] for _ in range(2))
    assert first != second
    assert [m.id for m in inbox.messages()] == [first, second]
    assert len({m.conversation for m in inbox.messages()}) == 2


def test_an_incident_goes_through_its_states(inbox, send):
    for action in ("trigger", "acknowledge", "trigger", "resolve", "trigger"):
        assert send.page(action).status_code == 202
    messages = inbox.messages()
    # A trigger neither takes back an acknowledgement nor opens again what is resolved.
    assert [m.state for m in messages] == ["triggered", "acknowledged", "acknowledged", "resolved", "triggered"]
    assert len({m.conversation for m in messages[:4]}) == 1
    assert messages[4].conversation != messages[0].conversation
    assert [m.thread for m in messages] == [None, "incident", "incident", "incident", None]
    assert messages[3].text == "resolved: orders_daily failed"


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_what_meets_no_open_incident_is_dropped(inbox, send, action):
    assert send.page(action).status_code == 202
    send.page("trigger")
    assert send.page(action, routing_key="f" * 32).status_code == 202
    dropped, triggered, other = inbox.messages()
    assert (dropped.state, triggered.state, other.state) == ("dropped", "triggered", "dropped")
    assert "no open incident" in dropped.problems[0]


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"routing_key": None}, "'routing_key' is missing or blank"),
        ({"routing_key": "x" * 31}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"routing_key": 5}, "'routing_key' is invalid (must be a string)"),
        ({"event_action": "shout"}, "'event_action' is invalid"),
        ({"event_action": []}, "'event_action' is invalid"),
        ({"event_action": None}, "'event_action' is invalid"),
        ({"dedup_key": "x" * 256}, "'dedup_key' is too long (must be at most 255 characters)"),
        ({"payload": {"summary": ""}}, "'payload.summary' is missing or blank"),
        ({"payload": {"summary": "  "}}, "'payload.summary' is missing or blank"),
        ({"payload": {"summary": "x" * 1025}}, "'payload.summary' is too long (must be at most 1024 characters)"),
        ({"payload": {"source": None}}, "'payload.source' is missing or blank"),
        ({"payload": {"severity": "page"}}, "'payload.severity' is invalid (must be one of the following:"),
        ({"payload": {"custom_details": "x"}}, "'payload.custom_details' is invalid (must be an object)"),
        ({"payload": {"timestamp": "yesterday"}}, "'payload.timestamp' is invalid (must be an ISO 8601 timestamp)"),
        ({"links": [{"text": "x"}]}, "'links[0].href' is missing or blank"),
        ({"links": "x"}, "'links[0].href' is missing or blank"),
        ({"images": [{"src": "http://x.example"}]}, "'images[0].src' is invalid (must be served by HTTPS)"),
    ],
)
def test_an_invalid_event_is_refused_with_what_is_wrong(inbox, send, event, error):
    answer = send.page(**event)
    assert answer.status_code == 400
    assert (answer.json()["status"], answer.json()["message"]) == ("invalid event", "Event object is invalid")
    assert error in answer.json()["errors"][0]
    assert inbox.messages() == []
    assert inbox.attempts()[0].error == "invalid event"


def test_all_that_is_wrong_is_said_at_once(send):
    answer = requests.post(send.at["pagerduty"], json={"event_action": "trigger"}, timeout=60)
    assert answer.json()["errors"] == ["'routing_key' is missing or blank", "'payload' is missing or blank"]


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_a_follow_up_needs_a_key(send, action):
    answer = send.page(action, key=None)
    assert answer.status_code == 400
    assert answer.json()["errors"] == ["'dedup_key' is missing or blank"]


def test_limits_hold_to_the_character(send):
    assert send.page(payload={"summary": "x" * 1024}).status_code == 202
    assert send.page(key="x" * 255).status_code == 202


@pytest.mark.parametrize(
    "timestamp",
    ["2015-07-17T08:42:58.315+0000", "2026-11-22T02:14:00Z", "2026-11-22T02:14:00.123456789+01:00", "2026-11-22"],
)
def test_timestamps_are_iso_8601(send, timestamp):
    assert send.page(payload={"timestamp": timestamp}).status_code == 202


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(send, body):
    assert requests.post(send.at["pagerduty"], data=body, timeout=60).status_code == 400


def test_an_event_has_512_kilobytes_at_most(inbox, send):
    event = {"routing_key": send.routing_key, "event_action": "trigger", "dedup_key": "k"}
    event["payload"] = {"summary": "s", "source": "s", "severity": "info", "custom_details": {"x": ""}}
    spare = (512 << 10) - len(json.dumps(event))
    for extra, status in ((0, 202), (1, 413)):
        event["payload"]["custom_details"] = {"x": "x" * (spare + extra)}
        assert requests.post(send.at["pagerduty"], data=json.dumps(event), timeout=60).status_code == status
    assert len(inbox.messages()) == 1


def test_another_address_is_not_found(inbox):
    assert requests.post(f"{inbox.url}/pagerduty/v3/enqueue", json={}, timeout=60).status_code == 404
