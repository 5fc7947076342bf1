"""Which Alertmanager and Prometheus the files are made for: as windsock.yaml says, or as the servers do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from windsock import versions
from windsock.alertmanager import Alertmanager, credentials
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from windsock.settings import Settings

TIMEOUT = 3.0
"""Seconds in which the servers of one kind must answer, all together."""
_MADE_FOR = re.compile(r"^# Made by `windsock alerts build` for \w+ ([\d.]+):")


class Program(NamedTuple):
    """One that reads a file of ours."""

    title: str
    section: str
    """Of windsock.yaml."""
    oldest: str
    path: str
    """Where a server says its version: the API's path, then the keys."""
    keys: tuple[str, str]


ALERTMANAGER = Program(
    "Alertmanager", "alertmanager", versions.ALERTMANAGER, "/api/v2/status", ("versionInfo", "version")
)
PROMETHEUS = Program("Prometheus", "prometheus", versions.PROMETHEUS, "/api/v1/status/buildinfo", ("data", "version"))


def header(program: Program, settings: Settings) -> str:
    """The first line of a file: what it was made for is read from there again, see `settle`."""
    version = getattr(settings, program.section).version
    made_for = program.oldest if version == versions.AUTO else version
    return (
        f"# Made by `windsock alerts build` for {program.title} {made_for}: what is changed here is lost with the next"
        " build.\n"
    )


def settle(settings: Settings, made: Mapping[Program, Path], *, ask: bool) -> tuple[Settings, list[str]]:
    """Return the settings with a version in place of each `auto`, and what is to be said about it.

    Where no server can be asked, or `ask` says to ask none, it is that of the last build, whose files are `made`, so
    that an outage changes nothing; before the first build the oldest that is supported.
    """
    changes: dict[str, Any] = {}
    notes: list[str] = []
    for program, path in made.items():
        section = getattr(settings, program.section)
        if section.version != versions.AUTO:
            continue
        found: list[str] = []
        if ask:
            for version, problem in _asked(settings, program):
                found += [version] if version else []
                notes += [f"{program.section}.version: {problem}"] if problem else []
        chosen = min(found, key=versions.key, default=None)
        if chosen is None:
            last = _made_for(path)
            chosen = last or program.oldest
            if ask:
                why = f"as in the last build ({path})" if last else "the oldest that is supported"
                notes.append(f"{program.section}.version: taken to be {chosen}, {why}")
        changes[program.section] = section.model_copy(update={"version": chosen})
    return settings.model_copy(update=changes), notes


def _asked(settings: Settings, program: Program) -> Iterator[tuple[str | None, str]]:
    """Each server's version, or why it is not known."""
    section = getattr(settings, program.section)
    if not section.urls:
        yield None, f"auto, but {program.section}.urls names no server to ask"
        return
    try:
        client = Alertmanager(section, credentials(section.http, program.section))
    except SettingsError as error:
        yield None, f"no server was asked: {error}"
        return
    for url, answer in client.ask(program.path, TIMEOUT).items():
        if isinstance(answer, str):
            yield None, f"{url} was asked and does not answer: {answer}"
            continue
        for key in program.keys:
            answer = answer.get(key) if isinstance(answer, dict) else None  # noqa: PLW2901  one step further in
        version = versions.said(answer)
        yield version, "" if version else f"{url} was asked and names no version"


def _made_for(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8") as file:
            match = _MADE_FOR.match(file.readline())
    except (OSError, UnicodeDecodeError):
        return None
    return match[1] if match else None
