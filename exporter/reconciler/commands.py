"""`windsock reconcile`: the reconciler without an exporter around it."""

from __future__ import annotations

import json
import logging
import signal
import time
from typing import TYPE_CHECKING

import click

from windsock import cli
from windsock.exceptions import UsageError, WindsockError
from windsock.redaction import logs

if TYPE_CHECKING:
    from pathlib import Path

    from windsock.settings import Settings

    from .reconciler import Reconciler


log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 30.0
"""Seconds for `--once`: more than a failure waits for its callback."""


@click.command(epilog="Example: windsock reconcile --url postgresql://windsock@db/airflow")
@click.option(
    "--url",
    metavar="URL",
    help="Such as postgresql://windsock@HOST/airflow; without it metadata.url, then Airflow's own setting.",
)
@click.option("--once", is_flag=True, help="Make passes until what is failed now was told, then end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: what lasts, as JSON.")
@cli.config_option
def reconcile(config: Path | None, url: str | None, *, once: bool, as_json: bool) -> None:
    """Tell Alertmanager of every failure that the metadata database knows, and of its end.

    The exporter does the same where it knows a database and an Alertmanager; of several reconcilers one acts. SIGHUP
    lets it read the configuration again.
    """
    settings = cli.load(config)
    logs.configure()
    reconciler = _make(settings, url)
    try:
        if once:
            _once(reconciler, as_json=as_json)
            return
        # Blocked before the thread starts, so that it gets none.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        reconciler.start()
        click.echo(f"reconciling {reconciler.where} with {', '.join(settings.alertmanager.urls)}")
        while signal.sigwait(_SIGNALS) == signal.SIGHUP:
            settings = _reload(reconciler, settings, config)
        reconciler.stop()
    finally:
        reconciler.close()


def _reload(reconciler: Reconciler, settings: Settings, config: Path | None) -> Settings:
    """Read the configuration again; what is wrong with it is said, and it stays as it was."""
    from windsock.exporter import configuration  # noqa: PLC0415  --help needs none of it

    try:
        merged, outcome = configuration.take_over(settings, cli.load(config))
    except WindsockError as error:
        log.error("the configuration stays as it was: %s", error)  # noqa: TRY400  no traceback for users
        return settings
    reconciler.use(merged)
    log.info("the configuration was read again; %s", "; ".join(configuration.told(outcome)))
    return merged


def _make(settings: Settings, url: str | None) -> Reconciler:
    from windsock.database import AIRFLOW_URLS, find_url  # noqa: PLC0415  --help needs no database

    found = url or find_url(settings.metadata.url)
    if found is None:
        raise UsageError(f"which database? give --url, set metadata.url in windsock.yaml, or ${AIRFLOW_URLS[0]}")
    if not settings.alertmanager.urls:
        raise UsageError("which Alertmanager? set alertmanager.urls in windsock.yaml")
    from .reconciler import alone  # noqa: PLC0415  as above

    return alone(settings, found)


def _once(reconciler: Reconciler, *, as_json: bool) -> None:
    leads, end = reconciler.step(), time.monotonic() + _PATIENCE
    # What a callback may still tell of is told when its time is over; what fails meanwhile is not waited for.
    while leads and time.monotonic() + (wait := reconciler.due_in()) < end:
        time.sleep(max(0.0, wait))
        leads = reconciler.step()
    if not leads or "database" in reconciler.problems():
        raise WindsockError(f"{reconciler.where}: {reconciler.problem()}")
    lasting = reconciler.lasting()
    if as_json:
        click.echo(json.dumps([{"labels": one.event("").labels, "annotations": one.annotations} for one in lasting]))
    else:
        for one in lasting:
            click.echo(f"{one.key.alertname:20} {one.key.dag_id} {one.key.run_id} {one.key.task_id}".rstrip())
    if reconciler.problem():
        raise WindsockError(reconciler.problem())
