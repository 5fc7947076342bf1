"""Where the exporter's settings came from, and which of them can change while it runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from windsock import _source

from . import access
from .mapping import file as mapping_file
from .metrics import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from windsock.settings import Exporter as ExporterSettings

# Sockets are opened, and meanings given to what is stored already, at the start only.
_AT_START: Mapping[str, tuple[str, ...]] = {
    "": ("naming", "mapping_config", "expiry", "state_file", "gauges", "buckets"),
    "statsd": ("listen", "read_buffer", "prefix", "airflow", "timer_unit_consistency"),
    "web": ("listen",),
}


def origin(config: Path | None, options: Sequence[str]) -> list[str]:
    """Where the settings come from, the least first; `options` are those of the command line."""
    file = _source.find(config, os.environ, cwd=True)
    variables = sorted(name for name in os.environ if name.startswith("WINDSOCK__EXPORTER__"))
    return [str(file) if file is not None else "defaults", *(f"${name}" for name in variables), *options]


def check(settings: ExporterSettings, origin: Sequence[str]) -> Iterator[str]:
    """Read everything that the settings name; one line for each part that is good. Raises SettingsError."""
    yield f"{', '.join(origin)}: good"
    metrics(settings)
    if settings.web.config_file is not None:
        yield f"{settings.web.config_file}: good: {access.read(settings.web.config_file)}"
    if settings.mapping_config is not None:
        mapping = mapping_file.load(settings.mapping_config)
        yield f"{settings.mapping_config}: good: mappings: {len(mapping.mapping.rules)}"
        yield from (f"  {remark}" for remark in mapping.remarks)


def take_over(old: ExporterSettings, new: ExporterSettings) -> tuple[ExporterSettings, list[str], list[str]]:
    """Return the settings to go on with, the keys that they take over, and those that wait for a restart."""
    waiting = [
        (section, key)
        for section, keys in _AT_START.items()
        for key in keys
        if _get(old, section, key) != _get(new, section, key)
    ]
    kept: dict[str, Any] = {}
    for section in {section for section, _ in waiting}:
        values = {key: _get(old, section, key) for name, key in waiting if name == section}
        kept.update(values if not section else {section: getattr(new, section).model_copy(update=values)})
    merged = new.model_copy(update=kept)
    return merged, _differences(old, merged), [_name(section, key) for section, key in waiting]


def _get(settings: ExporterSettings, section: str, key: str) -> Any:
    return getattr(getattr(settings, section) if section else settings, key)


def _name(section: str, key: str) -> str:
    return ".".join(part for part in ("exporter", section, key) if part)


def _differences(old: ExporterSettings, new: ExporterSettings) -> list[str]:
    found = []
    for section in type(new).model_fields:
        before, after = getattr(old, section), getattr(new, section)
        keys = type(after).model_fields if hasattr(type(after), "model_fields") else None
        if keys is None:
            found += [_name("", section)] if before != after else []
        else:
            found += [_name(section, key) for key in keys if getattr(before, key) != getattr(after, key)]
    return found
