"""A process of its own for one template: whatever its author wrote, it ends in time and within its memory.

`template` runs this file with nothing of windsock in it. Standard input has JSON: `path` (for sys.path), `template` and
`values`; standard output gets JSON: what the template says, and what went wrong, in words.
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import signal
import sys
from typing import Any

_SECONDS = 2
"""Of the processor, half of one for starting: how busy the machine is does not count."""
_PATIENCE = 20
"""Seconds after which it ends however little of the processor it got: whoever asked has given up, or was killed."""
_MEMORY = 512 << 20
"""Bytes of address space, most of them for starting."""
_LARGEST = 20_000
"""Characters that a template may say."""
_LINES = 200
"""Lines that are tried by themselves."""
_NOTHING = "\ue000"
"""What an unknown name leaves behind; no text that is cleaned has it (it is of a private area of Unicode)."""


def main() -> None:
    """Render the template that standard input has."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.alarm(_PATIENCE)
    given = json.load(sys.stdin)
    sys.path[:] = given["path"]
    for limit, value in ((resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_AS, _MEMORY)):
        with contextlib.suppress(OSError, ValueError):  # not every system has both
            resource.setrlimit(limit, (value, value))
    json.dump(_said(given["template"], given["values"]), sys.stdout)


def _said(template: str, values: dict[str, Any]) -> dict[str, str]:
    try:
        return {"text": _render(template, values), "problem": ""}
    except Exception as error:  # noqa: BLE001  a template may raise anything; the alert goes out all the same
        problem = f"{type(error).__name__}: {error}"
    said = []
    for line in template.split("\n")[:_LINES]:
        with contextlib.suppress(Exception):
            said.append(_render(line, values))
    return {"text": "\n".join(filter(None, said)), "problem": problem}


def _render(template: str, values: dict[str, Any]) -> str:
    from jinja2 import ChainableUndefined  # noqa: PLC0415  found by the path that was given
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    class Nothing(ChainableUndefined):
        def __str__(self) -> str:
            return _NOTHING

    environment = ImmutableSandboxedEnvironment(undefined=Nothing, autoescape=False, trim_blocks=True)
    said, size = [], 0
    for piece in environment.from_string(template).generate(values):
        said.append(piece[:_LARGEST])
        size += len(piece)
        if size > _LARGEST:
            break
    lines = "".join(said)[:_LARGEST].split("\n")
    text = "\n".join(line for line in lines if _NOTHING not in line)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


if __name__ == "__main__":
    main()
