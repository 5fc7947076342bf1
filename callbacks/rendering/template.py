"""What a team says in its own words: jinja text in a sandbox, where a name that does not exist costs its line only."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from .message import QUOTE

if TYPE_CHECKING:
    from .message import Message

_NOTHING = "\ue000"
"""What an unknown name leaves behind; no text that is cleaned has it (it is of a private area of Unicode)."""
_LARGEST = 20_000


def render(template: str, message: Message) -> str | None:
    """Return what `template` says of `message`; None where it says nothing.

    Where the whole can't be rendered each line is tried by itself, and where none can, that is said.
    """
    try:
        return _render(template, message) or None
    except Exception as error:  # noqa: BLE001  a template may raise anything; the alert goes out all the same
        problem = f"(the template failed: {type(error).__name__}: {error})"
    said = []
    for line in template.split("\n")[:200]:
        with contextlib.suppress(Exception):
            said.append(_render(line, message))
    return "\n".join(filter(None, said)) or f"{problem[:300]}\n{_fallback(message)}"


def _render(template: str, message: Message) -> str:
    from jinja2 import ChainableUndefined  # noqa: PLC0415  Airflow has it, and only who uses templates needs it
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    class Nothing(ChainableUndefined):
        def __str__(self) -> str:
            return _NOTHING

    environment = ImmutableSandboxedEnvironment(undefined=Nothing, autoescape=False, trim_blocks=True)
    said, size = [], 0
    for piece in environment.from_string(template).generate(dict(message.values())):
        said.append(piece[:_LARGEST])
        size += len(piece)
        if size > _LARGEST:
            break
    lines = "".join(said)[:_LARGEST].split("\n")
    text = "\n".join(line for line in lines if _NOTHING not in line)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _fallback(message: Message) -> str:
    return (message.event.annotations.get("exception") or message.summary)[:QUOTE]
