"""`windsock up`."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import click

from windsock import cli, settings
from windsock.airflow.versions import NEWEST
from windsock.exceptions import UsageError
from windsock.extras import need
from windsock.settings import sources

from . import environment, keeper, programs, shipping, stack, table
from . import logs as shipped
from .check import Check
from .folder import DEFAULT, Folder
from .rounds import Rounds
from .watch import Watch

INTERVAL = 1.0


@click.command(epilog="Example: windsock up --check     waits for the demo's page, prints its way, and stops.")
@click.option("--check", is_flag=True, help="Wait for the failing demo task's page, print each hop's time, and stop.")
@click.option("--logs", is_flag=True, help="Ship the logs to Elasticsearch, too; the first time it takes minutes.")
@click.option(
    "--prepare",
    is_flag=True,
    help="Only install the demo's Airflow (with --logs: Filebeat and Elasticsearch too), and stop.",
)
@click.option(
    "--airflow",
    "version",
    default=NEWEST,
    show_default=True,
    metavar="VERSION|none",
    help="The demo's Airflow; none: start the rest, and say how to attach an Airflow of your own.",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(DEFAULT),
    show_default=True,
    help="The folder that everything is written to.",
)
@cli.config_option
def up(  # noqa: PLR0913  its options
    config: Path | None, home: Path, version: str, *, check: bool, logs: bool, prepare: bool
) -> None:
    """Start the whole stack on this machine, with a demo Airflow.

    No container engine is needed. Everything listens on free loopback ports, but for Airflow's two log servers, and
    writes to one folder; Ctrl-C ends all of it. Messages go to a local inbox, never to the channels of your
    windsock.yaml, whose teams and severities count.
    """
    own = None if version == "none" else version
    if own is None and (check or prepare):
        raise UsageError("--check and --prepare are about the demo's Airflow: leave out --airflow none")
    if own and own not in environment.versions():
        raise UsageError(f"--airflow {own}: expected none or one of {', '.join(environment.versions())}")
    need("aiosmtpd", "cryptography", "uv", "grafanalib", "plotly", "sqlalchemy", what="`windsock up`")
    source = sources.read(config)
    settings.validate(source)
    found = None if prepare else programs.find()
    folder = Folder(home.resolve())
    begun = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - begun:6.1f} s  {text}")

    with folder.locked(os.getpid()), keeper.kept():
        try:
            venv = environment.build(own, folder, say) if own else None
            if found is None:
                shipping.prepare(folder.home, say, wanted=logs)
                say(f"Airflow is installed in {venv}")
                return
            running = stack.start(folder, found, source, venv, say, logs=logs)
            with shipped.beside(folder, running, say) if logs else nullcontext():
                for line in table.lines(running.addresses, folder, found, own):
                    click.echo(line)
                if check:
                    Check(running).run(say)
                else:
                    click.echo("Ctrl-C ends it. What happens:")
                    _tell(running)
        except KeyboardInterrupt:
            if check:
                raise
            click.echo("ending all parts")


def _tell(running: stack.Stack) -> None:
    watch = Watch(running.processes, running.addresses, running.session)
    rounds = Rounds(running.doctor)
    while True:
        for line in (*watch.news(), *rounds.news()):
            click.echo(f"{datetime.now().astimezone():%H:%M:%S}  {line}")
        time.sleep(INTERVAL)
