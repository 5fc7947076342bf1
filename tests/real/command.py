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
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER = """
import atexit, contextlib, gc, importlib, json, os, pkgutil, signal, sys, threading, traceback
import windsock, sqlalchemy.dialects.mysql.pymysql, sqlalchemy.dialects.postgresql.psycopg2, sqlalchemy.dialects.sqlite
for found in pkgutil.walk_packages(windsock.__path__, "windsock.", onerror=lambda name: None):
    if not found.name.endswith("__main__"):
        with contextlib.suppress(ImportError):  # what only an Airflow has
            importlib.import_module(found.name)
from windsock.cli import main
gc.freeze()
running = {}
def reap(*_):
    for child, file in list(running.items()):
        if (ended := os.waitpid(child, os.WNOHANG))[0]:
            del running[child]
            with contextlib.suppress(FileNotFoundError):  # nobody asks any more
                os.write(code := os.open(file, os.O_WRONLY), str(os.waitstatus_to_exitcode(ended[1])).encode())
                os.close(code)
signal.signal(signal.SIGCHLD, reap)
for line in sys.stdin:
    asked = json.loads(line)
    files = [os.open(asked[name], os.O_WRONLY | os.O_APPEND) for name in ("stdout", "stderr")]
    files.insert(0, os.open(asked["stdin"], os.O_RDONLY))
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if "code" in asked:
            os.setsid()
            print(os.getpid(), flush=True)  # as who can be killed with its group
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, max(files) + 1)
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
    for file in files:
        os.close(file)
    if "code" in asked:
        running[child] = asked["code"]
        reap()  # it may have ended before it was known
        continue
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
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in ("stdin", "stdout", "stderr")}
        for name, file in files.items():
            file.write_text(given if name == "stdin" else "")
        words = [str(word) for word in arguments]
        code = _ask(arguments=words, cwd=str(cwd), environ=dict(environ), **{k: str(v) for k, v in files.items()})
        return subprocess.CompletedProcess(words, code, files["stdout"].read_text(), files["stderr"].read_text())


def _ask(**asked: Any) -> int:
    with _lock:
        server = _server()
        print(json.dumps(asked), file=server.stdin, flush=True)
        return int(server.stdout.readline())  # type: ignore[union-attr]


class Running:
    """`windsock …` that goes on, in a process group of its own: as much of a `subprocess.Popen` as tests ask for."""

    def __init__(self, *arguments: str | Path, cwd: Path | str, environ: Mapping[str, str], log: Path) -> None:
        """With these variables and no others; what it prints comes from `stdout`, and the rest is added to `log`."""
        log.touch()
        self._code = Path(tempfile.mkstemp(prefix="windsock-code-")[1])
        reading, writing = os.pipe()
        self.stdout = os.fdopen(reading)
        self.returncode: int | None = None
        self.pid = _ask(
            arguments=[str(word) for word in arguments],
            cwd=str(cwd),
            environ=dict(environ),
            stdin=os.devnull,
            stdout=f"/proc/{os.getpid()}/fd/{writing}",
            stderr=str(log.absolute()),
            code=str(self._code),
        )
        os.close(writing)

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        if self.returncode is None and (code := self._code.read_text()):
            self.returncode = int(code)
            self._code.unlink()
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """Its exit code. Raises TimeoutExpired."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("windsock", timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def without_settings() -> dict[str, str]:
    """This process's environment, without what configures windsock or an Airflow."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("WINDSOCK", "AIRFLOW"))}
