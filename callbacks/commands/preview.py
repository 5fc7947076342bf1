"""`windsock notify preview`: what a failure looks like in each channel, without sending anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from windsock import channels, cli, links
from windsock.alertmanager import Alertmanager, credentials
from windsock.callbacks.channels import preview as show
from windsock.callbacks.rendering import html
from windsock.callbacks.rendering.message import Message
from windsock.destinations import template
from windsock.events import TASK_FAILED, Event
from windsock.exceptions import UsageError, WindsockError
from windsock.teams import UNKNOWN
from windsock.text import clean

if TYPE_CHECKING:
    from windsock.settings import Settings

_TIMEOUT = 10.0


@click.command(epilog="Example: windsock notify preview --dag orders_daily --html /tmp/mail.html")
@click.argument("event_file", required=False, type=click.Path(path_type=Path))
@click.option("--dag", "dag_id", help="A real one: the alert of this DAG that fires in Alertmanager.")
@click.option("--run", "run_id", help="With --dag: of this run.")
@click.option("--team", help="Whose template is used; without it the event's.")
@click.option("--template", "chosen", help="A name of callbacks.templates, or jinja text.")
@click.option("--resolved", is_flag=True, help="The message of a resolve.")
@click.option("--failures", type=click.IntRange(1), default=1, help="How many failures its run has had.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write the mail's HTML to this file.")
@click.option("--json", "as_json", is_flag=True, help="What is sent to each platform, as JSON.")
@cli.config_option
def preview(  # noqa: PLR0913, PLR0917  an argument an option
    config: Path | None,
    event_file: Path | None,
    dag_id: str | None,
    run_id: str | None,
    team: str | None,
    chosen: str | None,
    page: Path | None,
    *,
    resolved: bool,
    failures: int,
    as_json: bool,
) -> None:
    """Show what a failure looks like in each channel.

    EVENT_FILE (- is standard input) holds an alert of Alertmanager's API or an entry of the spool; without it and --dag
    it is a sample.
    """
    settings = cli.load(config)
    if event_file is not None:
        event = _read(event_file)
    else:
        event = _firing(settings, dag_id, run_id) if dag_id else _sample(settings, team or UNKNOWN)
    message = Message(event, resolved=resolved, failures=failures)
    wanted = chosen or template(settings, team or event.team)
    if wanted and not resolved:
        from windsock.callbacks.rendering.template import render  # noqa: PLC0415  jinja is for those who use it

        body = render(settings.callbacks.templates.get(wanted, wanted), message)
        message = Message(event, resolved=resolved, failures=failures, body=body)
    shown = {name: show(name, message, settings) for name in channels.NAMES}
    if page is not None:
        page.write_text(html.page(message))
    if as_json:
        click.echo(json.dumps({name: sent for name, (sent, _) in shown.items()}, indent=2))
        return
    for name, (_, text) in shown.items():
        if text:
            click.echo(clean(f"{channels.of(name).title}\n{_indented(text)}\n"))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _read(file: Path) -> Event:
    try:
        values: Any = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
        return _event(values)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{file}: expected an alert of Alertmanager (labels and annotations) or an entry of the spool: {error}"
        ) from None


def _event(values: dict[str, Any]) -> Event:
    if "event" in values:
        return Event(**values["event"])
    if "labels" not in values:
        return Event(**values)
    names = set(Event._fields)
    labels = {str(name): str(value) for name, value in values["labels"].items() if name in names}
    said = {str(name): str(value) for name, value in values.get("annotations", {}).items()}
    return Event(**{"run_id": "", **labels, "annotations": said})  # type: ignore[arg-type]  # checked by the caller


def _firing(settings: Settings, dag_id: str, run_id: str | None) -> Event:
    client = Alertmanager(settings.alertmanager, credentials(settings.alertmanager.http))
    labels = {"cluster": settings.cluster, "dag_id": dag_id, **({"run_id": run_id} if run_id else {})}
    try:
        found = [alert for alert in client.find(labels, _TIMEOUT) if "run_id" in alert["labels"]]
    except OSError as error:
        raise WindsockError(f"Alertmanager can't be asked: {error}") from None
    if not found:
        raise WindsockError(
            f"no alert of {dag_id} fires in Alertmanager" + (f" for the run {run_id}" if run_id else "")
        )
    return _event(max(found, key=lambda alert: str(alert["startsAt"])))


def _sample(settings: Settings, team: str) -> Event:
    return Event(
        TASK_FAILED,
        settings.cluster,
        "orders_daily",
        "scheduled__2026-01-05T06:00:00+00:00",
        task_id="load",
        team=team,
        severity=settings.defaults.severity,
        annotations={
            "summary": "orders_daily: load failed: ValueError: 3 of 1200 rows have no price",
            "exception": "ValueError: 3 of 1200 rows have no price",
            "failed_at": "2026-01-05T06:04:11.000Z",
            "try": "2 of 3",
            "duration": "4m9s",
            "owner": "ana",
            "log_url": f"{settings.links.airflow or 'https://airflow.example.org'}/dags/orders_daily/runs/R/tasks/load",
            "dashboard_url": links.dashboard(settings.links, "orders_daily"),
            "runbook_url": links.runbook(settings.links, TASK_FAILED),
        },
    )
