"""Celery's queues and workers in a RabbitMQ, by the HTTP API of its management plugin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from windsock import http

from .reading import Reading

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from windsock.settings.exporter import Celery

EXPECTED = "http://USER:PASSWORD@HOST:15672[/VHOST] of RabbitMQ's management plugin, or https://"
_QUEUES = "columns=name,messages_ready,messages_unacknowledged"
_MOST_BYTES = 16 << 20
"""Of an answer: a consumer has 1 KB, and a worker is one for each queue that it reads, and two more."""


def suits(parts: SplitResult) -> bool:
    """Whether a RabbitMQ can be asked by these parts of a URL."""
    return bool(parts.hostname and parts.username and parts.password) and not parts.query


def read(parts: SplitResult, settings: Celery) -> Reading:
    """Ask twice, each time for as long as `timeout`. Raises OSError."""
    vhost = quote(unquote(parts.path.strip("/")) or "/", safe="")
    ours = set(settings.queues)
    queues = [one for one in _get(parts, f"/api/queues/{vhost}?{_QUEUES}", settings) if one.get("name") in ours]
    consumers = _get(parts, f"/api/consumers/{vhost}", settings)
    waiting = dict.fromkeys(settings.queues, 0.0)
    # The plugin leaves numbers out of a queue that was declared just now.
    waiting |= {one["name"]: float(one.get("messages_ready") or 0) for one in queues}
    held = sum(int(one.get("messages_unacknowledged") or 0) for one in queues)
    # A worker is one connection, whatever the number of queues that it consumes.
    workers = {_connection(one) for one in consumers if _part(one, "queue").get("name") in ours}
    return Reading(waiting, held, len(workers))


def _get(parts: SplitResult, path: str, settings: Celery) -> list[dict[str, Any]]:
    host = parts.netloc.rpartition("@")[2]
    login = http.basic(unquote(parts.username or ""), unquote(parts.password or ""))
    asked = http.Client(limit=_MOST_BYTES)
    reply = asked.request(f"{parts.scheme}://{host}{path}", None, {"Authorization": login}, settings.timeout)
    if reply.status != 200:
        raise OSError(f"RabbitMQ's management answers {reply.status} to {path.partition('?')[0]}")
    try:
        found = json.loads(reply.body) if reply.whole else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise OSError("an answer that is not RabbitMQ's, or too long")
    return [one for one in found if isinstance(one, dict)]


def _connection(consumer: dict[str, Any]) -> str:
    return str(_part(consumer, "channel_details").get("connection_name"))


def _part(consumer: dict[str, Any], name: str) -> dict[str, Any]:
    found = consumer.get(name)
    return found if isinstance(found, dict) else {}
