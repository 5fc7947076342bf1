"""How Slack calls a channel: names that people use, ids that the API gives out."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

_NAME = re.compile(r"#?([\w-]{1,80})")
_ID = re.compile(r"[CDGU][A-Z0-9]{8,}")


def is_id(text: str) -> bool:
    """Whether `text` is an id."""
    return _ID.fullmatch(text) is not None


def channel_of(given: Any) -> str | None:
    """`#name` of a name or of an id from `id_of`; another id or a person stays as it is; None: this is no channel."""
    text = given.strip() if isinstance(given, str) else ""
    if is_id(text):
        return _named(text) or text
    if text.startswith("@") and len(text) > 1:
        return text
    match = _NAME.fullmatch(text)
    return f"#{match[1]}" if match else None


def id_of(channel: str) -> str:
    """An id that says the name, so that nothing has to be remembered."""
    if not channel.startswith("#"):
        return channel
    return "C0" + base64.b32encode(channel[1:].encode()).decode().rstrip("=").ljust(7, "0")


def _named(channel_id: str) -> str | None:
    letters = channel_id[2:].rstrip("0")
    try:
        name = base64.b32decode(letters + "=" * (-len(letters) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return f"#{name}" if id_of(f"#{name}") == channel_id else None
