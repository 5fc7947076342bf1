"""The settings for a process that is about to end: each section is imported, and checked, when it is asked for.

A callback has a task's process wait, and most of its time was the schema of all that windsock.yaml may hold.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter

from windsock import redaction
from windsock.settings import model, sources

if TYPE_CHECKING:
    from windsock.settings.root import Settings

SECTIONS = {
    "cluster": ("model", "Cluster"),
    "alertmanager": ("model", "Alertmanager"),
    "callbacks": ("callbacks", "Callbacks"),
    "links": ("model", "Links"),
    "redaction": ("redaction", "Redaction"),
    "channels": ("channels", "Channels"),
    "teams": ("teams", "Teams"),
    "defaults": ("model", "Defaults"),
    "severity": ("teams", "SeverityRules"),
}
"""Where the type of each section stands that a callback may ask for."""
_SENDING = "sending", "Sending"
_ATTACHING = frozenset(("attach", "opt_out"))
"""What a callback asks for of the section `callbacks`, and the keys of it that ask for the whole of the section."""
OTHERS = frozenset(
    ("alerts", "doctor", "exporter", "grafana", "logs", "metadata", "plugin", "prometheus", "reconcile", "slo")
)
"""What else windsock.yaml may hold. It is not looked at: what is wrong there keeps no alert back."""


def load() -> Settings:
    """Return the settings that a callback may ask for, as `root.load` does.

    Raises SettingsError, here or where a section is asked for that is wrong, with all that `root.load` says.
    """
    source = sources.read(cwd=False)
    known = source.values.keys() <= SECTIONS.keys() | OTHERS
    found = cast("Settings", _Sections(source)) if known and not source.problems else _whole(source)
    redaction.learn(found.redaction.patterns if "redaction" in source.values else ())
    return found


def _whole(source: sources.Source) -> Settings:
    from windsock.settings import root  # noqa: PLC0415  where something is wrong, which it says best

    return root.validate(source)


class _Sections:
    """Stands for the Settings that a source holds."""

    def __init__(self, source: sources.Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        if name not in SECTIONS:
            raise AttributeError(name)
        self.__dict__[name] = found = self._given(name) if name in self._source.values else _unset(name)
        return found

    def _given(self, name: str) -> Any:
        try:
            value = TypeAdapter(_type(name, self._source.values[name])).validate_python(self._source.values[name])
            if name in ("teams", "defaults"):
                model.check_templates(value, self.callbacks.templates)
        except ValueError:  # pydantic's is one
            return getattr(_whole(self._source), name)
        return value


def _type(name: str, given: Any = ()) -> Any:
    is_short = name == "callbacks" and (not given or (isinstance(given, dict) and _ATTACHING.isdisjoint(given)))
    module, kind = _SENDING if is_short else SECTIONS[name]
    return getattr(importlib.import_module(f"{__package__}.{module}"), kind)


def _unset(name: str) -> Any:
    if name == "cluster":
        return model.CLUSTER
    return {} if name == "teams" else () if name == "severity" else _type(name).unset()
