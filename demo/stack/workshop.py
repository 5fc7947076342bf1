"""Where what takes minutes is made, once, and kept: one at a time makes it, and build.log has what was printed."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from windsock.exceptions import MissingProgramError, StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

GO = "apt-get install golang-go, or for 1.23 and later see https://go.dev/dl"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's words for what Python's `platform.machine()` says."""


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold the folder `place`, which is made where it is missing: the tests and a demo may both want what is in it."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def need(program: str, install: str) -> None:
    """Raises MissingProgramError where it is not on the PATH."""
    if shutil.which(program) is None:
        raise MissingProgramError(program, install)


def run(place: Path, *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run a step; `env` is added to the environment. Raises StackError with the end of what it printed."""
    log = place / "build.log"
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            cwd=cwd or place,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise StackError(f"`{command[0]}` failed; the end of {log}:\n{last}")


def download(place: Path, module: str) -> Path:
    """The folder of a Go module, "path@version", in Go's own cache. Raises StackError."""
    need("go", GO)
    done = subprocess.run(
        ["go", "mod", "download", "-json", module], cwd=place, capture_output=True, text=True, check=False
    )
    said: dict[str, str] = json.loads(done.stdout or "{}")
    if "Dir" not in said:
        raise StackError(f"{module} can't be fetched: {said.get('Error') or done.stderr.strip()}")
    return Path(said["Dir"])


def go(place: Path, least: str, say: Callable[[str], None]) -> str:
    """A `go` of the version `least` or later: that of the PATH, or `least` from the Go module proxy.

    Debian 12's is 1.19, which does not yet fetch the one that a module asks for by itself. Raises StackError.
    """
    need("go", GO)
    found = subprocess.run(["go", "env", "GOVERSION"], cwd=place, capture_output=True, text=True, check=False).stdout
    if _release(found) >= _release(least):
        return "go"
    machine = ARCHITECTURES.get(platform.machine(), platform.machine())
    say(f"fetching Go {least}: that of the PATH is {found.strip().removeprefix('go') or 'none that runs'}")
    home = download(place, f"golang.org/toolchain@v0.0.1-go{least}.{platform.system().lower()}-{machine}")
    for program in (*home.glob("bin/*"), *home.glob("pkg/tool/*/*")):
        # A module's files can't be run; later Go does the same with its own.
        if not os.access(program, os.X_OK):
            program.chmod(0o755)
    return str(home / "bin" / "go")


def _release(version: str) -> tuple[int, ...]:
    """(1, 26, 7) of "go1.26.7" or of "1.26.7"; what can't be read is older than all."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found else ()
