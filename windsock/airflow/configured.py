"""Airflow's configuration as far as this host shows it, without importing Airflow: the environment over airflow.cfg."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import processes

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUE = ("t", "true", "1")
"""What Airflow takes for true."""


@dataclass(frozen=True)
class Configured:
    """What is set here; a secret backend, and commands in place of values (`…_cmd`), are not asked."""

    origin: str
    """Where it was found, in words; empty: nothing of Airflow is configured here."""
    _environ: Mapping[str, str] = field(repr=False)
    _file: configparser.ConfigParser = field(repr=False)
    path: Path = Path("airflow.cfg")

    def get(self, section: str, key: str, default: str = "") -> str:
        """Return a value as Airflow would: the environment's, then the file's, then `default`."""
        variable = f"AIRFLOW__{section.upper()}__{key.upper()}"
        return self._environ.get(variable) or str(self._file.get(section, key, fallback=default))

    def is_on(self, section: str, key: str, *, default: bool = False) -> bool:
        """Return a switch."""
        text = self.get(section, key)
        return text.strip().lower() in _TRUE if text else default

    def changed(self) -> float | None:
        """When the file was changed, as Unix time; None: there is none."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return None


def read(environ: Mapping[str, str] | None = None) -> Configured:
    """Return what this process' environment and `$AIRFLOW_HOME/airflow.cfg` say. Never raises."""
    environ = os.environ if environ is None else environ
    home = environ.get("AIRFLOW_HOME") or str(Path(environ.get("HOME", "/")) / "airflow")
    path = Path(environ.get("AIRFLOW_CONFIG") or Path(home) / "airflow.cfg")
    file = configparser.ConfigParser(interpolation=None, strict=False)
    found = []
    try:
        if path.is_file():
            file.read_string(path.read_text(encoding="utf-8"))
            found.append(str(path))
    except (OSError, UnicodeDecodeError, configparser.Error):
        file.clear()
        found.append(f"{path}, which can't be read")
    if any(name.startswith("AIRFLOW__") for name in environ):
        found.append("the environment")
    return Configured(" and ".join(found), environ, file, path)


def here() -> Configured:
    """Return what an Airflow that runs here was started with, as far as one shows it; else as `read`. Never raises."""
    those = [one for one in processes.running(os.environ.get("AIRFLOW_HOME")) if one.environ]
    those.sort(key=lambda one: one.component not in processes.SENDERS)
    return read(those[0].environ if those else None)
