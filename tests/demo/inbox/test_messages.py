"""What tests ask: messages since a number, waiting for one, forgetting; and the bounds of what is kept."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from windsock.demo.inbox import Inbox
from windsock.demo.inbox.messages import Message, Store


def _get(inbox, query=""):
    return requests.get(f"{inbox.url}/api/messages{query}", timeout=70).json()


def test_messages_are_found_by_platform_channel_and_number(inbox, send):
    send.hook({"channel": "#a", "text": "one"})
    send.hook({"channel": "#b", "text": "two"})
    send.page()
    send.mail("three")
    everything = _get(inbox)
    assert [m["platform"] for m in everything["messages"]] == ["slack", "slack", "pagerduty", "mail"]
    assert everything["last"] == everything["messages"][-1]["seq"]
    assert [m["text"] for m in _get(inbox, "?platform=slack")["messages"]] == ["one", "two"]
    assert [m["text"] for m in _get(inbox, "?platform=slack&channel=%23b")["messages"]] == ["two"]
    second = everything["messages"][1]["seq"]
    assert [m["platform"] for m in _get(inbox, f"?since={second}")["messages"]] == ["pagerduty", "mail"]
    first = everything["messages"][0]
    assert abs(first["received_at"] - time.time()) < 60
    assert {"seq", "channel", "text", "payload", "thread", "edited", "problems", "state", "id"} <= first.keys()


def test_a_long_poll_ends_with_the_message(inbox, send):
    timer = threading.Timer(0.3, lambda: send.hook({"text": "late"}))
    timer.start()
    begun = time.monotonic()
    assert [m["text"] for m in _get(inbox, "?wait=30")["messages"]] == ["late"]
    assert 0.2 < time.monotonic() - begun < 25
    timer.join()


def test_a_long_poll_ends_without_one_too(inbox):
    begun = time.monotonic()
    assert _get(inbox, "?wait=0.3") == {"messages": [], "last": 0}
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("query", ["?since=x", "?wait=x"])
def test_a_wrong_question_is_an_error(inbox, query):
    answer = requests.get(f"{inbox.url}/api/messages{query}", timeout=60)
    assert answer.status_code == 400
    assert "x" in answer.json()["error"]


def test_everything_is_forgotten_but_the_number(inbox, send):
    send.hook({"text": "x"})
    send.hook({})
    last = requests.delete(f"{inbox.url}/api/messages", timeout=60).json()["last"]
    assert _get(inbox) == {"messages": [], "last": last}
    assert requests.get(f"{inbox.url}/api/attempts", timeout=60).json() == {"attempts": []}
    send.hook({"text": "y"})
    assert [m["text"] for m in _get(inbox, f"?since={last}")["messages"]] == ["y"]


def test_waiting_says_what_there_is_instead(inbox, send):
    send.hook({"channel": "#a", "text": "something else"})
    send.hook({"channel": "#a"})
    with pytest.raises(TimeoutError, match=r"slack #a: 'something else'; refused by slack: no_text"):
        inbox.wait_for(lambda m: m.text == "the one", timeout=0.1)
    inbox.clear()
    with pytest.raises(TimeoutError, match="there are: none"):
        inbox.wait_for(lambda _: True, timeout=0)


def test_the_newest_are_kept(sender):
    with Inbox(keep=3) as inbox:
        send = sender(inbox)
        for number in range(5):
            send.hook({"text": str(number)})
        assert [m.text for m in inbox.messages()] == ["2", "3", "4"]
        assert len(inbox.attempts()) == 3
        assert "3 messages" in requests.get(inbox.url, timeout=60).text


def test_what_is_kept_has_a_bounded_weight():
    store = Store(keep=100, keep_bytes=250)
    for number in range(5):
        store.add(Message("slack", "#a", str(number), str(number), "x", {}, size=100))
    assert [m.id for m in store.messages()] == ["3", "4"]
    store.edit(store.messages()[0], size=10)
    store.add(Message("slack", "#a", "5", "5", "x", {}, size=100))
    assert [m.id for m in store.messages()] == ["3", "4", "5"]
    store.add(Message("slack", "#a", "6", "6", "x", {}, size=1000))
    assert [m.id for m in store.messages()] == ["6"]


def test_many_senders_at_once_lose_nothing(inbox, send):
    def run(worker):
        for number in range(20):
            assert send.call("chat.postMessage", channel="x", text=f"{worker}-{number}")["ok"]

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = inbox.messages()
    assert len({m.text for m in messages}) == len({m.id for m in messages}) == 160


def test_half_a_surrogate_pair_and_control_characters_do_no_harm(inbox, send):
    text = "half \ud83d, nul \x00, bell \x07, right-to-left \u202e"
    assert send.hook({"text": text, "username": "\ud83d", "channel": "#a"}).text == "ok"
    assert _get(inbox)["messages"][0]["payload"]["text"] == text
    assert requests.get(inbox.url, timeout=60).status_code == 200


def test_health(inbox):
    assert requests.get(f"{inbox.url}/healthz", timeout=60).text == "ok\n"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("POST", "/"), ("GET", "/../server.py"), ("GET", "/api")]
)
def test_what_is_not_there_is_not_found(inbox, method, path):
    assert requests.request(method, inbox.url + path, timeout=60).status_code == 404


def test_a_body_has_a_length_and_a_limit(inbox, send):
    answer = requests.post(send.at["slack_webhook"], data=(part for part in [b"{}"]), timeout=60)
    assert answer.status_code == 411
    answer = requests.post(send.at["slack_webhook"], headers={"Content-Length": str(11 << 20)}, timeout=60)
    assert answer.status_code == 413


def test_a_name_that_is_not_loopback_is_turned_away(inbox):
    for host, status in (("inbox.example.org", 403), ("10.0.0.1", 403), ("localhost", 200), ("127.0.0.1:99", 200)):
        assert requests.get(inbox.url, headers={"Host": host}, timeout=60).status_code == status
