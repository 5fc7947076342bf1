"""Airflow's own virtual environment: built from the pinned requirements, kept, rebuilt when they or windsock change.

It is built in place, in two steps. A step's stamp is written when it is done: one that was interrupted is repeated.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import windsock
from windsock.exceptions import StackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .folder import Folder

REQUIREMENTS = Path(__file__).parent / "requirements"
PYTHONS = ((3, 10), (3, 15))
"""The oldest Python that the pinned Airflow runs on, and the first that is too new."""


def versions() -> list[str]:
    """The Airflow versions that requirements are kept for."""
    return sorted(file.stem.removeprefix("airflow-") for file in REQUIREMENTS.glob("airflow-*.txt"))


def build(version: str, folder: Folder, say: Callable[[str], None]) -> Path:
    """Return the environment's folder, built where it is missing or out of date.

    `version` is one of `versions()`. Raises StackError where it can't be built.
    """
    return make(REQUIREMENTS / f"airflow-{version}.txt", folder.home / f"airflow-{version}", say)


def make(
    requirements: Path,
    place: Path,
    say: Callable[[str], None],
    pythons: tuple[tuple[int, int], tuple[int, int]] = PYTHONS,
) -> Path:
    """Build what `requirements` (named airflow-VERSION.txt) pins into `place`, where that is missing or out of date.

    `pythons` is the oldest Python that fits and the first that is too new. Raises StackError where it can't be built.
    """
    log = place.parent / "install.log"
    install = ("pip", "install", "--compile-bytecode", "--python", str(place / "bin" / "python"))

    def step(name: str, what: str, digest: str, *commands: tuple[str, ...]) -> None:
        stamp = place / f"{name}.stamp"
        if stamp.exists() and stamp.read_text() == digest:
            return
        stamp.unlink(missing_ok=True)
        say(f"installing {what}")
        for command in commands:
            _uv(command, log)
        stamp.write_text(digest)

    step(
        "airflow",
        f"{requirements.stem.replace('airflow-', 'Airflow ')} into {place}: minutes, where nothing is cached",
        hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest(),
        ("venv", "--clear", "--python", _python(pythons), str(place)),
        (*install, "--requirement", str(requirements)),
    )
    # Without its dependencies, which the requirements pin: what Airflow runs with must not move.
    step("windsock", "windsock beside it", _digest(), (*install, "--no-deps", "--reinstall", _windsock()))
    return place


def _uv(command: tuple[str, ...], log: Path) -> None:
    import uv  # noqa: PLC0415  `windsock up --help` does without

    with log.open("ab") as output:
        output.write(f"$ uv {' '.join(command)}\n".encode())
        output.flush()
        done = subprocess.run([uv.find_uv_bin(), *command], stdout=output, stderr=output, check=False)
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise StackError(f"Airflow's environment can't be built; the end of {log}:\n{last}")


def _python(pythons: tuple[tuple[int, int], tuple[int, int]]) -> str:
    # The same interpreter is there for certain; another one uv finds or fetches.
    oldest, too_new = pythons
    fits = oldest <= sys.version_info[:2] < too_new
    return sys.executable if fits else f">={oldest[0]}.{oldest[1]},<{too_new[0]}.{too_new[1]}"


def _windsock() -> str:
    """What to install: what this windsock was installed from, a tree or a wheel, else its version from the index."""
    direct = distribution("windsock").read_text("direct_url.json")
    return f"windsock @ {json.loads(direct)['url']}" if direct else f"windsock=={windsock.__version__}"


def _digest() -> str:
    """Of the files that run here, whatever they were installed from, and of the entry points."""
    package = Path(windsock.__file__).parent
    digest = hashlib.sha256(str(distribution("windsock").read_text("entry_points.txt")).encode())
    for file in sorted(_files(package)):
        digest.update(str(file.relative_to(package)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(place: Path) -> list[Path]:
    # Path.rglob does not follow the links to the folders.
    found = []
    for item in place.iterdir():
        if item.is_dir():
            found += _files(item) if item.name != "__pycache__" else []
        elif item.is_file():
            found.append(item)
    return found
