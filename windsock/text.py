"""Exception texts that are safe to send: without secrets, of bounded size, of characters that show what they are."""

from __future__ import annotations

import re

from windsock.airflow import compat
from windsock.redaction import redact

LIMIT = 1000
"""Characters of an annotation: it is to be read in a chat."""

_MARK = "… [cut]"
_WINDOW = 20_000
"""Characters that are searched for secrets; an exception may carry megabytes, and the task waits."""
_MARGIN = 2000
"""Where the window cuts a secret in two, no pattern knows the rest: so much of the window's end is never shown."""
# Texts, which `re` compiles where one is needed: most are plain.
_UNSEEN = (
    "\x1b\\[[0-9;?]{0,20}[ -/]?[@-~]"  # colours of a terminal
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    "|[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"  # what turns or hides the text behind it
)
_LONE = "[\ud800-\udfff]"
"""Halves of a character: no UTF-8 has them."""


def describe(error: BaseException | str) -> str:
    """Return `ValueError: its message`, safe to send; a text stands for itself."""
    if isinstance(error, str):
        return safe(error)
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  the author's own __str__
        message = ""
    return safe(f"{name}: {message}" if message.strip() else name)


def safe(text: str, limit: int = LIMIT) -> str:
    """Return `text` without secrets and no longer than `limit` characters; a cut is marked."""
    window = redact(compat.mask(clean(text[:_WINDOW])))
    if len(text) > _WINDOW:
        window = window[:-_MARGIN] + _MARK
    return shorten(window.strip(), limit)


def clean(text: str) -> str:
    """Return `text` without characters that are not seen, or that make others look like something else."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return re.sub(_LONE, "\ufffd", re.sub(_UNSEEN, "", text.replace("\r\n", "\n").replace("\r", "\n")))


def shorten(text: str, limit: int) -> str:
    """Return `text`, or as much of it as leaves room for the mark that says so."""
    return text if len(text) <= limit else text[: limit - len(_MARK)].removesuffix(_MARK).rstrip() + _MARK


def line(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters, and `clean`."""
    return shorten(" ".join(clean(text).split()), limit)
