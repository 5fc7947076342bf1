"""Whose the lines are that a pod of KubernetesExecutor prints: the path of a task's file says it, a pod's output not.

Such a pod, like every container that runs one workload, is `python -m airflow.sdk.execution_time.execute_workload`; it
prints what the task logs as JSON lines, of which not all have the task's identity, and those of `print` none. So each
gets `windsock_path`, the path of the file that the line would stand in, which Filebeat's script reads as one.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

FIELD = "windsock_path"
_MODULE = "execute_workload.py"
"""Of airflow.sdk.execution_time, since 3.0."""
_PROCESS = os.getpid()
"""The one that prints: it forks the one that runs the task, and gets the lines of that."""
_STDOUT = 1


@cache
def path() -> str | None:
    """The path of the task's log, relative to `base_log_folder`; None in a process that runs no workload of its own."""
    program, *arguments = sys.argv or [""]
    if Path(program).name != _MODULE:
        return None
    options = dict(itertools.pairwise(arguments))
    try:
        text = options.get("--json-string") or Path(options["--json-path"]).read_text(encoding="utf-8")
        found = json.loads(text)["log_path"]
    except (OSError, ValueError, KeyError, TypeError):  # a workload that is no task; Airflow says what is wrong with it
        return None
    return found if isinstance(found, str) else None


def identify(logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: adds the path to what is printed, not to what goes to the file."""
    file = getattr(logger, "_file", None)  # None: a logger of Python's own
    if os.getpid() == _PROCESS and (file is None or file.fileno() == _STDOUT):
        line[FIELD] = path()
    return line
