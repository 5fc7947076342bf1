"""promtool and amtool, the programs that know best what Prometheus and Alertmanager will take."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from windsock.exceptions import MissingProgramError, WindsockError

if TYPE_CHECKING:
    from pathlib import Path

_INSTALL = {
    "promtool": "`apt-get install prometheus` brings it, and so does every download of Prometheus",
    "amtool": "`apt-get install prometheus-alertmanager` brings it, and so does every download of Alertmanager",
}
_TIMEOUT = 600
"""Seconds: promtool's unit tests take some forty of a core, and a busy machine has none to spare."""


def run(program: str, *arguments: str | Path) -> str:
    """Return the program's standard output. Raises MissingProgramError, and WindsockError where it failed."""
    path = shutil.which(program)
    if path is None:
        raise MissingProgramError(program, _INSTALL[program])
    command = [path, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise WindsockError(f"{program} did not end within {_TIMEOUT} s") from None
    if done.returncode:
        raise WindsockError(f"{program} {arguments[0]} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout.strip()
