"""Dashboards into Grafana, so that nobody's work is lost: what somebody changed there stays, unless told otherwise."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from windsock import __version__
from windsock.redaction import redact
from windsock.text import line

from . import fingerprint
from .grafana import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .grafana import Grafana, Stored
    from .targets import Json

_LINES = 40
"""Of a difference that are shown."""
_WIDTH = 160
"""Characters of such a line."""
_NAMES = ("title", "name", "refId", "id")
"""What tells the items of a list apart: a panel that moves does not change all that stand behind it."""


@dataclass(frozen=True)
class Outcome:
    """What was done about one dashboard."""

    title: str
    uid: str
    did: Literal["created", "updated", "unchanged", "refused"]
    why: str = ""
    difference: tuple[str, ...] = ()
    """From what Grafana has to what is pushed: `- KEYS: VALUE` and `+ KEYS: VALUE`."""


def push(
    grafana: Grafana, texts: Mapping[str, str], folder: str, *, force: bool = False, dry: bool = False
) -> Iterator[Outcome]:
    """Store the dashboards in a folder, by its title or uid, and yield what was done.

    `force` overwrites what somebody changed in Grafana, `dry` changes nothing. Raises GrafanaError where Grafana does
    not answer or lets nobody in.
    """
    uid = grafana.folder(folder)
    if uid is None:
        uid = None if dry else grafana.create_folder(folder)
        yield Outcome(folder, uid or "no uid yet", "created", "the folder")
    for text in texts.values():
        yield _one(grafana, json.loads(text), uid, force=force, dry=dry)


def _one(grafana: Grafana, board: Json, folder: str | None, *, force: bool, dry: bool) -> Outcome:
    title, uid = str(board["title"]), str(board["uid"])
    difference: tuple[str, ...] = ()
    try:
        stored = grafana.dashboard(uid)
        if stored is not None:
            difference = _difference(stored, board, folder)
            if not difference:
                return Outcome(title, uid, "unchanged")
            if why := _reason_not_to(stored, folder, force=force):
                return Outcome(title, uid, "refused", why, difference)
        if not dry:
            version = None if stored is None else stored.version
            grafana.save(fingerprint.marked(board), folder or "", version, f"windsock {__version__}")
    except RefusedError as error:
        return Outcome(title, uid, "refused", str(error), difference)
    return Outcome(title, uid, "created" if stored is None else "updated", difference=difference)


def _reason_not_to(stored: Stored, folder: str | None, *, force: bool) -> str:
    if stored.provisioned:
        return "it comes from a file of Grafana's provisioning: change that"
    if force:
        return ""
    if not fingerprint.untouched(stored.board):
        return f"it was changed in Grafana (version {stored.version}: {stored.changed}); --force overwrites it"
    if stored.folder != (folder or ""):
        return f"it is in the folder {stored.folder_title!r}; --force moves it"
    return ""


def _difference(stored: Stored, board: Json, folder: str | None) -> tuple[str, ...]:
    """What changes; of a dashboard that somebody changed, and changed back, nothing does."""
    there, ours = fingerprint.content(stored.board), fingerprint.content(board)
    lines = [] if stored.folder == (folder or "") else [f"- folder: {stored.folder_title}"]
    if there != ours:
        found = difflib.unified_diff(list(_flat(there)), list(_flat(ours)), n=0, lineterm="")
        lines += [f"{one[0]} {one[1:]}" for one in list(found)[2:] if one[0] != "@"]
    shown = [line(redact(one), _WIDTH) for one in lines[:_LINES]]
    return (*shown, *([f"  … and {len(lines) - _LINES} lines more"] if len(lines) > _LINES else []))


def _flat(value: Any, path: str = "") -> Iterator[str]:
    """`panels[Failed tries].targets[A].expr: "sum(…)"`, in the order of the keys."""
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from _flat(value[key], f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            named = next((one[name] for name in _NAMES if one.get(name)), index) if isinstance(one, dict) else index
            yield from _flat(one, f"{path}[{named}]")
    else:
        yield f"{path}: {json.dumps(value, ensure_ascii=False)}"
