"""`windsock dashboards preview` and `windsock dashboards screenshot`."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from windsock import cli
from windsock.exceptions import UsageError
from windsock.extras import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .server import Preview

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_ENDS = (signal.SIGINT, signal.SIGTERM)
_LAPTOP = (1440, 900)


def _options(command: _Command) -> _Command:
    for option in (
        cli.config_option,
        click.option(
            "--scrape-interval",
            default=15.0,
            show_default=True,
            type=click.FloatRange(min=1),
            metavar="SECONDS",
            help="How often Prometheus scrapes, which Grafana's data source is told, too.",
        ),
        click.option("--prometheus", "urls", metavar="URL", help="The Prometheus; else the first of prometheus.urls."),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: windsock dashboards preview --prometheus http://127.0.0.1:9090")
@click.option("--listen", default="127.0.0.1:3000", show_default=True, help="Loopback; port 0 takes a free one.")
@_options
def preview(config: Path | None, urls: str | None, *, listen: str, scrape_interval: float) -> None:
    """Serve a preview of the dashboards, where there is no Grafana.

    Draws the same JSON with the data of a Prometheus. Prints its address as soon as it serves, and ends on Ctrl-C.
    """
    # Blocked before the first thread starts, so that none of them gets one.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    with _serving(config, urls, listen, scrape_interval) as running:
        click.echo(f"preview: {running.url} (not Grafana; data of {running.source.url})")
        signal.sigwait(_ENDS)


@click.command(epilog="Example: windsock dashboards screenshot --out pictures --board windsock-overview --from now-1h")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder; UID.png.")
@click.option("--board", "uids", multiple=True, metavar="UID", help="Only this one; may be given again.")
@click.option("--from", "begin", default="", metavar="TIME", help="now-6h, or a Unix time in ms; else the board's own.")
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="As --from.")
@click.option(
    "--size",
    nargs=2,
    type=click.IntRange(320, 8000),
    default=_LAPTOP,
    show_default=True,
    metavar="WIDTH HEIGHT",
    help="The window: what is seen of a board without scrolling.",
)
@click.option("--full-page", is_flag=True, help="The whole board, with its closed rows opened.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Choose a value; may be given again.")
@_options
def screenshot(  # noqa: PLR0913  its options
    config: Path | None,
    urls: str | None,
    *,
    scrape_interval: float,
    out: Path,
    uids: tuple[str, ...],
    begin: str,
    end: str,
    size: tuple[int, int],
    variables: tuple[str, ...],
    full_page: bool,
) -> None:
    """Take a picture of each board of the preview, with headless Chromium."""
    from .screenshot import Shot, take  # noqa: PLC0415  --help does without

    chosen = [variable.partition("=") for variable in variables]
    if wrong := next((name for name, sign, _ in chosen if not sign), None):
        raise UsageError(f"--var {wrong}: expected NAME=VALUE")
    given = [("from", begin), ("to", end)] if begin else []
    shot = Shot(size, [*given, *((f"var-{name}", value) for name, _, value in chosen)], full_page=full_page)
    with _serving(config, urls, "127.0.0.1:0", scrape_interval) as running:
        known = running.uids
        if unknown := next((uid for uid in uids if uid not in known), None):
            raise UsageError(f"--board {unknown}: expected one of {', '.join(known)}")
        for file in take(running.url, uids or known, out, shot):
            click.echo(file)


@contextmanager
def _serving(config: Path | None, urls: str | None, listen: str, scrape_interval: float) -> Iterator[Preview]:
    need("grafanalib", "plotly", what="`windsock dashboards`")
    from windsock.dashboards.build import files  # noqa: PLC0415  --help does without grafanalib

    from .server import Preview  # noqa: PLC0415  as above
    from .source import Source  # noqa: PLC0415  as above

    settings = cli.load(config, prometheus__urls=(urls,) if urls else None)
    with Preview(files(settings), Source(settings), listen, scrape_interval) as running:
        yield running
