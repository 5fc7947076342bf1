"""Files that are to be written: shown as a difference first, and left alone where there is none."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.exceptions import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Change:
    """One file; `text` is what it is to hold."""

    path: Path
    text: str
    mode: int = 0o644
    secret: bool = False
    """Its text is shown to nobody."""

    def before(self) -> str:
        """What the file holds now; empty where there is none. Raises UsageError where it can't be read."""
        try:
            return self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.path} is there and can't be read ({type(error).__name__})") from None

    def is_needed(self) -> bool:
        """Whether the file holds something else, or is not there."""
        return not self.path.exists() or self.before() != self.text

    def difference(self) -> str:
        """As `diff -u` shows it."""
        if self.secret:
            return f"+++ {self.path} (a secret, not shown)\n"
        before, after = (text.splitlines(keepends=True) for text in (self.before(), self.text))
        old = str(self.path) if self.path.exists() else "/dev/null"
        return "".join(difflib.unified_diff(before, after, old, str(self.path)))

    def make(self) -> None:
        """Write it. Raises UsageError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text, encoding="utf-8")
            self.path.chmod(self.mode)
        except OSError as error:
            raise UsageError(f"{self.path} can't be written ({error.strerror})") from None
