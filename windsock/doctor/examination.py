"""All checks side by side: each folder brings its own, and one that breaks or hangs costs itself alone."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from windsock.exceptions import SettingsError, WindsockError
from windsock.redaction import redact

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

    class Examiner(Protocol):
        """A module that looks at one part."""

        def examine(self, settings: Settings) -> Iterator[Finding]:
            """Yield what is found, the good too where it says something. Raises SettingsError."""


log = logging.getLogger(__name__)

PARTS = {
    "airflow": ("windsock.alerts.health.airflow", "Airflow's settings here"),
    "exporter": ("windsock.exporter.health", "Exporter"),
    "database": ("windsock.exporter.database.health", "Metadata database"),
    "prometheus": ("windsock.alerts.health.prometheus", "Prometheus"),
    "alertmanager": ("windsock.alerts.health.alertmanager", "Alertmanager"),
    "callbacks": ("windsock.callbacks.health", "Callbacks' spool here"),
    "grafana": ("windsock.dashboards.health", "Grafana"),
    "logs": ("windsock.logging.health", "Logs"),
}
"""In the order of a fact's way: the module that looks, and what people call the part."""

TIMEOUT = 30.0
"""Seconds for all of it."""


def examine(settings: Settings, timeout: float = TIMEOUT) -> list[Finding]:
    """Look at all parts side by side, and return what is found, in their order; never raises.

    A part about which nothing is to be said is `good`.
    """
    found: dict[str, list[Finding]] = {}
    threads = {
        part: threading.Thread(target=_look, args=(part, settings, found), name=f"doctor {part}", daemon=True)
        for part in PARTS
    }
    deadline = time.monotonic() + timeout
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    return [one for part in PARTS for one in found.get(part) or [_silent(part, timeout)]]


def _look(part: str, settings: Settings, found: dict[str, list[Finding]]) -> None:
    module, title = PARTS[part]
    seen: list[Finding] = []
    try:
        examiner: Examiner = importlib.import_module(module)
        seen += examiner.examine(settings)
    except SettingsError as error:
        # A secret that another host has: this one can't look.
        seen.append(Finding(f"{part}.secret", "unseen", f"{error}.", "Run the doctor where that is set.", title))
    except ModuleNotFoundError as error:
        seen.append(Finding(f"{part}.package", "unseen", f"The package {error.name} is not installed here.", "", title))
    except WindsockError as error:
        seen.append(Finding(f"{part}.down", "critical", f"{error}.", "", title))
    except Exception as error:
        log.exception("%s can't be looked at", title)
        text = redact(f"{type(error).__name__}: {error}")
        seen.append(Finding(f"{part}.bug", "unseen", f"The check itself failed: {text}.", "Please report it.", title))
    found[part] = seen or [Finding(part, "good", "Nothing is wrong with it.", "", title)]


def _silent(part: str, timeout: float) -> Finding:
    return Finding(f"{part}.slow", "unseen", f"It did not answer within {timeout:g} s.", "", PARTS[part][1])
