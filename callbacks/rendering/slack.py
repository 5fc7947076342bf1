"""A message as Slack shows it: one attachment with the fields that Alertmanager's receiver sends.

Below Slack's limits by far: 3,000 characters of text, escaped, whatever the task wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .message import clean

if TYPE_CHECKING:
    from .message import Message

LIMIT = 3000
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"}
"""No <!channel>, no link, no end of the quotation that a text stands in."""
_LINK = 400
_CUT = "… [cut]"


def payload(message: Message, mention: str = "") -> dict[str, Any]:
    """The body of a webhook, chat.postMessage or chat.update, without its channel; `mention` is whom it calls.

    Beside the attachment: Slack may not notify those whom one names (https://github.com/getsentry/sentry/issues/19271).
    """
    event = message.event
    attachment = {
        "color": "good" if message.resolved else "danger" if event.severity == "critical" else "warning",
        "title": escape(message.title, 400),
        "text": text(message),
        "fallback": escape(message.title, 600),
        "footer": escape(" · ".join(part for part in (event.severity, event.team[:60]) if part), 250),
        "mrkdwn_in": ["text"],
    }
    if len(message.url) < _LINK and message.url:
        attachment["title_link"] = message.url
    # link_names: without it the handle of a user group is text.
    called = {"text": f"{mention} {message.name}", "link_names": True} if mention else {}
    return {**called, "attachments": [attachment]}


def text(message: Message) -> str:
    """What, since when, the links, the exception, and what else is known; the last is what is cut."""
    parts = [_what(message)]
    parts += [f"_{escape(note, 200)}_" for note in message.notes]
    parts += [f"*{escape(message.counts, 800)}*"] if message.counts else []
    links = [f"<{url}|{label}>" for label, url in message.links if len(url) < _LINK]
    parts += [" · ".join(links)] if links else []
    left = LIMIT - sum(map(len, parts)) - len(parts)
    parts += [f"```{escape(message.quote, min(1500, left - 10))}```"] if message.quote else []
    parts += [escape(message.text, min(1500, left - 10))] if message.text else []
    for label, value in message.facts:
        fact = f"{label}: {escape(value, 220)}"
        parts += [fact] if sum(map(len, parts)) + len(parts) + len(fact) < LIMIT else []
    left = LIMIT - sum(map(len, parts)) - len(parts) - 10
    if message.log_tail and left > 100:
        parts.append(f"```{escape(message.log_tail, left)}```")
    return "\n".join(parts)


def escape(value: str, limit: int) -> str:
    """Return `value` as text without markup, at most `limit` characters; no escape is cut in two."""
    out: list[str] = []
    size = 0
    for character in value:
        escaped = _ESCAPES.get(character, character)
        size += len(escaped)
        if size > limit:
            while out and size > limit - len(_CUT):
                size -= len(out.pop())
            return "".join(out).rstrip() + _CUT
        out.append(escaped)
    return "".join(out)


def _what(message: Message) -> str:
    event, said = message.event, message.event.annotations
    which = f"*{escape(_plain(event.task_id or 'The run'), 200)}*"
    which += "" if said.get("run_url") else f" in `{escape(message.run, 200)}`"
    which += f", check {escape(_plain(event.check), 100)}" if event.check else ""
    if message.resolved:
        return f":white_check_mark: {which}, resolved{f' {message.until}' if message.until else ''}"
    which += f", map index {escape(_plain(said['map_index']), 60)}" if said.get("map_index") else ""
    which += f", try {escape(_plain(said['try']), 20)}" if said.get("try") else ""
    return which + (f", since {escape(message.since, 60)}" if message.since else "")


def _plain(value: str) -> str:
    return " ".join(clean(value).split())
