"""Processes that do the same at the same moment, as tasks of a run: forked by one that has imported what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORK = """
import contextlib, importlib, io, json, os, sys, traceback
modules, code, each = json.load(sys.stdin)
for name in modules:
    importlib.import_module(name)
code = compile(code, "<crowd>", "exec")
children = []
for arguments in each:
    child = os.fork()
    if not child:
        sys.argv[1:] = arguments
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, {"__name__": "__main__"})
            os.write(1, printed.getvalue().encode())  # at once: no line within another
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(0)
    children.append(child)
for child in children:
    _, status = os.waitpid(child, 0)
    if status:
        print("a process has ended with", os.waitstatus_to_exitcode(status), file=sys.stderr)
"""


def together(modules: Sequence[str], code: str, each: Sequence[Sequence[str]], timeout: float = 300) -> list[str]:
    """Run `code` in as many processes as there are lists of arguments, all at once; returns the lines that they print.

    `modules` are what it imports, at once or later. AssertionError where one of them says anything on standard error.
    """
    given = json.dumps([list(modules), code, [list(one) for one in each]])
    done = subprocess.run(
        [sys.executable, "-c", _FORK], input=given, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.stderr == "", done.stderr[-3000:]
    assert done.returncode == 0
    return done.stdout.splitlines()
