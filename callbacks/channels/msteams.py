"""Microsoft Teams: a card to the webhook of a workflow, which can't be changed later, so that the end is one more.

The envelope: https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook. The workflow answers 202
before it posts. A message may have 28 KB; of more than four a second the rest is throttled (429):
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from windsock import secrets
from windsock.callbacks.rendering import plain
from windsock.text import shorten

from . import Answer, web

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings

LIMIT = 20_000
"""Bytes of a card. Teams counts what it makes of it, and some have met its limit at 21 KB."""
_LINK = 500


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """Post to the workflow whose URL `to` refers to."""
    del state
    reply = web.post(secrets.value(to, "msteams", _url), _encoded(payload(message)), settings, seconds)
    if isinstance(reply, Answer):
        return reply
    error = reply.json().get("error")
    return web.judge(reply, str(error.get("message", "")) if isinstance(error, dict) else reply.text)


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What is sent, and what a person reads."""
    del settings
    return payload(message), f"{message.title}\n{plain.text(message)}"


def payload(message: Message) -> dict[str, Any]:
    """The body: one card, of which the last is left out where it would be too large.

    What comes from a task stands in text runs, which know no Markdown: https://adaptivecards.io/explorer/TextRun.html.
    """
    color = "Good" if message.resolved else "Attention" if message.event.severity == "critical" else "Warning"
    body = [
        _line(_run(shorten(message.title, 400), weight="Bolder", size="Medium", color=color)),
        _line(_run(f"Resolved: {message.summary}" if message.resolved else message.summary)),
        *(_line(_run(note, italic=True)) for note in message.notes),
        *([_line(_run(message.counts, weight="Bolder"))] if message.counts else []),
    ]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": label, "url": url} for label, url in message.links if len(url) < _LINK
        ],
    }
    envelope = {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
        ],
    }
    said = message.text if message.text != message.summary else ""
    rows = [_line(_run(f"{label}: ", weight="Bolder"), _run(value)) for label, value in message.rows]
    parts = [*_lines(message.quote), *_lines(said), *rows, *_lines(message.log_tail)]
    body += _fitting(parts, LIMIT - len(_encoded(envelope)))
    return envelope


def _lines(text: str) -> list[dict[str, Any]]:
    """A quotation, each of its lines by itself: not every client of Teams breaks the line of a run."""
    lines = text.split("\n") if text else []
    # The blanks that a line begins with would be dropped.
    indented = [line.replace(" ", "\u00a0", len(line) - len(line.lstrip(" "))) for line in lines]
    return [{**_line(_run(line or "\u00a0", fontType="Monospace")), "spacing": "None"} for line in indented]


def _fitting(parts: Sequence[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """The first of `parts`, as many as have room, and a mark where that is not all."""
    room -= len(_encoded(_CUT)) + 2
    fitting: list[dict[str, Any]] = []
    for part in parts:
        room -= len(_encoded(part)) + 2
        if room < 0:
            return [*fitting, _CUT]
        fitting.append(part)
    return fitting


def _line(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **look}


_CUT = _line(_run("… [cut]", isSubtle=True))


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def _url(found: Any) -> str:
    """A connection has it as its password; its own fields have no place for what stands behind the question mark."""
    secret = str(found.password or "")
    return secret if secret.startswith("http") else secrets.address(found)
