"""Where the exporter's settings came from, and which of them can change while it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from windsock.database import find_url
from windsock.exceptions import SettingsError
from windsock.settings import sources

from . import parts
from .series.metrics import metrics
from .web import access

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from windsock.settings import Settings

_Value = TypeVar("_Value")

# Sockets and connections are opened, and meanings given to what is stored already, at the start only.
_AT_START = frozenset(
    (
        "cluster",
        "metadata",
        "alertmanager.urls",
        "alertmanager.http",
        *(f"reconcile.{key}" for key in ("enabled", "store", "window", "logs")),
        *(f"exporter.{key}" for key in ("naming", "mapping_config", "expiry", "state_file", "gauges", "buckets")),
        *(f"exporter.statsd.{key}" for key in ("listen", "socket_mode", "socket_group", "read_buffer", "prefix")),
        *(f"exporter.statsd.{key}" for key in ("airflow", "timer_unit_consistency")),
        "exporter.statsd.unmapped",
        *(
            f"exporter.otlp.{key}"
            for key in (
                "listen",
                "grpc",
                "prefix",
                "max_body",
                "forget",
                "streams",
                "forward",
                "forward_interval",
                "http",
            )
        ),
        *(f"exporter.openlineage.{key}" for key in ("listen", "namespace", "max_body")),
        "exporter.celery",
        "exporter.web.listen",
    )
)
# What others read, each for itself: Airflow's processes, and the commands that build something.
_ALERTMANAGER = tuple(f"alertmanager.{key}" for key in ("secrets_dir", "version", "proxy", "ca_file"))
_ROUTING = ("teams", "defaults", "channels", *_ALERTMANAGER)
"""What Alertmanager's routes and receivers are made of."""
_ELSEWHERE = ("callbacks", "channels", "plugin", "logs", "prometheus", *_ALERTMANAGER)


def origin(config: Path | None, options: Sequence[str]) -> list[str]:
    """Where the settings come from, the least first; `options` are those of the command line."""
    file = sources.find(config, os.environ, cwd=True)
    variables = sorted(name for name in os.environ if name.startswith("WINDSOCK__"))
    return [str(file) if file is not None else "defaults", *(f"${name}" for name in variables), *options]


def check(settings: Settings, origin: Sequence[str]) -> Iterator[str]:
    """Read everything that the settings name; one line for each part that is good. Raises WindsockError."""
    yield f"{', '.join(origin)}: good"
    exporter = settings.exporter
    metrics(exporter)
    if exporter.web.config_file is not None:
        yield f"{exporter.web.config_file}: good: {access.read(exporter.web.config_file)}"
    if exporter.mapping_config is not None:
        from .compat import file as mapping_file  # noqa: PLC0415  only where there is one

        mapping = mapping_file.load(exporter.mapping_config)
        yield f"{exporter.mapping_config}: good: mappings: {len(mapping.mapping.rules)}"
        yield from (f"  {remark}" for remark in mapping.remarks)
    if exporter.celery.broker is not None:
        from .celery import broker  # noqa: PLC0415  as above

        broker.address(exporter.celery)
        yield f"Celery's broker: queues {', '.join(exporter.celery.queues)}"
    if exporter.state_file is not None and not Path(exporter.state_file).absolute().parent.is_dir():
        raise SettingsError([f"exporter.state_file: {exporter.state_file}: there is no such folder"])
    made = parts.make(settings)
    missing = _missing_file(settings) if made.collector is not None else ""
    if missing and settings.metadata.url is not None:
        raise SettingsError([f"metadata.url: {missing}: no such file"])
    for name, said in made.lines(settings):
        yield f"{name}: {said}{f'; {missing} is not there' if missing and name == parts.DATABASE else ''}"
    if made.collector is not None:
        yield "No server was asked: `windsock metadata once` reads the database, `windsock notify test` sends an alert"


def take_over(old: Settings, new: Settings) -> tuple[Settings, dict[str, list[str]]]:
    """Return the settings to go on with, and the keys that differ by what becomes of them.

    `taken over`: from now on; `needs a restart`: they stay as they were; `read by others`: by Airflow's processes and
    by the commands that build something.
    """
    merged = _merged(old, new, "")
    differing = list(_differences(old, merged, ""))
    elsewhere = [key for key in differing if _is_below(key, _ELSEWHERE)]
    return merged, {
        "taken over": [key for key in differing if key not in elsewhere],
        "needs a restart": list(_differences(merged, new, "")),
        "read by others": elsewhere,
    }


def told(outcome: Mapping[str, Sequence[str]]) -> list[str]:
    """What became of the keys that differ, a line each."""
    said = [f"{what}: {', '.join(keys)}" for what, keys in outcome.items() if keys]
    if any(_is_below(key, _ROUTING) for keys in outcome.values() for key in keys):
        said.append("Alertmanager's routes stay as they were: `windsock alerts build`, and let Alertmanager read them")
    return said or ["nothing had changed"]


def _missing_file(settings: Settings) -> str:
    from .database.engine import missing_file  # noqa: PLC0415  only where there is a database

    url = find_url(settings.metadata.url)
    return missing_file(url) if url is not None else ""


def _merged(old: _Value, new: _Value, key: str) -> _Value:
    """`new`, with what is opened at the start as it was."""
    if key in _AT_START:
        return old
    if isinstance(old, BaseModel) and isinstance(new, BaseModel):
        pairs = {name: (getattr(old, name), getattr(new, name)) for name in type(new).model_fields}
        return new.model_copy(update={name: _merged(*pair, _below(key, name)) for name, pair in pairs.items()})
    return new


def _differences(old: Any, new: Any, key: str) -> Iterator[str]:
    """The keys of values that are not the same; a team that is new or gone is one."""
    if isinstance(old, BaseModel) and isinstance(new, BaseModel):
        for name in type(new).model_fields:
            yield from _differences(getattr(old, name), getattr(new, name), _below(key, name))
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(old.get(name), new.get(name), _below(key, name))
        if old.keys() == new.keys() and list(old) != list(new):
            yield key  # the first team that matches counts
    elif old != new:
        yield key


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _is_below(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)
