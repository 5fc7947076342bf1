"""Slack's Web API: tokens, channels, threads, edits, the rate limit."""

from __future__ import annotations

import json

import pytest
import requests

from windsock.demo.inbox import Inbox


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (None, "not_authed"),
        ("", "not_authed"),
        ("secret", "invalid_auth"),
        ("xoxb-token_revoked", "token_revoked"),
        ("xoxb-account_inactive", "account_inactive"),
        ("xoxb-missing_scope", "missing_scope"),
    ],
)
def test_a_token_is_needed(inbox, send, token, error):
    for method in ("auth.test", "chat.postMessage", "chat.update"):
        assert send.call(method, token=token, channel="x", text="x") == {"ok": False, "error": error}
    assert inbox.messages() == []
    assert {attempt.error for attempt in inbox.attempts()} == {error}


def test_auth_test_names_the_workspace(inbox, send):
    answer = send.call("auth.test")
    assert answer["ok"]
    assert answer["url"] == f"{inbox.url}/"
    assert {"team", "user", "team_id", "user_id", "bot_id"} <= answer.keys()


def test_a_message_is_answered_with_its_channel_id_and_ts(inbox, send):
    answer = send.call("chat.postMessage", channel="data-alerts", text="*Hi* :tada:", username="windsock")
    message = inbox.messages()[0]
    assert answer["ok"]
    assert answer["channel"].startswith("C")
    assert answer["ts"] == message.id
    assert answer["message"]["text"] == "*Hi* :tada:"
    assert answer["message"]["username"] == "windsock"
    assert (message.channel, message.text) == ("#data-alerts", "Hi 🎉")


@pytest.mark.parametrize("channel", ["#data-alerts", "data-alerts", " data-alerts "])
def test_a_name_and_its_id_are_one_channel(inbox, send, channel):
    answer = send.call("chat.postMessage", channel=channel, text="by name")
    send.call("chat.postMessage", channel=answer["channel"], text="by id")
    assert [m.channel for m in inbox.messages()] == ["#data-alerts", "#data-alerts"]


def test_another_id_and_a_person_stay_as_they_are(inbox, send):
    for channel in ("C1234567890", "U012AB3CD4E", "@ana"):
        assert send.call("chat.postMessage", channel=channel, text="x")["channel"] == channel
    assert [m.channel for m in inbox.messages()] == ["C1234567890", "U012AB3CD4E", "@ana"]


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        (None, "channel_not_found"),
        ("", "channel_not_found"),
        (5, "channel_not_found"),
        ("#", "channel_not_found"),
        ("#" + "x" * 81, "channel_not_found"),
        ("#channel_not_found", "channel_not_found"),
        ("not_in_channel", "not_in_channel"),
        ("#is_archived", "is_archived"),
        ("#restricted_action", "restricted_action"),
    ],
)
def test_a_channel_that_can_not_be_posted_to(inbox, send, channel, error):
    assert send.call("chat.postMessage", channel=channel, text="x") == {"ok": False, "error": error}
    assert inbox.messages() == []


def test_an_empty_message_has_no_text(send):
    assert send.call("chat.postMessage", channel="x")["error"] == "no_text"


def test_a_long_text_is_cut_with_a_warning(inbox, send):
    answer = send.call("chat.postMessage", channel="x", text="x" * 40_001)
    assert answer["ok"]
    assert answer["response_metadata"]["warnings"] == ["message_truncated"]
    assert len(answer["message"]["text"]) == 40_000
    assert len(inbox.messages()[0].payload["text"]) == 40_000


def test_a_reply_belongs_to_its_thread(inbox, send):
    first = send.call("chat.postMessage", channel="x", text="first")
    reply = send.call("chat.postMessage", channel="x", text="reply", thread_ts=first["ts"])
    other = send.call("chat.postMessage", channel="x", text="other")
    assert reply["message"]["thread_ts"] == first["ts"]
    one, two, three = inbox.messages()
    assert two.thread == one.id
    assert one.conversation == two.conversation != three.conversation
    assert other["ts"] > reply["ts"] > first["ts"]


def test_a_reply_to_nothing_is_a_problem_and_to_no_ts_an_error(inbox, send):
    assert send.call("chat.postMessage", channel="x", text="x", thread_ts="1400000000.000001")["ok"]
    assert "thread_ts 1400000000.000001 is no message of #x" in inbox.messages()[0].problems[0]
    assert send.call("chat.postMessage", channel="x", text="x", thread_ts="now")["error"] == "invalid_thread_ts"


