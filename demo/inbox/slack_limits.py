"""What Slack refuses of a message as a whole, and what it takes but shows badly.

The methods' errors and limits: https://docs.slack.dev/reference/methods/chat.postMessage and …/chat.update (whose text
has at most 4,000 characters). Texts beyond 40,000 characters are cut, not refused:
https://api.slack.com/changelog/2018-04-truncating-really-long-messages. Blocks whose texts are too long together:
https://github.com/slackapi/bolt-js/issues/2509 and …/2867.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import blocks, slack_view
from .mrkdwn import unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_BLOCKS_TEXT = 12_000
RISKY_BLOCKS_TEXT = 9_500
"""Slack counts its own containers too: 11,341 characters of text have been refused, 9,597 accepted."""
MAX_FOOTER = 300
MAX_ACTIONS = 5

Refusal = tuple[str, tuple[str, ...]]
"""Slack's word for it, and the details."""


def refusal(payload: dict[str, Any], endpoint: str) -> Refusal | None:
    """Why Slack does not take `payload` at `endpoint` (webhook, chat.postMessage, chat.update); None: it does."""
    return next(_refusals(payload, endpoint), None)


def _refusals(payload: dict[str, Any], endpoint: str) -> Iterator[Refusal]:
    """In Slack's order; what comes after the first may rest on its absence."""
    text, block_list, attachments = (payload.get(key) for key in ("text", "blocks", "attachments"))
    if not isinstance(text, (str, type(None))):
        yield "invalid_arguments", ()
    if not isinstance(block_list or [], list):
        yield "invalid_blocks_format", ()
    if not isinstance(attachments or [], list):
        yield "invalid_attachments", ()
    if len(attachments or []) > blocks.MAX_ATTACHMENTS:
        yield "too_many_attachments", ()
    wrong = tuple(blocks.errors_of(payload))
    if wrong:
        yield ("invalid_blocks" if "/blocks" in wrong[0] else "invalid_attachments"), wrong
    if not (text or "").strip() and not block_list and not slack_view.says_something(attachments or []):
        yield "no_text", ()
    if endpoint == "chat.update" and len(text or "") > MAX_UPDATE_TEXT:
        yield "msg_too_long", ()
    if endpoint != "webhook" and _blocks_text(payload) > MAX_BLOCKS_TEXT:
        yield "msg_blocks_too_long", ()


def problems(payload: dict[str, Any]) -> Iterator[str]:
    """What breaks a limit although Slack takes it."""
    text = payload.get("text") or ""
    if len(text) > MAX_TEXT:
        yield f"text has {len(text):,} characters: Slack cuts it after {MAX_TEXT:,}"
    together = _blocks_text(payload)
    if together > RISKY_BLOCKS_TEXT:
        yield f"the blocks' texts have {together:,} characters together: Slack has refused less"
    forgotten = next(filter(None, map(unescaped, _marked(payload))), None)
    if forgotten:
        yield f"{forgotten[:80]} is not escaped (&lt; and &gt;): Slack reads it as a link"
    for index, attachment in enumerate(payload.get("attachments") or []):
        if len(attachment.get("footer") or "") > MAX_FOOTER:
            yield f"attachments/{index}/footer has more than {MAX_FOOTER} characters"
        if len(attachment.get("actions") or []) > MAX_ACTIONS:
            yield f"attachments/{index}/actions has more than {MAX_ACTIONS} buttons"
        if slack_view.color_of(attachment.get("color") or "good") is None:
            yield f"attachments/{index}/color is neither good, warning, danger nor a hex colour"


def _marked(payload: dict[str, Any]) -> Iterator[str]:
    """The texts in which markup counts."""
    yield payload.get("text") or ""
    yield from _mrkdwn_texts([payload.get("blocks"), payload.get("attachments")])
    for attachment in payload.get("attachments") or []:
        fields = [str(field.get("value") or "") for field in attachment.get("fields") or []]
        yield from (attachment.get("text") or "", attachment.get("pretext") or "", *fields)


def _mrkdwn_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value.get("type") == "mrkdwn":
        yield value["text"]
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _mrkdwn_texts(inner)


def _blocks_text(payload: dict[str, Any]) -> int:
    def count(value: Any) -> int:
        if isinstance(value, list):
            return sum(map(count, value))
        if isinstance(value, dict):
            text = value.get("text")
            return (len(text) if isinstance(text, str) else 0) + sum(map(count, value.values()))
        return 0

    return count(payload.get("blocks") or [])
