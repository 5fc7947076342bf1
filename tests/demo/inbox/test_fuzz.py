"""Whatever arrives, the platform has an answer and the page can be drawn."""

from __future__ import annotations

import json
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from windsock.demo.inbox.exchange import Request
from windsock.demo.inbox.mail import read
from windsock.demo.inbox.messages import Store
from windsock.demo.inbox.msteams import CARD, MsTeams
from windsock.demo.inbox.page import page
from windsock.demo.inbox.pagerduty import PagerDuty
from windsock.demo.inbox.slack import Slack

ADDRESSES = dict.fromkeys(("slack_webhook", "slack_api", "msteams", "pagerduty", "smtp"), "")
TYPES = ["actions", "button", "context", "divider", "header", "image", "markdown", "mrkdwn", "plain_text", "section"]
TYPES += ["emoji", "link", "rich_text", "rich_text_list", "rich_text_section", "static_select", "table", "text"]
KEYS = [
    "accessory",
    "action_id",
    "actions",
    "alt_text",
    "block_id",
    "blocks",
    "color",
    "elements",
    "fallback",
    "fields",
]
KEYS += ["footer", "image_url", "mrkdwn_in", "short", "style", "text", "title", "title_link", "url", "value"]
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
leaves |= st.sampled_from([*TYPES, "https://x.example", "<b>*_`", "danger", "primary"])
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
        | st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(KEYS[:12], inner))
    ),
    max_leaves=20,
)
SLACK_KEYS = ["text", "blocks", "attachments", "channel", "username", "icon_emoji", "icon_url", "thread_ts", "ts"]
slack = st.fixed_dictionaries({}, optional={key: anything | st.lists(anything, max_size=3) for key in SLACK_KEYS})
DETAILS = ["timestamp", "component", "group", "class", "custom_details"]
event = st.fixed_dictionaries(
    {
        "routing_key": st.just("x" * 32) | anything,
        "event_action": st.sampled_from(["trigger", "acknowledge", "resolve"]) | anything,
        "payload": st.fixed_dictionaries(
            {"summary": st.text(min_size=1), "source": st.just("s"), "severity": st.just("info")},
            optional=dict.fromkeys(DETAILS, anything),
        )
        | anything,
    },
    optional=dict.fromkeys(("dedup_key", "links", "images", "client", "client_url"), anything),
)


def _request(path, value):
    headers = {"content-type": "application/json", "authorization": "Bearer xoxb-x"}
    return Request("POST", path, headers, json.dumps(value).encode())


@settings(max_examples=150, deadline=None)
@given(slack, st.sampled_from(["services/T/B/x", "api/chat.postMessage", "api/chat.update"]))
def test_slack(payload, path):
    store = Store()
    answer = Slack(store).handle(_request(f"/slack/{path}", payload))
    assert answer.status in (200, 400, 404)
    assert len(store.messages()) == (answer.error is None)
    assert page(store, ADDRESSES, {})


@settings(max_examples=150, deadline=None)
@given(event)
def test_pagerduty(payload):
    store = Store()
    answer = PagerDuty(store).handle(_request("/pagerduty/v2/enqueue", payload))
    assert answer.status in (202, 400)
    assert len(store.messages()) == (answer.status == 202)
    assert page(store, ADDRESSES, {})


ELEMENTS = [
    "ActionSet",
    "Column",
    "ColumnSet",
    "Container",
    "FactSet",
    "RichTextBlock",
    "TextBlock",
    "TextRun",
    "Image",
]
ELEMENTS += ["Action.OpenUrl"]
PARTS = [
    "actions",
    "body",
    "color",
    "columns",
    "facts",
    "fontType",
    "inlines",
    "items",
    "style",
    "text",
    "title",
    "url",
]
PARTS += ["value", "weight"]
part = st.recursive(
    leaves | st.text("*_[]()\\ \n<>&ab"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries({"type": st.sampled_from(ELEMENTS)}, optional=dict.fromkeys(PARTS, inner))
    ),
    max_leaves=20,
)
card = st.fixed_dictionaries(
    {"type": st.just("AdaptiveCard"), "version": st.sampled_from(["1.2", "1.9", "x", 1.4])},
    optional={"body": st.lists(part, max_size=4) | part, "actions": st.lists(part, max_size=2) | part},
)


@settings(max_examples=150, deadline=None)
@given(st.lists(card | part, max_size=2))
def test_msteams(cards):
    store = Store()
    payload = {"type": "message", "attachments": [{"contentType": CARD, "content": one} for one in cards]}
    answer = MsTeams(store, rate_limit=False).handle(_request("/msteams/workflows/x", payload))
    assert answer.status in (202, 400)
    assert len(store.messages()) == (answer.status == 202)
    assert page(store, ADDRESSES, {})


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([b"Subject", b"From", b"References", b"Content-Type", b"Message-ID", b"X"]), max_size=4),
    st.lists(st.binary(max_size=60) | st.sampled_from([b"multipart/mixed; boundary=a", b"=?utf-8?b?w?="]), min_size=4),
    st.binary(max_size=200),
)
def test_mail(names, values, body):
    head = b"".join(name + b": " + value + b"\r\n" for name, value in zip(names, values, strict=False))
    store = Store()
    store.add(read(SimpleNamespace(content=head + b"\r\n" + body, mail_from="a", rcpt_tos=["b"])))
    assert page(store, ADDRESSES, {})
