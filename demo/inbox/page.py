"""The page: every message as its platform shows it, newest first, whole without JavaScript."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from . import cards
from .markup import Html, element, join
from .messages import PLATFORMS, Attempt, Message, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN = 200
"""How many conversations the page holds."""
SHOWN_REFUSALS = 20

_NAMES = {"slack": "Slack", "msteams": "Teams", "pagerduty": "PagerDuty", "mail": "Mail"}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath d='M5 3v26' "
    "stroke='%23808a99' stroke-width='3' stroke-linecap='round'/%3E%3Cpath d='M7 6l20 4v6L7 20z' fill='%23e8590c'/%3E"
    "%3Cpath d='M13 7.2v11.6l5-1V8.200z' fill='white'/%3E%3C/svg%3E"
)


def page(store: Store, addresses: Mapping[str, str], query: Mapping[str, str]) -> Html:
    """The whole page; `query` may name a `platform` and a `channel`."""
    platform, channel = query.get("platform", ""), query.get("channel", "")
    messages, refused = store.messages(), [attempt for attempt in store.attempts() if attempt.refused]
    chosen = [m for m in messages if platform in ("", m.platform) and channel in ("", cards.channel_of(m))]
    body = [
        element(
            "header",
            element("h1", element("a", "windsock ", element("span", "inbox"), href="/")),
            element("p", _count(len(messages), "message"), id="count"),
            element("nav", _filters(messages, platform, channel), id="filters", aria_label="Filter"),
        ),
        element("div", _refusals(refused), id="refused"),
        element("main", _conversations(chosen) if chosen else _empty(addresses, messages), id="messages"),
    ]
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", "windsock inbox"),
        element("link", rel="icon", href=_ICON),
        element("link", rel="stylesheet", href="/page.css"),
        element("script", "", src="/page.js", defer=True),
        element("noscript", element("meta", http_equiv="refresh", content="10")),
    ]
    return Html("<!doctype html>" + element("html", element("head", *head), element("body", *body), lang="en"))


def _filters(messages: Sequence[Message], platform: str, channel: str) -> Html:
    platforms = Counter(message.platform for message in messages)
    chips = [_chip("All", len(messages), {}, current=not platform and not channel)]
    for name in PLATFORMS:
        if platforms[name]:
            current = name == platform and not channel
            chips.append(_chip(_NAMES[name], platforms[name], {"platform": name}, current=current))
    channels = Counter(
        (message.platform, cards.channel_of(message)) for message in messages if platform in ("", message.platform)
    )
    named = [
        _chip(name, count, {"platform": kind, "channel": name}, current=(kind, name) == (platform, channel))
        for (kind, name), count in channels.most_common(30)
    ]
    return join([element("div", *chips), named and element("div", *named, class_="channels")])


def _chip(label: str, count: int, query: dict[str, str], *, current: bool) -> Html:
    href = f"/?{urlencode(query, errors='replace')}" if query else "/"
    return element("a", label, element("span", f" {count}"), href=href, aria_current=current and "page")


def _conversations(messages: Sequence[Message]) -> Html:
    conversations: dict[str, list[Message]] = {}
    for message in reversed(messages):
        conversations.setdefault(message.conversation, []).insert(0, message)
    shown = list(conversations.values())[:SHOWN]
    return join(map(cards.card, shown))


def _refusals(attempts: Sequence[Attempt]) -> Html | None:
    if not attempts:
        return None
    rows = [
        element(
            "li",
            cards.moment(attempt.at),
            f" {_NAMES[attempt.platform]} {attempt.endpoint}: ",
            element("b", attempt.error or attempt.fault or ""),
            attempt.fault and " (as asked)",
            attempt.details and element("ul", join(element("li", line) for line in attempt.details[:5])),
        )
        for attempt in reversed(attempts[-SHOWN_REFUSALS:])
    ]
    label = _count(len(attempts), "request") + " did not get through"
    return element("details", element("summary", label), element("ul", *rows))


def _empty(addresses: Mapping[str, str], messages: Sequence[Message]) -> Html:
    if messages:
        return element("section", element("h2", "Nothing here matches"), element("p", "Choose another filter above."))
    hook = addresses["slack_webhook"]
    rows = [
        ("Slack webhook", hook),
        ("Slack API", f"{addresses['slack_api']}  (any token xoxb-…)"),
        ("Teams workflow", addresses["msteams"]),
        ("PagerDuty", f"{addresses['pagerduty']}  (any key of 32 characters)"),
        ("Mail", f"{addresses['smtp']}  (SMTP, no TLS, no password)"),
    ]
    return element(
        "section",
        element("h2", "No messages yet"),
        element("p", "Point a sender at one of these addresses; what it sends appears here by itself."),
        element(
            "table", *(element("tr", element("th", name), element("td", element("code", at))) for name, at in rows)
        ),
        element("p", "Or try it now:"),
        element("pre", f"curl -d '{{\"text\": \"Hello, *inbox*\"}}' -H 'Content-Type: application/json' \\\n  {hook}"),
        class_="empty",
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
