"""`windsock logs`: Filebeat's and Elasticsearch's configuration, made from windsock.yaml."""

from __future__ import annotations

import signal
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from windsock import cli
from windsock.exceptions import UsageError, WindsockError

from . import build as made
from . import mappings, owners
from . import prune as old
from .elasticsearch import Elasticsearch, RefusedError
from .filebeat import VERSIONS

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

_OUT = Path("logging/generated")


@click.group(epilog="Example: windsock logs build --filebeat-version 8.19 --out /etc/windsock/logs")
def logs() -> None:
    """Ship Airflow's logs to Elasticsearch, and read them back."""


@logs.command(epilog="Example: windsock logs build --filebeat-version 8.19 --out /etc/windsock/logs")
@click.option(
    "--filebeat-version",
    type=click.Choice(VERSIONS),
    help="Write one filebeat.yml, for this version; without it one file a version.",
)
@click.option("--out", type=click.Path(path_type=Path), default=_OUT, show_default=True, help="Where the files go.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 where the files there are not what would be written."
)
@click.option(
    "--dags",
    metavar="WHERE",
    help="URL or file of an exporter's metrics: lines get the team and the owners of their DAG from it.",
)
@cli.config_option
def build(config: Path | None, out: Path, filebeat_version: str | None, dags: str | None, *, check: bool) -> None:
    """Write Filebeat's configuration, Elasticsearch's templates and Airflow's settings."""
    texts = made.files(cli.load(config), filebeat_version, owners.read(dags) if dags else ())
    if check:
        stale = [str(out / name) for name, text in texts.items() if _read(out / name) != text]
        stale += [str(path) for path in out.rglob("*") if path.is_file() and str(path.relative_to(out)) not in texts]
        if stale:
            raise WindsockError(f"not what `windsock logs build --out {out}` makes: {', '.join(stale)}")
        click.echo(f"{out}: up to date")
        return
    try:
        for name, text in texts.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text, encoding="utf-8")
            click.echo(str(out / name))
    except OSError as error:
        raise WindsockError(f"{error.filename}: can't be written: {error.strerror}") from None


@logs.command(epilog="Example: windsock logs install --config windsock.yaml")
@cli.config_option
def install(config: Path | None) -> None:
    """Put templates and lifecycle into Elasticsearch; again is harmless, and changes what comes from then on."""
    settings = cli.load(config)
    server = Elasticsearch(settings)
    for path, body in mappings.files(settings).items():
        try:
            server.request("PUT", path, body)
        except RefusedError as error:
            if path.startswith("_ilm/") and error.status in (400, 405):
                raise WindsockError(
                    "this server has no index lifecycle: set logs.lifecycle: false, and run `windsock logs prune` daily"
                ) from None
            raise
        click.echo(path)


@logs.command(epilog="Example: windsock logs prune --config windsock.yaml     once a day.")
@cli.config_option
def prune(config: Path | None) -> None:
    """Delete what is older than logs.retention: for servers without lifecycle, and for lines without a date."""
    settings = cli.load(config)
    said = old.prune(settings, Elasticsearch(settings), datetime.now(timezone.utc))
    for line in said or ["nothing is old enough"]:
        click.echo(line)


@logs.command(epilog="Example: windsock logs watch --listen 127.0.0.1:9103")
@click.option("--listen", default="127.0.0.1:9103", show_default=True, metavar="HOST:PORT", help="For Prometheus.")
@cli.config_option
def watch(config: Path | None, listen: str) -> None:
    """Show Filebeat's statistics to Prometheus, and how long a line takes to Elasticsearch; until Ctrl-C."""
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415  only this command needs it

    from .watch import Canary, Watch  # noqa: PLC0415

    settings = cli.load(config)
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise UsageError(f"--listen {listen}: expected HOST:PORT")
    canary = Canary(settings)
    registry = CollectorRegistry()
    registry.register(cast("Collector", Watch(settings, canary)))
    try:
        server, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise WindsockError(f"--listen {listen}: {error.strerror}") from None
    click.echo(f"http://{listen}/metrics")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        canary.run(stopped)
    except KeyboardInterrupt:
        stopped.set()
    finally:
        server.shutdown()
        thread.join()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
