"""A message as HTML: in a mail and in a preview."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Message

_CELL = '<td style="padding:2px 12px 2px 0;color:#666;vertical-align:top">'
_QUOTE = '<pre style="background:#f4f4f4;padding:8px;white-space:pre-wrap">'


def page(message: Message) -> str:
    """A whole document."""
    table = "\n".join(f"<tr>{_CELL}{escape(label)}</td><td>{escape(value)}</td></tr>" for label, value in message.rows)
    links = "&ensp;".join(f'<a href="{escape(url)}">{label}</a>' for label, url in message.links)
    parts = [
        "<!DOCTYPE html>",
        '<html><head><meta charset="utf-8"></head><body style="font-family:sans-serif;font-size:14px">',
        f'<h2 style="color:{"#1b7f3b" if message.resolved else "#b00020"}">{escape(message.title)}</h2>',
        f'<h3 style="margin:16px 0 4px">{escape(message.summary)}</h3>',
        *(f"<p><em>{escape(note)}</em></p>" for note in message.notes),
        f"<p><strong>{escape(message.counts)}</strong></p>" if message.counts else "",
        f'<table style="border-collapse:collapse">\n{table}\n</table>',
        f'<p style="white-space:pre-wrap">{escape(message.text)}</p>'
        if message.text not in ("", message.summary)
        else "",
        f"{_QUOTE}{escape(message.quote)}</pre>" if message.quote else "",
        f"<p>The end of its log:</p>\n{_QUOTE}{escape(message.log_tail)}</pre>" if message.log_tail else "",
        f"<p>{links}</p>" if links else "",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"
