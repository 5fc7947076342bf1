"""What a team says in its own words: jinja text in a sandbox, where a name that does not exist costs its line only.

A template may be made to take for ever, or all memory, and what computes in C can't be stopped from within its process:
each is rendered in one of its own (`sandbox`), some 0.1 s, so that it costs its own alert nothing but its words, and
all others nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .message import QUOTE

if TYPE_CHECKING:
    from .message import Message

_PATIENCE = 10.0
"""Seconds until a template is given up; on a machine that has time, its process ends by itself before."""
_REMEMBERED = 60.0
"""Seconds for which a process does not try it again: many messages may have the same one."""
_PROBLEM = 300
_COMMAND = (sys.executable, "-I", "-S", str(Path(__file__).with_name("sandbox.py")))
_ENVIRONMENT = ("LD_LIBRARY_PATH", "PATH")
"""What Python may need to start: all else may be secret."""

_given_up: dict[int, float] = {}
"""Hashes of templates, and until when on the monotonic clock they are not tried again."""


def render(template: str, message: Message, seconds: float = _PATIENCE) -> str | None:
    """Return what `template` says of `message` within `seconds`; None where it says nothing.

    Where the whole can't be rendered each line is tried by itself, and where none can, that is said.
    """
    said, problem = _rendered(template, message, min(seconds, _PATIENCE))
    return said or (f"(the template failed: {problem[:_PROBLEM]})\n{_fallback(message)}" if problem else None)


def _rendered(template: str, message: Message, seconds: float) -> tuple[str, str]:
    """What it says, and what went wrong."""
    too_much, now = "it takes too long, or too much memory", time.monotonic()
    if _given_up.get(hash(template), now) > now:
        return "", too_much
    given = json.dumps({"path": sys.path, "template": template, "values": dict(message.values())})
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(
            _COMMAND, input=given.encode(), capture_output=True, timeout=max(0.0, seconds), env=environment, check=False
        )
        found = json.loads(done.stdout)
        return str(found["text"]), str(found["problem"])
    except (subprocess.TimeoutExpired, ValueError):
        for old in [key for key, until in _given_up.items() if until < now]:
            del _given_up[old]
        _given_up[hash(template)] = now + _REMEMBERED
        return "", too_much
    except OSError as error:
        return "", f"no process to render it: {error}"


def _fallback(message: Message) -> str:
    return (message.event.annotations.get("exception") or message.summary)[:QUOTE]
