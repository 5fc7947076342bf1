"""The doctor's rounds: `windsock doctor` once a minute, and a line for what it finds anew."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from windsock.doctor import finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from windsock.doctor.finding import Finding

INTERVAL = 60.0
"""Seconds from the end of a round to the next: what has just started is not judged."""


class Rounds:
    """Remembers what it has told. A round takes seconds, and nobody waits for it."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._due = time.monotonic() + INTERVAL
        self._running: subprocess.Popen[bytes] | None = None
        self._told: set[str] = set()

    def news(self) -> Iterator[str]:
        """What the doctor has found since the last call, and what is over."""
        if self._running is None:
            if time.monotonic() >= self._due:
                self._running = subprocess.Popen(
                    [str(self._script), "--json"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
        elif self._running.poll() is not None:
            output, _ = self._running.communicate()
            self._running, self._due = None, time.monotonic() + INTERVAL
            yield from self._differences(output)

    def _differences(self, output: bytes) -> Iterator[str]:
        try:
            found = finding.read(json.loads(output)["findings"], "")
        except (ValueError, KeyError, TypeError):
            return
        wrong: dict[str, Finding] = {one.check: one for one in found if one.grade in {"warning", "critical"}}
        for check, one in wrong.items():
            if check not in self._told:
                yield f"doctor        {one.grade}: {check}: {one.sentences}"
        for check in sorted(self._told - wrong.keys()):
            yield f"doctor        no more: {check}"
        self._told = set(wrong)
