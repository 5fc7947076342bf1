"""`windsock exporter import-mapping`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import yaml

from windsock import cli

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .conversion import Conversion


@click.command(epilog="Example: windsock exporter import-mapping statsd-mapping.yml > windsock.yaml")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@cli.config_option
def import_mapping(config: Path | None, file: str, *, as_json: bool) -> None:
    """Turn a statsd_exporter mapping FILE into windsock.yaml, and say what changes and what can't be kept."""
    from .conversion import convert  # noqa: PLC0415  --help needs none of it
    from .file import load  # noqa: PLC0415  as above

    mapping = load(file)
    conversion = convert(file, mapping, cli.load(config).exporter.statsd.prefix)
    if as_json:
        click.echo(json.dumps(_facts(conversion), indent=2))
        return
    click.echo(f"# From {file}: {len(mapping.mapping.rules)} mappings.")
    click.echo(
        yaml.safe_dump({"exporter": conversion.configuration}, sort_keys=False, default_flow_style=None), nl=False
    )
    if "mapping_config" in conversion.configuration:
        unmatched = [rule.match for rule in conversion.unknown]
        _list("The file stays, because the catalogue has no metric for these:", unmatched)
    catalogued = conversion.configuration.get("naming") == "prometheus"
    heading = "The names change so:" if catalogued else "With `naming: prometheus` the names would change so:"
    _list(heading, sorted({f"{one.old} -> {one.new}" for one in conversion.known}))
    _list("What can't be kept:", conversion.lost)


def _facts(conversion: Conversion) -> dict[str, object]:
    return {
        "exporter": conversion.configuration,
        "known": [{"match": one.rule.match, "old": one.old, "new": one.new} for one in conversion.known],
        "unknown": [rule.match for rule in conversion.unknown],
        "lost": list(conversion.lost),
    }


def _list(heading: str, lines: Sequence[str]) -> None:
    if lines:
        click.echo("\n".join(["", f"# {heading}", *(f"#   {line}" for line in lines)]))
