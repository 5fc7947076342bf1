"""`windsock up` as a user starts it, and a look at what it leaves behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest


def processes(place):
    """Those that work below the stack's folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if link.readlink().is_relative_to(place):
                found.append(int(link.parent.name))
    return found


class Up:
    """One `windsock up`, its output line by line."""

    def __init__(self, place, arguments, environment):
        self.place = place
        self.lines = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "windsock", "up", *arguments],
            cwd=place,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self):
        return "\n".join(self.lines)

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def line(self, *parts, timeout=400):
        """The first line that has all of `parts`, waited for."""

        def find():
            return next((line for line in self.lines if all(part in line for part in parts)), None)

        with self._changed:
            self._changed.wait_for(lambda: find() or self.process.poll() is not None, timeout)
            found = find()
        assert found, f"no line with {parts}:\n{self.text}"
        return found

    def url(self, name):
        """An address of the table."""
        return next(word for word in self.line(f"  {name} ").split() if word.startswith("http"))

    def end(self, number=signal.SIGINT):
        """Send the signal that a user would; returns the exit code."""
        self.process.send_signal(number)
        return self.wait(180)

    def wait(self, timeout):
        """The exit code, with all of the output read."""
        code = self.process.wait(timeout)
        self._reader.join(60)
        return code

    def left(self):
        """Its processes."""
        return [pid for pid in processes(self.place) if pid != self.process.pid]

    def is_gone(self, within=120.0):
        """Whether no process is left after `within` seconds."""
        deadline = time.monotonic() + within
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.left() == []


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A working folder."""
    return tmp_path_factory.mktemp("stack with a space")


@contextlib.contextmanager
def starting(place):
    """`with starting(place) as up`: `up(*arguments, **environment)` starts one; none is left."""
    started = []

    def begin(*arguments, **environment):
        started.append(Up(place, arguments, environment))
        return started[-1]

    try:
        yield begin
    finally:
        for one in started:
            if one.process.poll() is None:
                one.end(signal.SIGTERM)
            for pid in one.left():
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def up(place):
    with starting(place) as begin:
        yield begin
