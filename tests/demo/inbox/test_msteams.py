"""A workflow of Microsoft Teams: what it takes, what it refuses, how a card looks."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import requests

from windsock.demo.inbox import Inbox, msteams

KIND = "application/vnd.microsoft.card.adaptive"
TEXT = {"type": "TextBlock", "text": "orders **failed**"}


def rich(*runs):
    return {"type": "RichTextBlock", "inlines": list(runs)}


def test_a_card_is_accepted_and_kept(inbox, send):
    answer = send.card(TEXT, actions=[{"type": "Action.OpenUrl", "title": "Log", "url": "https://x.example/log"}])
    assert (answer.status_code, answer.content) == (202, b"")
    (message,) = inbox.messages("msteams")
    assert (message.channel, message.text) == ("inbox", "orders failed\nLog (https://x.example/log)")
    assert message.problems == ()
    assert [(a.endpoint, a.status, a.error) for a in inbox.attempts("msteams")] == [("workflow", 202, None)]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{", "not valid JSON"),
        ([], "expected an object with `attachments`"),
        ({"text": "the old way"}, "expected an object with `attachments`"),
        ({"type": "card", "attachments": [{"contentType": KIND, "content": {}}]}, "type: expected message"),
        ({"type": "message", "attachments": [{"contentType": "text/html"}]}, "attachments[0].contentType: expected"),
        ({"type": "message", "attachments": [{"contentType": KIND}]}, "attachments[0].content.type: expected Adap"),
    ],
)
def test_an_envelope_that_is_none_is_refused(inbox, message, said):
    body = message if isinstance(message, str) else json.dumps(message)
    answer = requests.post(inbox.addresses["msteams"], data=body, timeout=60)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert inbox.messages() == []


@pytest.mark.parametrize(
    ("body", "fields", "said"),
    [
        ([{"type": "TextBlock"}], {}, "a TextBlock needs a text"),
        ([rich({"type": "TextRun"})], {}, "a RichTextBlock needs inlines"),
        ([{"type": "FactSet", "facts": "x"}], {}, "a FactSet needs facts"),
        ([{"type": "Container", "items": [{"type": "TextBlock", "text": 5}]}], {}, "a TextBlock needs a text"),
        (["x"], {}, "expected elements with a type"),
        ([TEXT], {"version": "new"}, "expected a version such as 1.4"),
        ([TEXT], {"actions": [{"type": "Action.OpenUrl"}]}, "an Action.OpenUrl needs a url"),
    ],
)
def test_a_card_that_is_none_is_refused(inbox, send, body, fields, said):
    answer = send.card(*body, **fields)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert inbox.messages() == []


def test_28_kilobytes_are_taken_and_no_more(inbox, send):
    def sized(size):
        return send.card({"type": "TextBlock", "text": "x" * size})

    envelope = len(sized(1).request.body) - 1
    assert sized(28 * 1024 - envelope).status_code == 202
    answer = sized(28 * 1024 - envelope + 1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "RequestEntityTooLarge")
    assert len(inbox.messages()) == 2


def test_the_fifth_request_of_a_second_is_throttled(sender, monkeypatch):
    now = SimpleNamespace(at=100.0)
    monkeypatch.setattr(msteams, "time", SimpleNamespace(monotonic=lambda: now.at))
    with Inbox(rate_limit=True) as inbox:
        send = sender(inbox)
        assert [send.card(TEXT).status_code for _ in range(6)] == [202] * 4 + [429] * 2
        assert send.card(TEXT, to="another").status_code == 202
        now.at += 1.0
        assert send.card(TEXT).status_code == 202


@pytest.mark.parametrize(
    ("body", "fields", "problem"),
    [
        ([TEXT], {"version": "1.6"}, "version 1.6: Teams shows cards up to 1.5"),
        ([], {}, "the card has no body"),
        ([{"type": "TextBlock", "text": "# heading"}], {}, "Markdown that Teams does not know"),
        ([{"type": "Chart.Line"}], {}, "Chart.Line: not drawn here"),
        ([TEXT], {"actions": [{"type": "Action.OpenUrl", "url": "https://x.example"}] * 7}, "more than six actions"),
    ],
)
def test_what_is_shown_badly_is_taken_and_named(inbox, send, body, fields, problem):
    assert send.card(*body, **fields).status_code == 202
    assert problem in inbox.messages()[0].problems[0]


def test_a_card_as_it_looks(inbox, send):
    run = {"type": "TextRun", "text": "**no** _markup_ <b>", "fontType": "Monospace"}
    send.card(
        {"type": "TextBlock", "text": "[FIRING] orders", "weight": "Bolder", "color": "Attention"},
        {"type": "TextBlock", "text": "**a** _b_ [log](https://x.example/l) \\*c\\* my_dag_id\n\nsecond\nstill"},
        {"type": "Container", "style": "emphasis", "items": [rich(run, "plain")]},
        {"type": "FactSet", "facts": [{"title": "Run", "value": "r_1"}]},
        {"type": "ColumnSet", "columns": [{"type": "Column", "items": [TEXT]}]},
        actions=[{"type": "Action.OpenUrl", "title": "Log", "url": "https://x.example/log"}],
    )
    page = requests.get(inbox.url, timeout=60).text
    (card,) = re.findall(r"<article.*?</article>", page, re.DOTALL)
    assert '<div class="attention"><b>[FIRING] orders</b></div>' in card
    assert re.search(
        r'<b>a</b> <i>b</i> <a href="https://x.example/l"[^>]*>log</a> \*c\* my_dag_id<br>second still', card
    )
    assert '<div class="quoted"><div><span><code>**no** _markup_ &lt;b&gt;</code></span>plain</div></div>' in card
    assert "<th>Run</th><td>r_1</td>" in card
    assert "orders <b>failed</b>" in card
    assert re.search(r'<a href="https://x.example/log"[^>]* class="button">Log</a>', card)


def test_what_a_card_says_is_no_markup_of_the_page(inbox, send):
    bad = "<script>x</script> [<img src=x>](javascript:alert) [<b>](https://x.example/<b>)"
    send.card(
        {"type": "TextBlock", "text": bad}, rich(bad), {"type": "FactSet", "facts": [{"title": bad, "value": bad}]}
    )
    page = requests.get(inbox.url, timeout=60).text
    assert "<script>x" not in page
    assert "<img" not in page
    assert "javascript:alert" not in "".join(re.findall(r'href="[^"]*"', page))


def test_a_fault_is_met(inbox, send):
    inbox.fault(platform="msteams", kind="status", status=429, count=1, retry_after=3)
    answer = send.card(TEXT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert answer.json()["error"]["code"] == "TooManyRequests"
    assert send.card(TEXT).status_code == 202
