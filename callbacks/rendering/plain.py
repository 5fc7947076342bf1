"""A message as plain text: in a mail, in PagerDuty's details, in a terminal, through Apprise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Message


def text(message: Message) -> str:
    """The whole of it, without the title; some 8,000 characters at most."""
    lines = ["Resolved: " + message.summary if message.resolved else message.summary, *message.notes]
    lines += [message.counts] if message.counts else []
    lines += [f"{label}: {value}" for label, value in message.rows]
    if message.text and message.text != message.summary:
        lines += ["", message.text]
    if message.quote:
        lines += ["", message.quote]
    if message.log_tail:
        lines += ["", "The end of its log:", message.log_tail]
    if message.links:
        lines += ["", *(f"{label}: {url}" for label, url in message.links)]
    return "\n".join(lines)