def test_an_update_changes_what_is_said_and_keeps_the_rest(inbox, send):
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*firing*"}}]
    posted = send.call("chat.postMessage", channel="x", text="firing", blocks=blocks, username="windsock")
    send.call("chat.postMessage", channel="x", text="another")
    before = inbox.messages()[0]
    answer = send.call("chat.update", channel=posted["channel"], ts=posted["ts"], text="resolved")
    assert answer["ok"]
    assert (answer["ts"], answer["text"]) == (posted["ts"], "resolved")
    edited, other = inbox.messages()
    assert (edited.text, edited.seq, edited.payload["username"]) == ("resolved", before.seq, "windsock")
    assert edited.edited
    assert edited.changed > other.seq
    assert other.edited is None
    assert inbox.messages(since=other.seq) == [edited]


def test_an_update_needs_an_id_and_a_message(send):
    posted = send.call("chat.postMessage", channel="x", text="x")
    assert send.call("chat.update", channel="#x", ts=posted["ts"], text="y")["error"] == "channel_not_found"
    assert send.call("chat.update", channel=posted["channel"], ts="1.0", text="y")["error"] == "message_not_found"
    assert send.call("chat.update", channel="C1234567890", ts=posted["ts"], text="y")["error"] == "message_not_found"


def test_an_update_is_held_to_its_own_limit(inbox, send):
    posted = send.call("chat.postMessage", channel="x", text="x")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    assert send.call("chat.update", **where, text="x" * 4_001)["error"] == "msg_too_long"
    assert send.call("chat.update", **where, text="")["error"] == "no_text"
    assert send.call("chat.update", **where, text="x", blocks=[{"type": "x"}])["error"] == "invalid_blocks"
    assert inbox.messages()[0].text == "x"
    assert send.call("chat.update", **where, text="y" * 4_000)["ok"]


def test_a_form_is_taken_too_and_its_token_is_not_kept(inbox, send):
    blocks = json.dumps([{"type": "header", "text": {"type": "plain_text", "text": "formed"}}])
    form = {"token": "xoxb-in-the-form", "channel": "x", "blocks": blocks}
    answer = requests.post(f"{send.at['slack_api']}/chat.postMessage", data=form, timeout=60).json()
    assert answer["ok"]
    assert inbox.messages()[0].text == "formed"
    assert "xoxb" not in requests.get(f"{inbox.url}/api/messages", timeout=60).text
    answer = requests.post(f"{send.at['slack_api']}/chat.postMessage", data={**form, "blocks": "["}, timeout=60).json()
    assert answer["error"] == "invalid_blocks_format"


def test_a_token_in_json_does_not_count(send):
    body = {"token": "xoxb-test", "channel": "x", "text": "x"}
    assert (
        requests.post(f"{send.at['slack_api']}/chat.postMessage", json=body, timeout=60).json()["error"] == "not_authed"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{", "application/json", "invalid_json"),
        (b"[]", "application/json", "json_not_object"),
        (b"x", "text/html", "invalid_post_type"),
        (b"\xff=\xff", "application/x-www-form-urlencoded", "invalid_form_data"),
    ],
)
def test_what_is_no_call_is_refused(send, body, content_type, error):
    headers = {"Content-Type": content_type, "Authorization": "Bearer xoxb-test"}
    answer = requests.post(f"{send.at['slack_api']}/chat.postMessage", data=body, headers=headers, timeout=60)
    assert answer.json() == {"ok": False, "error": error}


def test_an_unknown_method_is_named_so(send):
    assert send.call("chat.shout", text="x")["error"] == "unknown_method"


def test_the_rate_limit_is_a_message_a_second_a_channel(sender):
    with Inbox(rate_limit=True) as inbox:
        send = sender(inbox)
        assert send.hook({"channel": "#a", "text": "one"}).status_code == 200
        assert send.hook({"channel": "#b", "text": "one"}).status_code == 200
        refused = send.hook({"channel": "#a", "text": "two"})
        assert (refused.status_code, refused.headers["Retry-After"], refused.text) == (429, "1", "rate_limited")
        headers = {"Authorization": "Bearer xoxb-test"}
        url = f"{send.at['slack_api']}/chat.postMessage"
        refused = requests.post(url, json={"channel": "a", "text": "two"}, headers=headers, timeout=60)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert refused.json() == {"ok": False, "error": "ratelimited"}
        assert [m.channel for m in inbox.messages()] == ["#a", "#b"]


def test_edits_have_a_limit_of_their_own(sender):
    with Inbox(rate_limit=True) as inbox, requests.Session() as session:
        session.headers["Authorization"] = "Bearer xoxb-test"

        def call(method, **payload):
            return session.post(f"{sender(inbox).at['slack_api']}/{method}", json=payload, timeout=60)

        first = call("chat.postMessage", channel="#a", text="x").json()
        edits = [call("chat.update", channel=first["channel"], ts=first["ts"], text=str(n)) for n in range(51)]
        assert [edit.status_code for edit in edits] == [200] * 50 + [429]
        assert 1 <= int(edits[-1].headers["Retry-After"]) <= 60
        assert [message.text for message in inbox.messages()] == ["49"]
