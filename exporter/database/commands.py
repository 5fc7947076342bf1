"""`windsock metadata`: one look at the metadata database, and the role that it takes."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

import click

from windsock import cli
from windsock.exceptions import UsageError, WindsockError

if TYPE_CHECKING:
    from pathlib import Path

    from .once import Look

_URL = click.option(
    "--url",
    metavar="URL",
    help="Such as postgresql://windsock@HOST/airflow; without it metadata.url, then Airflow's own setting.",
)


@click.group()
def metadata() -> None:
    """Read Airflow's metadata database, as the exporter does."""


@metadata.command(epilog="Example: windsock metadata once --url postgresql://windsock@db/airflow")
@_URL
@click.option("--json", "as_json", is_flag=True, help="The time of each query as JSON, without the metrics.")
@cli.config_option
def once(config: Path | None, url: str | None, *, as_json: bool) -> None:
    """Print what one pass finds; on standard error, how long each query took. Exit code 1 where one of them failed.

    Counters are absent: they count what finishes while the exporter looks.
    """
    from .once import look_once  # noqa: PLC0415  --help needs no database

    logging.disable(logging.WARNING)  # what failed is in the result
    look = look_once(cli.load(config), _known(url, config))
    if as_json:
        rounded = {name: round(seconds, 6) for name, seconds in look.seconds.items()}
        click.echo(json.dumps({"seconds": rounded, "statements": look.statements, "failed": look.failed}))
    else:
        _show(look)
    if look.failed:
        raise WindsockError(f"of {len(look.seconds)} queries these failed: {', '.join(sorted(look.failed))}")


def _show(look: Look) -> None:
    click.echo(look.exposition, nl=False)
    for name, seconds in sorted(look.seconds.items(), key=lambda item: -item[1]):
        click.echo(f"{seconds * 1000:9.1f} ms  {name:16} {look.failed.get(name, '')}".rstrip(), err=True)
    click.echo(f"{sum(look.seconds.values()) * 1000:9.1f} ms  {look.statements} statements", err=True)


@metadata.command(epilog="Example: windsock metadata grants --url postgresql://postgres@db/airflow | psql airflow")
@_URL
@click.option("--role", default="windsock", show_default=True, help="The role's name.")
@cli.config_option
def grants(config: Path | None, url: str | None, role: str) -> None:
    """Print the statements that make a role which may read what windsock reads, and nothing else.

    The role has no password, and the first line says how to give it one.
    """
    from .grants import statements  # noqa: PLC0415  --help needs no database

    for line in statements(_known(url, config), role):
        click.echo(line)
        if line.startswith("--") and not sys.stdout.isatty():
            click.echo(line.removeprefix("-- "), err=True)  # piped, nobody sees it


def _known(url: str | None, config: Path | None) -> str:
    from windsock.database import AIRFLOW_URLS, find_url  # noqa: PLC0415  --help needs no database

    found = url or find_url(cli.load(config).metadata.url)
    if found is None:
        raise UsageError(f"which database? give --url, set metadata.url in windsock.yaml, or ${AIRFLOW_URLS[0]}")
    return found
