"""Opsgenie's Alert API v2 (https://docs.opsgenie.com/docs/alert-api): one alert a task, closed by its alias.

It answers 202 before it has looked at a request: that there is nothing to close is no error.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from windsock import secrets
from windsock.callbacks.rendering import plain
from windsock.callbacks.rendering.message import clean
from windsock.text import line, shorten

from . import Answer, incident, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings

_MESSAGE, _DESCRIPTION, _ENTITY, _SOURCE = 130, 15_000, 512, 100
_PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """Create or close the alert; `to` is the reference to an API integration's key."""
    del state
    path, body = request(message)
    headers = {"Authorization": f"GenieKey {secrets.value(to, 'opsgenie')}"}
    reply = web.post(f"{settings.channels.opsgenie.url}{path}", json.dumps(body).encode(), settings, seconds, headers)
    if isinstance(reply, Answer):
        return reply
    said = reply.json()
    return web.judge(reply, str(said.get("message") or said.get("result") or reply.text))


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What is sent, and what the alert is called."""
    del settings
    path, body = request(message)
    return {"path": path, **body}, str(body.get("message", f"closes {incident.key(message.event)}"))


def request(message: Message) -> tuple[str, dict[str, Any]]:
    """The path behind the API's address, and the body."""
    event = message.event
    if message.resolved:
        alias = quote(incident.key(event), safe="")
        note = f"Resolved: {message.summary}"
        return f"/v2/alerts/{alias}/close?identifierType=alias", {"source": _source(event.cluster), "note": note}
    count = f" and {message.failures - 1} more" if message.failures > 1 else ""
    return "/v2/alerts", {
        "message": line(f"{message.name}: {message.summary}", _MESSAGE - len(count)) + count,
        "alias": incident.key(event),
        "description": shorten(plain.text(message), _DESCRIPTION),
        "source": _source(event.cluster),
        "entity": line(clean(event.dag_id), _ENTITY),
        "priority": _PRIORITIES.get(event.severity, "P3"),
    }


def _source(cluster: str) -> str:
    return line(cluster, _SOURCE)
