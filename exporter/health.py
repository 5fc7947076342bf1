"""The exporter, as the doctor sees it from outside: it answers, and says itself what is wrong with what it receives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from windsock import __version__, links
from windsock.doctor import finding
from windsock.doctor.finding import Finding
from windsock.doctor.server import AskingError, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

_LOGIN = 401
_NOT_FOUND = 404


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what each says, or that it does not answer. Raises SettingsError for a secret that can't be had here."""
    known = links.complete(settings).exporter
    urls = settings.doctor.exporters or ((known,) if known else ())
    if not urls:
        said = "Its port is not known before it listens."
        yield Finding("exporter.unknown", "unseen", said, "Set doctor.exporters.", "Exporter")
    for url in urls:
        yield from _examine(Server(f"Exporter {url}", url, settings.doctor.http, "doctor"))


def _examine(server: Server) -> Iterator[Finding]:
    try:
        answered = server.text("/doctor")
        yield from finding.read(json.loads(answered), server.name)
        if server.version and server.version != __version__:
            yield Finding(
                "exporter.version",
                "warning",
                f"It is windsock {server.version}, and this is {__version__}.",
                "Install one version everywhere: rules, boards and callbacks are made for it.",
                server.name,
            )
        yield from server.clock("exporter.clock")
    except (ValueError, RecursionError):
        yield Finding("exporter.down", "critical", "That is no exporter.", "Set doctor.exporters.", server.name)
    except AskingError as error:
        if error.status == _LOGIN:
            yield Finding(
                "exporter.login",
                "unseen",
                "It asks for a log-in.",
                "Set doctor.http.username and doctor.http.password: ${VARIABLE}.",
                server.name,
            )
            return
        mend = "Start it (`windsock exporter`), or say where it is: doctor.exporters in windsock.yaml."
        if error.status == _NOT_FOUND:
            mend = "Upgrade it: this is an exporter of an earlier windsock, or none at all."
        yield Finding("exporter.down", "critical", f"{error}.", mend, server.name)
