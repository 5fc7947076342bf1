"""The errors that windsock raises.

WindsockError              it failed; the message says where, what was expected and what to do   (exit code 1)
├── SettingsError          windsock.yaml or a WINDSOCK__… variable can't be used                  (exit code 2)
├── UsageError             a command was called with values that can't work                       (exit code 2)
└── StackError             `windsock up` can't start, or lost, one of its parts                   (exit code 1)
    └── MissingProgramError  a program that the stack needs is not installed                      (exit code 1)
"""

from __future__ import annotations


class WindsockError(Exception):
    """The root of the tree; commands print its message without a traceback and exit with `exit_code`."""

    exit_code = 1


class SettingsError(WindsockError):
    """The configuration can't be used; `problems` holds one line a problem, each with file, line and key."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class UsageError(WindsockError):
    """A command was called with values that can't work."""

    exit_code = 2


class StackError(WindsockError):
    """A part of the local stack can't start or has died."""


class MissingProgramError(StackError):
    """A program is not installed; the message names the command that installs it."""

    def __init__(self, program: str, install: str) -> None:
        self.program = program
        super().__init__(f"{program} is not installed: {install}")
