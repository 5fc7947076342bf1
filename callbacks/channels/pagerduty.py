"""PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/send-alert-event): one incident for each task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from windsock import secrets
from windsock.callbacks.rendering import plain
from windsock.callbacks.rendering.message import clean
from windsock.text import line

from . import Answer, incident, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings

_SUMMARY = 1024
_SEVERITIES = ("critical", "error", "warning", "info")


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """Trigger or resolve the incident; `to` is the reference to the integration's routing key."""
    del state
    body = {"routing_key": secrets.value(to, "pagerduty"), **event(message)}
    reply = web.post(settings.channels.pagerduty.url, json.dumps(body).encode(), settings, seconds)
    if isinstance(reply, Answer):
        return reply
    said = reply.json()
    errors = said.get("errors")
    words = "; ".join(map(str, errors)) if isinstance(errors, list) else str(said.get("message") or reply.text)
    return web.judge(reply, words)


def event(message: Message) -> dict[str, Any]:
    """The body without the routing key."""
    failed = message.event
    if message.resolved:
        return {"event_action": "resolve", "dedup_key": incident.key(failed)}
    count = f" and {message.failures - 1} more" if message.failures > 1 else ""
    return {
        "event_action": "trigger",
        "dedup_key": incident.key(failed),
        "client": "windsock",
        **({"client_url": message.url} if message.url else {}),
        "links": [{"href": url, "text": label} for label, url in message.links],
        "payload": {
            "summary": line(f"{message.name}: {message.summary}", _SUMMARY - 60) + count,
            "source": failed.cluster,
            "severity": failed.severity if failed.severity in _SEVERITIES else "error",
            "class": failed.alertname,
            "component": line(clean(failed.dag_id), 255),
            "group": failed.cluster,
            "custom_details": {"firing": plain.text(message)},
        },
    }


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What is sent, but for the routing key, and the incident's title."""
    del settings
    sent = event(message)
    return sent, str(sent.get("payload", {}).get("summary", f"resolves {sent['dedup_key']}"))
