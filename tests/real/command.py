"""`windsock …` in a process of its own, which does not have to import anything: most of what a start costs.

A server that has imported all of windsock forks for each command. What is read from the environment, the working
folder and standard input, what is printed and the exit code are those of `python -m windsock`. It ends as that does,
but nothing that was imported is taken apart: most of what would be left of such a command.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER = """
import atexit, contextlib, gc, importlib, json, os, pkgutil, sys, threading, traceback
import windsock, sqlalchemy.dialects.mysql.pymysql, sqlalchemy.dialects.postgresql.psycopg2, sqlalchemy.dialects.sqlite
for found in pkgutil.walk_packages(windsock.__path__, "windsock.", onerror=lambda name: None):
    if not found.name.endswith("__main__"):
        with contextlib.suppress(ImportError):  # what only an Airflow has
            importlib.import_module(found.name)
from windsock.cli import main
gc.freeze()
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            file = os.open(asked[name], os.O_RDONLY if not number else os.O_WRONLY | os.O_APPEND)
            os.dup2(file, number)
            os.close(file)
        sys.stdin = open(0, closefd=False)
        os.environ.clear()
        os.environ.update(asked["environ"])
        os.chdir(asked["cwd"])
        sys.argv = ["windsock", *asked["arguments"]]
        code = None
        try:
            main()
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
            code = 1
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_lock = threading.Lock()


@functools.cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    atexit.register(server.wait)
    atexit.register(server.stdin.close)  # type: ignore[union-attr]  the first of both
    return server


def windsock(
    *arguments: str | Path, cwd: Path | str, environ: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command with these variables and no others; `given` is its standard input."""
    with tempfile.TemporaryDirectory() as folder, _lock:
        files = {name: Path(folder) / name for name in ("stdin", "stdout", "stderr")}
        for name, file in files.items():
            file.write_text(given if name == "stdin" else "")
        words = [str(word) for word in arguments]
        asked = {"arguments": words, "cwd": str(cwd), "environ": dict(environ)}
        server = _server()
        print(json.dumps(asked | {name: str(file) for name, file in files.items()}), file=server.stdin, flush=True)
        code = int(server.stdout.readline())  # type: ignore[union-attr]
        return subprocess.CompletedProcess(words, code, files["stdout"].read_text(), files["stderr"].read_text())


def without_settings() -> dict[str, str]:
    """This process's environment, without what configures windsock or an Airflow."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("WINDSOCK", "AIRFLOW"))}
