"""A real server program in a temporary folder and a process group of its own; ended with the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """One that nobody listens on, and that the kernel gives to no client: a server finds it free when it comes back."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, first)
        with socket.socket(socket.AF_INET, kind) as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def find(program: str, package: str, *places: str) -> str:
    there = (str(path) for place in places for path in sorted(Path("/").glob(place)))
    found = shutil.which(program) or next(there, None)
    if found is None:
        pytest.fail(f"{program} is not installed: apt-get install -y {package}")
    return found


class Server:
    """A program in a folder and a process group of its own, as a user who may run it: databases refuse root."""

    ends = signal.SIGTERM
    patience = 180.0

    def __init__(self, user: str) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="windsock-"))
        self.user = user if os.geteuid() == 0 else ""
        if self.user:
            account = pwd.getpwnam(user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return [*become, *arguments]

    def run(self, *arguments: str) -> None:
        command = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    def start(self, *arguments: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*arguments), stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )
        end = time.monotonic() + self.patience
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.05)
            else:
                return

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self.process is not None
        return self.process.pid

    def reload(self) -> None:
        """Let it read its files anew, as Prometheus and Alertmanager do."""
        os.kill(self.pid, signal.SIGHUP)

    def stop(self, number: int | None = None) -> None:
        """At once, with every connection."""
        number = number or self.ends
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(60)
            self.process = None

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
