"""The three packages that a release has, and what the tree says should be in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HELP = """
import contextlib, io, json, sys
import click
from windsock.cli import windsock

def paths(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*path, name)
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from paths(command, (*path, name))

shown = {}
for path in paths(windsock):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        windsock.main([*path, "--help"], prog_name="windsock", standalone_mode=False)
    shown[" ".join(path)] = out.getvalue()
print(json.dumps(shown))
"""
"""Prints what each command says of itself."""
FOLDERS = ("exporter", "dashboards", "alerts", "logging", "callbacks", "demo")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def folders() -> tuple[str, ...]:
    return FOLDERS


def files_below(folder: Path) -> set[str]:
    """Every file that belongs to the project, relative to `folder`; links are not followed."""
    found = set()
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name not in ("__pycache__", ".hypothesis")]
        found |= {str((Path(place) / name).relative_to(folder)) for name in names if not name.endswith(".pyc")}
    return {name for name in found if not (folder / name).is_symlink()}


@pytest.fixture(scope="session")
def in_tree() -> set[str]:
    """What a wheel must hold, by the names that it has there."""
    own = {f"windsock/{name}" for name in files_below(ROOT / "windsock")}
    return own | {f"windsock/{folder}/{name}" for folder in FOLDERS for name in files_below(ROOT / folder)}


def build(target: str, source: Path, out: Path) -> Path:
    """One package made from the folder `source`."""
    result = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="session")
def make():
    return build


@pytest.fixture(scope="session")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def wheel_from_sdist(sdist, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (source,) = place.iterdir()
    return build("wheel", source, tmp_path_factory.mktemp("wheel-from-sdist"))


def names_in(package: Path) -> list[str]:
    """The files of a wheel or an sdist; an sdist's leading folder is taken off."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            return archive.namelist()
    with tarfile.open(package) as archive:
        return [member.name.split("/", 1)[1] for member in archive if member.isfile()]


@pytest.fixture(scope="session")
def names():
    return names_in


@pytest.fixture(scope="session")
def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or pytest.fail("uv is not installed: pip install uv")


@pytest.fixture(scope="session")
def install(uv, tmp_path_factory):
    """Makes an environment that holds nothing but one of the packages and what it needs; returns its Python."""

    def run(package: Path, *options: str) -> Path:
        place = tmp_path_factory.mktemp("environment") / "venv"
        wanted = f"windsock[demo,otlp] @ {package.as_uri()}"
        for command in (
            [uv, "venv", "--quiet", "--python", sys.executable, place],
            [uv, "pip", "install", "--quiet", *options, "--python", place, wanted],
        ):
            result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=place.parent)
            assert result.returncode == 0, result.stderr
        return place / "bin" / "python"

    return run


@pytest.fixture(scope="session")
def installed(install, wheel) -> Path:
    """One for all; what the sdist installs is the same: `test_the_sdist_installs_what_the_wheel_installs`."""
    return install(wheel)


@pytest.fixture(scope="session")
def run_in():
    """Run Python code in an environment, away from the repository; returns what it prints."""

    def run(python: Path, code: str, *args: str) -> str:
        result = subprocess.run(
            [python, "-I", "-c", code, *args],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=python.parent,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture(scope="session")
def helps(run_in):
    """By command, `metadata once`, what it says of itself in an environment: all of them in one process."""
    return lambda python: json.loads(run_in(python, HELP))
