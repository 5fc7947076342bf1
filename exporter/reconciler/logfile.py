"""The last lines of a task's log, where this host has the file."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from windsock import regular
from windsock.airflow import compat
from windsock.redaction import MASK, redact
from windsock.text import clean, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .details import Instance
    from .failure import Key

log = logging.getLogger(__name__)

_PATIENCE = 2.0
"""Seconds in a pass for all logs, whatever file system they are on: a share may hang, or be one that a task mounted."""
_READ = 32_768
_LINES = 8
_LIMIT = 800
_NOISE = ("::group::", "::endgroup::")
_AFTERWARDS = ("Pushing xcom",)
_CUT_KEY = re.compile(r"\A.*-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----", re.DOTALL)
"""The end of a private key that began before what was read: redaction takes out whole ones."""


def folder(configured: str | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """Airflow's folder of logs, as configured here or for Airflow in this environment."""
    environ = os.environ if environ is None else environ
    found = configured or environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "")
    return Path(found) if found else None


class Tails:
    """The ends of logs below `base`, within _PATIENCE from `begin` on; what is not read by then, alerts go without."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._until = 0.0
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """A pass begins."""
        self._until = time.monotonic() + _PATIENCE

    def read(self, key: Key, instance: Instance) -> str:
        """What `tail` returns; empty where a file system takes too long, and while it still holds the last thread."""
        found: list[str] = []
        left = self._until - time.monotonic()
        if left <= 0 or (self._thread is not None and self._thread.is_alive()):
            return ""
        work = threading.Thread(target=lambda: found.append(tail(self._base, key, instance)), name="log", daemon=True)
        self._thread = work
        work.start()
        work.join(left)
        if work.is_alive():
            log.warning("%s: a log can't be read within %g s: alerts go without", self._base, _PATIENCE)
        return found[0] if found else ""


def tail(base: Path, key: Key, instance: Instance) -> str:
    """Return the end of the log, without secrets and of bounded size; empty where it can't be read.

    The files' names are those of Airflow's default `log_filename_template`, the same in 2.11 and 3.x.
    """
    place = f"dag_id={key.dag_id}/run_id={key.run_id}/task_id={key.task_id}"
    if instance.map_index >= 0:
        place += f"/map_index={instance.map_index}"
    path = base / place / f"attempt={instance.try_number}.log"
    try:
        path = path.resolve()
        if base.resolve() not in path.parents:
            return ""  # an id with `..` in it, or a link to somewhere else
        with regular.reading(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _READ))
            lines = file.read(_READ).decode(errors="replace").splitlines()
    except (OSError, ValueError):
        return ""
    if size > _READ:
        del lines[:1]  # it may begin anywhere
    said = [text for text in map(_text, lines) if text.strip() and not text.startswith(_NOISE + _AFTERWARDS)]
    # First the secrets, which may be many lines long, and then the cut.
    shown = _without_secrets("\n".join(said)).splitlines()
    while len(shown) > _LINES or (len(shown) > 1 and sum(map(len, shown)) > _LIMIT):
        del shown[0]
    return shorten("\n".join(shown).strip(), _LIMIT)


def _without_secrets(text: str) -> str:
    return _CUT_KEY.sub(MASK, redact(compat.mask(clean(text))))


def _text(line: str) -> str:
    """What was said: 3.x writes JSON, 2.11 text."""
    if not line.startswith("{"):
        return line
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return str(entry.get("event", "")) if isinstance(entry, dict) else line
