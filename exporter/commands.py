"""`windsock exporter` and `windsock explain`."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from windsock import catalog, cli

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: windsock exporter --statsd-listen udp://0.0.0.0:9125 --web-listen 0.0.0.0:9102")
@click.option(
    "--statsd-listen", multiple=True, metavar="URL", help="udp://HOST:PORT, tcp://…, unixgram:///PATH; again for more."
)
@click.option("--web-listen", metavar="HOST:PORT", help="Where /metrics is served.")
@click.option("--read-buffer", metavar="BYTES", help="The kernel's receive buffer, such as 32MiB.")
@click.option("--check-config", is_flag=True, help="Check the configuration and end.")
@cli.config_option
def exporter(
    config: Path | None,
    statsd_listen: tuple[str, ...],
    web_listen: str | None,
    read_buffer: str | None,
    *,
    check_config: bool,
) -> None:
    """StatsD in, Prometheus out: Airflow's metrics under right names, with right units, each fact once."""
    settings = cli.load(
        config,
        exporter__statsd__listen=list(statsd_listen) or None,
        exporter__web__listen=web_listen,
        exporter__statsd__read_buffer=read_buffer,
    )
    if check_config:
        click.echo("the configuration is good")
        return
    from .service import Service  # noqa: PLC0415  --help and --check-config need no sockets

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with Service(settings.exporter) as service:
        click.echo(f"receiving on {', '.join(service.addresses())}; metrics on http://{service.web.address}/metrics")
        stopped.wait()


@click.command(epilog="Example: windsock explain 'airflow.ti.finish,dag_id=d,task_id=t,state=failed:1|c'")
@click.argument("lines", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a sample.")
@cli.config_option
def explain(config: Path | None, lines: tuple[str, ...], *, as_json: bool) -> None:
    """Say what each StatsD line becomes, and why; without LINES, those on standard input."""
    from .explanation import explain as explain_line  # noqa: PLC0415  --help needs none of it
    from .statsd.translate import Translator  # noqa: PLC0415  as above

    translator = Translator(catalog.statsd(), cli.load(config).exporter.statsd.prefix)
    for line in lines or sys.stdin:
        for entry in explain_line(line.rstrip("\r\n").encode(errors="surrogateescape"), translator):
            if as_json:
                click.echo(json.dumps(entry))
                continue
            click.echo(entry.pop("sample"))
            for name, value in entry.items():
                if value not in ([], ""):
                    click.echo(f"  {name + ':':12} {'; '.join(value) if isinstance(value, list) else value}")
