"""`windsock config`: what is in force, where it came from, and what could be set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from windsock import cli, settings
from windsock.settings import sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.group()
def config() -> None:
    """Show the effective configuration and its schema."""


@config.command(epilog="Example: WINDSOCK__CLUSTER=prod windsock config show")
@click.option("--json", "as_json", is_flag=True, help="The values alone, as JSON.")
@cli.config_option
def show(config: Path | None, *, as_json: bool) -> None:
    """Print every value in force with its origin."""
    source = sources.read(config)
    values = settings.validate(source).model_dump(mode="json", by_alias=True)
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return
    rows = [
        (sources.dotted(key), json.dumps(value), source.origin(key) if _given(key, value, source) else "default")
        for key, value in _leaves(values, ())
    ]
    width = max(len(f"{key} = {value}") for key, value, _ in rows)
    for key, value, origin in rows:
        click.echo(f"{f'{key} = {value}':{min(width, 72)}}  # {origin}")


@config.command(epilog="Example: windsock config schema > windsock.schema.json")
def schema() -> None:
    """Print the JSON schema of windsock.yaml, for editors."""
    click.echo(json.dumps(settings.Settings.model_json_schema(by_alias=True), indent=2))


def _leaves(value: Any, key: sources.Key) -> Iterator[tuple[sources.Key, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*key, name))
    else:
        yield key, value


def _given(key: sources.Key, value: Any, source: sources.Source) -> bool:
    place: Any = source.values
    for part in key:
        if place is not None and not isinstance(place, dict):
            return bool(place == value)  # one word stands for one key of a section: `reconcile: false`
        if place is None or part not in place:
            return False
        place = place[part]
    return True
