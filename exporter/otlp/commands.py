"""`windsock otel`."""

from __future__ import annotations

from pathlib import Path

import click

from windsock import __version__, cli, yaml_dump
from windsock.exceptions import WindsockError

from .collector import configuration


@click.group(epilog="Example: windsock otel build --out otelcol.yaml")
def otel() -> None:
    """Configure an OpenTelemetry collector."""


@otel.command(epilog="Example: windsock otel build --out otelcol.yaml     then: otelcol-contrib --config otelcol.yaml")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it; without it: here.")
@click.option("--listen", metavar="HOST", default="0.0.0.0", show_default=True, help="Where Airflow sends to.")  # noqa: S104
@click.option(
    "--expose", metavar="HOST:PORT", default="0.0.0.0:9464", show_default=True, help="What Prometheus scrapes."
)
@cli.config_option
def build(config: Path | None, out: Path | None, listen: str, expose: str) -> None:
    """Write the collector's configuration: one series a fact, under windsock's names."""
    made = configuration(cli.load(config).exporter.otlp, listen, expose)
    text = (
        f"# Made by windsock {__version__}: windsock otel build. docs/otlp.md says what it takes and what it loses.\n"
    )
    text += yaml_dump.dump(made)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise WindsockError(f"{out}: {error.strerror}") from None
    click.echo(f"{out}: good: {len(made['processors']['metrics_transform']['transforms']) - 1} metrics have our names")
