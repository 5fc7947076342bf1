"""One card a conversation: a Slack message with its thread, a card of Teams, an incident, a mail thread."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from . import adaptive_card, pagerduty_view, slack_view
from .emoji import with_emoji
from .markup import Html, element, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Message

_RAW = 20_000
_EARLIER = 20
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (float("inf"), 86_400, "d"))


def card(messages: Sequence[Message]) -> Html:
    """The card of one conversation, its messages oldest first."""
    last = messages[-1]
    body = {"slack": _slack, "msteams": _msteams, "pagerduty": _pagerduty, "mail": _mail}[last.platform]
    problems = [problem for message in messages for problem in message.problems]
    return element(
        "article",
        element(
            "div",
            element("span", last.platform, class_="platform"),
            element("span", channel_of(last), class_="channel", dir="auto"),
            moment(last.received_at),
            class_="head",
        ),
        body(messages),
        problems and element("ul", join(element("li", problem) for problem in problems), class_="problems"),
        element("details", element("summary", "Payload"), element("pre", _raw(last)), class_="raw"),
        id=f"c{messages[0].seq}",
        class_=last.platform,
        data_changed=f"{len(messages)}-{max(message.changed for message in messages)}",
    )


def channel_of(message: Message) -> str:
    """What the page calls the channel; of a routing key only its ends."""
    key = message.channel
    return f"{key[:4]}…{key[-4:]}" if message.platform == "pagerduty" else key


def moment(at: float) -> Html:
    """How long ago `at` (unix seconds) was; the date when one points at it."""
    passed = max(0.0, time.time() - at)
    size, unit = next((size, unit) for end, size, unit in _STEPS if passed < end)
    then = datetime.fromtimestamp(at, timezone.utc)
    return element(
        "time",
        f"{passed // size:.0f} {unit} ago" if passed >= 5 else "just now",
        datetime=then.isoformat(timespec="seconds"),
        title=then.astimezone().strftime("%A, %d %B %Y, %H:%M:%S %Z"),
    )


def _slack(messages: Sequence[Message]) -> Html:
    first, *replies = messages
    if first.thread:
        # What the thread began with has been let go.
        return join(map(_post, messages))
    label = f"{len(replies)} repl{'y' if len(replies) == 1 else 'ies'}"
    return join(
        [
            _post(first),
            replies and element("div", element("p", label), join(map(_post, replies)), class_="thread"),
        ]
    )


def _post(message: Message) -> Html:
    payload = message.payload
    name = str(payload.get("username") or "App")
    icon = with_emoji(str(payload.get("icon_emoji") or ""))
    return element(
        "div",
        element("div", icon if icon and not icon.startswith(":") else name[:1].upper(), class_="avatar"),
        element(
            "div",
            element(
                "p",
                element("b", name),
                element("span", "APP", class_="app"),
                message.thread and moment(message.received_at),
                class_="sender",
            ),
            element("div", slack_view.content(payload), class_="said", dir="auto"),
            message.edited and element("span", "(edited)", class_="edited"),
        ),
        class_="post",
    )


def _msteams(messages: Sequence[Message]) -> Html:
    cards = [attachment["content"] for message in messages for attachment in message.payload["attachments"]]
    return element("div", adaptive_card.content(cards), class_="said", dir="auto")


def _pagerduty(messages: Sequence[Message]) -> Html:
    steps = [element("li", element("b", message.state or ""), " ", moment(message.received_at)) for message in messages]
    return element(
        "div", pagerduty_view.incident(messages), element("ol", *steps, class_="timeline"), class_="said", dir="auto"
    )


def _mail(messages: Sequence[Message]) -> Html:
    *earlier, last = messages
    return join(
        [
            _letter(last),
            earlier
            and element(
                "details",
                element("summary", f"{len(earlier)} earlier in this thread"),
                join(map(_letter, earlier[: -_EARLIER - 1 : -1])),
                class_="earlier",
            ),
        ]
    )


def _letter(message: Message) -> Html:
    mail = message.payload
    sender, to = (mail["headers"].get(name) for name in ("From", "To"))
    rows = [("From", sender or mail["mail_from"]), ("To", to or message.channel)]
    rows += [("In reply to", message.thread)] if message.thread else []
    rows += [("Attachments", ", ".join(mail["attachments"]))] if mail["attachments"] else []
    # The frame runs no script; it is of the page's origin so that the page can give it the height that it needs.
    frame = mail["html"] is not None and element(
        "iframe",
        srcdoc=f'<base target="_blank">{mail["html"]}',
        sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox",
        title=f"Mail: {mail['subject']}",
    )
    return element(
        "div",
        element("h3", mail["subject"] or "(no subject)"),
        element("table", *(element("tr", element("th", name), element("td", value)) for name, value in rows)),
        frame or element("pre", (mail["text"] or "").strip(), class_="plain letter"),
        class_="said",
        dir="auto",
    )


def _raw(message: Message) -> str:
    payload: Any = message.payload
    if message.platform == "pagerduty":
        payload = {**payload, "routing_key": channel_of(message)}
    return json.dumps(payload, indent=2, ensure_ascii=False)[:_RAW]
