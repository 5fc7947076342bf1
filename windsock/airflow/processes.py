"""Airflow's processes on this host, as Linux shows them: with which variables, and since when."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPONENTS = ("scheduler", "celery", "dag-processor", "triggerer", "api-server", "webserver")
"""The commands of `airflow` that stay; those whose metrics the rules need most come first."""
SENDERS = ("scheduler", "celery", "dag-processor", "triggerer")
"""Those that send metrics and run an author's code: the web's may be configured otherwise."""
_MOST = 4096
"""Processes that are looked at."""


@dataclass(frozen=True)
class Process:
    """One of them, which this user may look at."""

    component: str
    pid: int
    started: float
    """Unix time in seconds."""
    environ: Mapping[str, str] = field(repr=False)
    """Empty where it has written its title over them, as the scheduler of Airflow 2 does."""
    packages: Path | None
    """Where its Python has its packages; None: that is not known."""

    def has(self, package: str) -> bool:
        """Whether a package can be imported there, as far as that is known."""
        return self.packages is None or any(self.packages.glob(f"{package}*"))

    def version(self, package: str) -> str:
        """Of an installed package; empty: it is not there, or that is not known."""
        found = sorted(self.packages.glob(f"{package}-*.dist-info")) if self.packages else []
        return found[-1].name.removeprefix(f"{package}-").removesuffix(".dist-info") if found else ""


def running(home: str | None = None, proc: Path = Path("/proc")) -> list[Process]:
    """Return those of the Airflow in `home`, or of all, in the order of COMPONENTS; never raises.

    Elsewhere than on Linux, and of other users' processes, nothing is known.
    """
    found = [one for one in map(_read, sorted(proc.glob("[0-9]*"))[:_MOST]) if one is not None]
    if home:
        # One that does not say its home is told by its environment.
        known = {one.packages for one in found if one.environ and _home(one.environ) == Path(home)}
        found = [one for one in found if (_home(one.environ) == Path(home) if one.environ else one.packages in known)]
    return sorted(found, key=lambda one: (COMPONENTS.index(one.component), one.pid))


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("AIRFLOW_HOME") or Path(environ.get("HOME", "/")) / "airflow")


def _read(folder: Path) -> Process | None:
    try:
        # A title is one word, and spaces are in it.
        words = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").split()
        place = next((index for index, word in enumerate(words[:2]) if Path(word).name == "airflow"), None)
        if place is None or words[place + 1] not in COMPONENTS:
            return None
        variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        # The name, in brackets, may hold anything.
        ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        booted = next(
            int(line.split()[1]) for line in (folder.parent / "stat").read_text().splitlines() if line[:5] == "btime"
        )
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return Process(
        words[place + 1],
        int(folder.name),
        booted + ticks / os.sysconf("SC_CLK_TCK"),
        dict(one.split("=", 1) for one in variables if "=" in one),
        _packages(Path(words[place])),
    )


def _packages(program: Path) -> Path | None:
    """Of the environment that `bin/airflow` is in."""
    found = list(program.parent.parent.glob("lib/python3*/site-packages")) if program.is_absolute() else []
    return found[0] if len(found) == 1 else None
