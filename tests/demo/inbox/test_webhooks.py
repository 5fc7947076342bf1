"""Slack's incoming webhooks: what they take, and the words in which they refuse."""

from __future__ import annotations

import json

import pytest
import requests


def test_a_message_is_answered_ok_and_kept(inbox, send):
    answer = send.hook({"channel": "#data-alerts", "text": "*orders* failed: <https://x.example/log|log>"})
    assert (answer.status_code, answer.text) == (200, "ok")
    message = inbox.wait_for(lambda m: m.channel == "#data-alerts")
    assert message.text == "orders failed: log (https://x.example/log)"
    assert message.payload["text"] == "*orders* failed: <https://x.example/log|log>"
    assert message.problems == ()


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ({"attachments": [{}]}, "no_text"),
        ({"attachments": [{"color": "danger"}]}, "no_text"),
        ({"text": 5}, "invalid_payload"),
        ([], "invalid_payload"),
        ("text", "invalid_payload"),
        ({"text": "x", "blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [{"type": "unheard_of"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": ["divider"]}, "invalid_blocks"),
        ({"text": "x", "attachments": "x"}, "invalid_attachments"),
        ({"text": "x", "attachments": [{"fields": "x"}]}, "invalid_attachments"),
        ({"text": "x", "attachments": [{"blocks": [{"type": "header"}]}]}, "invalid_blocks"),
        ({"text": "x", "attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
    ],
)
def test_what_can_not_be_shown_is_refused_with_slacks_word(inbox, send, payload, error):
    answer = send.hook(payload)
    assert (answer.status_code, answer.text) == (400, error)
    assert inbox.messages() == []
    assert [(a.endpoint, a.status, a.error) for a in inbox.attempts()] == [("webhook", 400, error)]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"text": NaN}', b"[" * 100_000, b'{"text": "x", "y": ' + b"[" * 200 + b"]" * 200 + b"}"],
)
def test_what_is_no_json_is_an_invalid_payload(inbox, send, body):
    answer = requests.post(
        send.at["slack_webhook"], data=body, headers={"Content-Type": "application/json"}, timeout=60
    )
    assert (answer.status_code, answer.text) == (400, "invalid_payload")


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ("no_service", 404),
        ("no_team", 404),
        ("invalid_token", 403),
        ("action_prohibited", 403),
        ("channel_not_found", 404),
        ("channel_is_archived", 410),
        ("rollup_error", 500),
    ],
)
def test_a_refusal_that_depends_on_the_workspace_is_had_by_its_name(inbox, send, last, status):
    answer = send.hook({"text": "x"}, last=last)
    assert (answer.status_code, answer.text) == (status, last)
    if last in ("channel_not_found", "channel_is_archived"):
        answer = send.hook({"text": "x", "channel": f"#{last}"})
        assert (answer.status_code, answer.text) == (status, last)
    assert inbox.messages() == []


def test_an_address_that_is_no_webhook_is_no_service(inbox, send):
    answer = requests.post(f"{inbox.url}/slack/services/T0", json={"text": "x"}, timeout=60)
    assert (answer.status_code, answer.text) == (404, "no_service")


def test_a_channel_that_is_no_name_does_not_exist(send):
    answer = send.hook({"text": "x", "channel": "#no spaces please"})
    assert (answer.status_code, answer.text) == (404, "channel_not_found")


def test_a_webhook_without_a_channel_posts_to_its_own(inbox, send):
    send.hook({"text": "x"})
    assert inbox.messages()[0].channel == "B0WINDSOCK"


def test_a_form_carries_the_json_in_its_payload(inbox, send):
    answer = requests.post(send.at["slack_webhook"], data={"payload": json.dumps({"text": "formed"})}, timeout=60)
    assert answer.text == "ok"
    assert inbox.messages()[0].text == "formed"


def test_a_text_beyond_the_limit_is_cut_and_that_is_a_problem(inbox, send):
    assert send.hook({"text": "x" * 40_001}).text == "ok"
    message = inbox.messages()[0]
    assert len(message.text) == 40_000
    assert message.problems == ("text has 40,001 characters: Slack cuts it after 40,000",)
    send.hook({"text": "x" * 40_000})
    assert inbox.messages()[1].problems == ()


def test_attachments_are_read_in_their_order(inbox, send):
    attachment = {
        "color": "#2eb67d",
        "pretext": "_before_",
        "title": "Title :fire:",
        "title_link": "https://x.example/title",
        "text": "*bold* and\n```\n  code &lt;b&gt;\n```",
        "fallback": "seen in notifications only",
        "fields": [{"title": "DAG", "value": "`orders`", "short": True}, {"title": "Tries", "value": 3}],
        "actions": [{"type": "button", "text": "Log", "url": "https://x.example/log", "name": "n", "value": "v"}],
        "footer": "airflow",
        "mrkdwn_in": ["text", "pretext"],
        "callback_id": "kept",
    }
    send.hook({"text": "above", "attachments": [attachment, {"fallback": "only this"}]})
    assert inbox.messages()[0].text.splitlines() == [
        "above",
        "before",
        "Title 🔥 (https://x.example/title)",
        "bold and",
        "  code <b>",
        "DAG",
        "orders",
        "Tries",
        "3",
        "Log (https://x.example/log)",
        "airflow",
        "only this",
    ]


def test_markup_counts_only_where_mrkdwn_in_says(inbox, send):
    send.hook({"attachments": [{"text": "*bold*", "mrkdwn_in": ["pretext"]}, {"text": "*bold*"}]})
    assert inbox.messages()[0].text == "*bold*\nbold"


@pytest.mark.parametrize(
    ("attachment", "problem"),
    [
        ({"footer": "x" * 301}, "attachments/0/footer has more than 300 characters"),
        ({"actions": [{"type": "button", "text": "x"}] * 6}, "attachments/0/actions has more than 5 buttons"),
        ({"text": "in <module>"}, "<module> is not escaped (&lt; and &gt;): Slack reads it as a link"),
        ({"fields": [{"value": "<b>"}]}, "<b> is not escaped (&lt; and &gt;): Slack reads it as a link"),
        ({"color": "javascript:"}, "attachments/0/color is neither good, warning, danger nor a hex colour"),
    ],
)
def test_what_slack_takes_but_shows_badly_is_a_problem(inbox, send, attachment, problem):
    assert send.hook({"attachments": [{"text": "x", **attachment}]}).text == "ok"
    assert inbox.messages()[0].problems == (problem,)
