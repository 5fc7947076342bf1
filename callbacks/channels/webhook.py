"""A server of the user's own, which gets JSON; docs/channels.md has the fields.

With `channels.webhook.secret` each request has the header `X-Windsock-Signature: t=UNIX_TIME,v1=HEX`, the HMAC-SHA256
of `UNIX_TIME.BODY`: a server that checks it and the time knows who sent it, and that it is no old one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

from windsock import secrets
from windsock.callbacks.rendering import plain

from . import Answer, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """POST to `to`, a URL or the reference to one."""
    del state
    config = settings.channels.webhook
    url = to if "://" in to else secrets.value(to, "webhook", secrets.address)
    data = json.dumps(body(message)).encode()
    headers = secrets.filled(config.headers, "channels.webhook.headers")
    if config.secret:
        headers["X-Windsock-Signature"] = sign(data, secrets.value(config.secret, "channels.webhook.secret"))
    reply = web.post(url, data, settings, seconds, headers)
    return reply if isinstance(reply, Answer) else web.judge(reply, reply.text)


def body(message: Message) -> dict[str, Any]:
    """The JSON; `id` is the same for each attempt to deliver it."""
    return {
        "version": 1,
        "id": message.id,
        "status": message.status,
        "title": message.title,
        "text": plain.text(message),
        "labels": message.event.labels,
        "annotations": {name: value[:2000] for name, value in message.event.annotations.items() if value},
        "failures": message.failures,
        "tasks": dict(message.tasks),
        "notes": list(message.notes),
    }


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What is sent, but for its signature; nobody reads it."""
    del settings
    return body(message), ""


def sign(data: bytes, secret: str, now: float | None = None) -> str:
    """The value of X-Windsock-Signature."""
    moment = int(time.time() if now is None else now)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + data, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
