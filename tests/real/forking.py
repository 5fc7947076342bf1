"""Airflow's components and commands, each forked by one process that has imported Airflow: half of a start's cost."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import select
import signal
import subprocess
from typing import TYPE_CHECKING

from windsock.demo.stack import standalone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MODULES = {
    "2": (
        "airflow.cli.commands.scheduler_command",
        "airflow.cli.commands.task_command",
        "airflow.cli.commands.triggerer_command",
        "airflow.dag_processing.manager",
        "airflow.decorators",
        "airflow.executors.local_executor",
        "airflow.jobs.local_task_job_runner",
        "airflow.jobs.scheduler_job_runner",
        "airflow.jobs.triggerer_job_runner",
        "airflow.migrations.utils",
        "airflow.operators.python",
        "airflow.task.task_runner.standard_task_runner",
        "airflow.utils.db",
        "airflow.www.app",
        "gunicorn.app.wsgiapp",
        "gunicorn.workers.sync",
    ),
    "3": standalone.MODULES,
}
"""What the components of a major version, and the processes of its tasks, import anyway."""

# Nothing is imported that reads DAGs or loads plugins, nor windsock: a component does that in its own environment.
_IMPORTS = """from __future__ import annotations
import gc, importlib, json, os, signal, sys
from contextlib import suppress
"""
_SERVE = """
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
warm(json.loads(sys.argv[1]))
from airflow.__main__ import main
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone at once
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        answers.close()
        for number, name in enumerate(("/dev/null", asked["out"], asked["err"])):
            file = os.open(name, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(asked["environ"])
        sys.argv = asked["arguments"]
        if sys.argv[0] == "gunicorn":
            from gunicorn.app.wsgiapp import run as main
        if sys.argv[0] == "python":
            from airflow import settings
            settings.configure_vars()  # of another folder of DAGs, or another database
            settings.configure_orm()
            exec(compile(sys.argv[1], "<python>", "exec"), {"__name__": "__main__"})
        else:
            main()
        os.close(os.open(asked["done"], os.O_CREAT))
        sys.exit()
    print(child, file=answers, flush=True)
"""
SERVER = _IMPORTS + inspect.getsource(standalone.warm) + _SERVE


class Component:
    """A process that is another's child, in a group of its own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = False
        try:
            self._file = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended = True

    def ended(self, within: float = 0) -> bool:
        """Whether it has ended, or does within so many seconds."""
        if not self._ended and select.select([self._file], [], [], within)[0]:
            self._ended = True
            os.close(self._file)
        return self._ended

    def signal(self, number: int) -> None:
        """Tell its whole group, where it still is."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Fork:
    """Starts components of the Airflow in `place` (its environment's folder), in `folder`."""

    def __init__(self, place: Path, major: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._airflow = str(place / "bin" / "airflow")
        self._log = folder / "fork.out"
        self._runs = 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [place / "bin" / "python", "-c", SERVER, json.dumps(MODULES[major])],
                env=dict(environ),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def start(self, arguments: Sequence[str], environ: Mapping[str, str], out: Path) -> Component:
        """Start `airflow …` with these variables and no others; what it prints is added to `out`."""
        return self._ask(arguments, environ, out, out)

    def run(self, arguments: Sequence[str], environ: Mapping[str, str], timeout: float) -> str:
        """Run `airflow …`, or the code of `("python", code)`, to its end; returns its standard output."""
        self._runs += 1
        out, err = (self._log.with_name(f"run-{self._runs}.{kind}") for kind in ("out", "err"))
        ended = self._ask(arguments, environ, out, err).ended(within=timeout)
        assert ended, f"{arguments[0]} has not ended within {timeout:g} s"
        said = out.read_text()
        assert self._done(out).exists(), f"{' '.join(arguments)}: {said[-2000:]}{err.read_text()[-4000:]}"
        return said

    @staticmethod
    def _done(out: Path) -> Path:
        return out.with_suffix(".done")

    def _ask(self, arguments: Sequence[str], environ: Mapping[str, str], out: Path, err: Path) -> Component:
        out.touch()
        err.touch()
        words = arguments if arguments[0] in ("gunicorn", "python") else (self._airflow, *arguments)
        files = {"out": str(out), "err": str(err), "done": str(self._done(out))}
        asked = {"arguments": words, "environ": dict(environ), **files}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, self._log.read_text(errors="replace")[-3000:]
        return Component(int(answer))

    def close(self) -> None:
        """Start no more; those that run, run on."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
