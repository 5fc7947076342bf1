"""A PagerDuty incident as a responder sees it: state, title, details, and what happened to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .markup import Html, element, join, link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Message


def event(state: str, title: str, payload: dict[str, Any]) -> Html:
    """One event, read on its own: the state in which it left the incident `title`, and what a trigger brought."""
    line = element("p", f"{state}: {title}")
    if payload["event_action"] != "trigger":
        return line
    return join([line, element("p", payload["payload"]["severity"]), _facts(payload)])


def incident(events: Sequence[Message]) -> Html:
    """The incident that `events` (oldest first) made; its title is that of the first trigger, as at PagerDuty."""
    state = events[-1].state or ""
    first = next((m.payload for m in events if m.payload["event_action"] == "trigger"), None)
    if first is None:
        return element("div", events[-1].text, class_="text")
    details = first["payload"]
    return join(
        [
            element(
                "div",
                element("span", state, class_=f"state {state}"),
                element("span", details["severity"], class_=f"severity {details['severity']}"),
                class_="states",
            ),
            element("h3", link(first.get("client_url"), details["summary"])),
            _facts(first),
        ]
    )


def _facts(payload: dict[str, Any]) -> Html:
    details = payload["payload"]
    rows = [(key, details.get(key)) for key in ("source", "component", "group", "class")]
    rows += list((details.get("custom_details") or {}).items())
    links = [link(item["href"], item.get("text") or item["href"]) for item in payload.get("links") or []]
    links += [link(item.get("href") or item["src"], item.get("alt") or "image") for item in payload.get("images") or []]
    table = [
        element("tr", element("th", key), element("td", element("pre", _value(value), class_="plain")))
        for key, value in rows
        if value not in (None, "")
    ]
    return join(
        [
            table and element("table", join(table)),
            links and element("div", join(links, " · "), class_="links"),
        ]
    )


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
