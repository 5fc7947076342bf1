"""The whole: environment, files and processes of one run, in the order in which they need each other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from windsock import database, settings
from windsock.exceptions import StackError

from . import addresses, airflow, configuration, parts
from .process import Process, write_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from windsock.settings.sources import Source

    from .addresses import Addresses
    from .folder import Folder
    from .programs import Programs


@dataclass(frozen=True)
class Stack:
    """A stack that runs and whose parts have all said that they are ready."""

    addresses: Addresses
    processes: list[Process]
    """Those that are added later, too."""
    session: requests.Session
    doctor: Path
    """The script that says what is wrong with it."""


def start(  # noqa: PLR0913  what a run is made of
    folder: Folder,
    programs: Programs,
    source: Source,
    venv: Path | None,
    say: Callable[[str], None],
    *,
    logs: bool = False,
) -> Stack:
    """Start everything; `venv` is Airflow's environment, None for a stack without one.

    `source` is the user's windsock.yaml. Raises SettingsError, and StackError with the end of the log
    of the part that does not start; ending the processes is the keeper's.
    """
    folder.renew()
    wanted = settings.validate(source)
    places = addresses.choose(source, wanted, own_airflow=venv is not None, logs=logs)
    known = airflow.database(folder) if venv else database.find_url(wanted.metadata.url)
    configuration.write(folder, source, places, own_airflow=venv is not None)
    parts.generate(folder, dashboards=bool(programs.grafana))
    processes = tuple(Process(part, folder) for part in parts.parts(programs, folder, places, venv, known))
    say(f"starting {', '.join(process.part.name for process in processes)}")
    session = requests.Session()
    session.trust_env = False  # all of it is on this machine: no proxy, no .netrc
    _wait(processes, session, say)
    doctor = write_script(parts.doctor(folder, places, venv, known), folder)
    return Stack(places, list(processes), session, doctor)


def _wait(processes: tuple[Process, ...], session: requests.Session, say: Callable[[str], None]) -> None:
    begun = time.monotonic()
    waiting = list(processes)
    while waiting:
        for process in tuple(waiting):
            name = process.part.name
            if death := process.death():
                raise StackError(f"{name} ended while it started ({death}); {process.tail()}")
            if process.is_ready(session):
                waiting.remove(process)
                say(f"{name} is ready")
            elif time.monotonic() - begun > process.part.patience:
                raise StackError(f"{name} was not ready after {process.part.patience:g} s; {process.tail()}")
        time.sleep(0.2)
