"""A part of the stack: a script, the process that runs it, and how one sees that it is ready."""

from __future__ import annotations

import shlex
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import requests

    from .folder import Folder

TAIL = 12


@dataclass(frozen=True)
class Part:
    """What is started. `environment` is all of it: neither the user's settings nor a proxy reach a part."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    url: str
    """Answers well when the part is ready."""
    patience: float = 90.0
    """Seconds to get ready."""
    is_ready: Callable[[requests.Response], bool] = field(default=lambda answer: answer.ok)
    arguments: Sequence[str] = ()
    """Given to the script where it is started, so that a user can give others."""


class Process:
    """A part that runs."""

    def __init__(self, part: Part, folder: Folder) -> None:
        self.part = part
        self.script = write_script(part, folder)
        self.log = folder.logs / f"{part.name}.log"
        with self.log.open("wb") as output:
            self._popen = subprocess.Popen(
                [str(self.script), *part.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for `windsock up` alone: it ends the parts in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the part itself: the script execs it."""
        return self._popen.pid

    def is_ready(self, session: requests.Session) -> bool:
        """Ask once, for two seconds at most."""
        try:
            return self.part.is_ready(session.get(self.part.url, timeout=2))
        except (OSError, ValueError):
            return False

    def death(self) -> str | None:
        """None while it runs, else how it ended."""
        code = self._popen.poll()
        if code is None:
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def tail(self) -> str:
        """The last lines of its log, with the log's path."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:]
        return "\n".join([f"the end of {self.log}:", *(f"  {line}" for line in lines)])


def write_script(part: Part, folder: Folder) -> Path:
    """Write how a part is started into a file that a user can run, too."""
    path = folder.scripts / part.name
    path.write_text(_script(part, folder))
    path.chmod(0o700)
    return path


def _script(part: Part, folder: Folder) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in part.environment.items()]
    return "\n".join(
        [
            "#!/bin/sh",
            f"# {part.name} as `windsock up` starts it; after a kill it can be started again by hand.",
            f"cd {shlex.quote(str(folder.run / 'tmp'))} || exit 1",
            "exec env -i \\",
            *(f"  {variable} \\" for variable in variables),
            f'  {shlex.join(part.command)} "$@"',
            "",
        ]
    )
