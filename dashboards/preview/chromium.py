"""A headless Chromium, spoken to over its DevTools protocol: JSON, a zero byte after each message, on two pipes."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

from windsock.exceptions import MissingProgramError, WindsockError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0
"""Seconds for one answer of the browser: its first start on a busy machine takes several."""
_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)
# The browser reads its descriptor 3 and writes to its 4.
_PIPES = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'


class Chromium:
    """`with Chromium() as browser:` is one page. Raises MissingProgramError, and WindsockError where it dies."""

    def __init__(self) -> None:
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        if found is None:
            how = "apt-get install chromium" if shutil.which("apt-get") else "put chromium or google-chrome on the PATH"
            raise MissingProgramError("chromium", how)
        self._program = found
        self._number = 0
        self._read = b""
        self._session: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._profile = tempfile.mkdtemp(prefix="windsock-chromium-")
        # Chromium's own sandbox refuses root, and only pages of this machine are opened.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [self._program, *_FLAGS, *sandbox, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["sh", "-c", _PIPES, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        try:
            pages = self.call("Target.getTargets")["targetInfos"]
            target = next(page["targetId"] for page in pages if page["type"] == "page")
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._session = {"sessionId": attached["sessionId"]}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """What the browser answers. Raises WindsockError where it says no, or nothing."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        try:
            os.write(self._descriptor(self._process.stdin), json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise self._ended(method) from None
        end = time.monotonic() + PATIENCE
        while (answer := self._next(method, end)).get("id") != self._number:
            pass  # an event, which nobody waits for
        if "error" in answer:
            raise WindsockError(f"chromium: {method}: {answer['error'].get('message')}")
        found: dict[str, Any] = answer["result"]
        return found

    def evaluate(self, script: str) -> Any:
        """The value of a script in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def _next(self, method: str, end: float) -> dict[str, Any]:
        output = self._descriptor(self._process.stdout)
        while b"\0" not in self._read:
            if not select.select([output], [], [], max(0.0, end - time.monotonic()))[0]:
                raise WindsockError(f"chromium does not answer {method} within {PATIENCE:g} s")
            part = os.read(output, 1 << 20)
            if not part:
                raise self._ended(method)
            self._read += part
        text, _, self._read = self._read.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _ended(self, method: str) -> WindsockError:
        return WindsockError(f"chromium ended at {method}; does `{self._program} --headless about:blank` start here?")

    @staticmethod
    def _descriptor(pipe: Any) -> int:
        return int(pipe.fileno())
