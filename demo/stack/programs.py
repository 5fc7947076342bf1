"""The programs that the stack needs from the system, and how to get those that are missing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from windsock.exceptions import MissingProgramError

DOWNLOADS = "see https://prometheus.io/download and put it on the PATH"


@dataclass(frozen=True)
class Programs:
    """Paths; `grafana` is the beginning of its command line, and empty where a preview has to do."""

    prometheus: str
    alertmanager: str
    grafana: tuple[str, ...] = ()


def find() -> Programs:
    """Look on the PATH. Raises MissingProgramError with the command that installs what is missing."""
    return Programs(
        prometheus=_find("prometheus", package="prometheus"),
        # Debian gives it a longer name than its makers do.
        alertmanager=_find("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager"),
        grafana=_grafana(),
    )


def _find(*names: str, package: str) -> str:
    """The first on the PATH, whatever its name."""
    for folder in os.get_exec_path():
        for name in names:
            if path := shutil.which(name, path=folder):
                return path
    how = f"apt-get install {package}" if shutil.which("apt-get") else DOWNLOADS
    raise MissingProgramError(names[0], how)


def _grafana() -> tuple[str, ...]:
    if path := shutil.which("grafana"):
        return (path, "server")
    return (path,) if (path := shutil.which("grafana-server")) else ()
