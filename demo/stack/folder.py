"""The one folder that the stack writes to, and the lock on it."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.exceptions import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DEFAULT = ".windsock"


@dataclass(frozen=True)
class Folder:
    """`home` is absolute. `run/` is made anew at each start and kept for a look afterwards; the rest is kept."""

    home: Path

    @property
    def run(self) -> Path:
        """Configuration, data and logs of one run."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One file a part."""
        return self.run / "logs"

    @property
    def scripts(self) -> Path:
        """One script a part, which is how it is started."""
        return self.run / "bin"

    @property
    def secrets(self) -> Path:
        """What Alertmanager reads instead of credentials."""
        return self.run / "secrets"

    @property
    def settings(self) -> Path:
        """The windsock.yaml of this run."""
        return self.run / "windsock.yaml"

    def renew(self) -> None:
        """Begin a run: `run/` with nothing of the last one. Raises OSError."""
        shutil.rmtree(self.run, ignore_errors=True)
        for place in (self.logs, self.scripts, self.run / "tmp"):
            place.mkdir(parents=True)
        self.secrets.mkdir(mode=0o700)

    def _is_mine(self) -> bool:
        return self.home.is_dir() and (self.home.name == DEFAULT or not any(self.home.iterdir()))

    @contextmanager
    def locked(self, pid: int) -> Iterator[None]:
        """Make the folder and hold it as process `pid`, for this process and those that it forks.

        Raises StackError where another one holds it, or where it holds files that are not the stack's.
        """
        lock = self.home / "lock"
        if self.home.exists() and not lock.exists() and not self._is_mine():
            raise StackError(f"{self.home} is no folder of `windsock up`: name an empty or a new one with --home")
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            (self.home / ".gitignore").write_text("*\n")
            file = lock.open("a+")
        except OSError as error:
            raise StackError(
                f"{self.home} can't be written: {error.strerror}; name another folder with --home"
            ) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StackError(
                    f"the stack in {self.home} runs already ({_holder(lock)}): "
                    "end that one with Ctrl-C, or start a second one with --home"
                ) from None
            file.truncate(0)
            file.write(f"{pid}\n")
            file.flush()
            yield


def _holder(lock: Path) -> str:
    return f"`windsock up`, pid {lock.read_text().strip() or 'unknown'}"
