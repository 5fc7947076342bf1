"""Processes of an Airflow."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def sandboxes(airflow):
    """The processes of this Airflow that render a template, each with its parent."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_bytes()
            if b"sandbox.py" in command and os.fsencode(airflow.place) in command:
                found[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
    return found
