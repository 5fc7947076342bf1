"""`windsock notify`: a test alert on the way that a failed task's alert takes, and where a DAG's alerts go."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, get_args

import click

from windsock import cli
from windsock.alertmanager import Alertmanager, credentials
from windsock.events import TASK_FAILED, Event, rfc3339
from windsock.exceptions import SettingsError, UsageError, WindsockError
from windsock.redaction import redact
from windsock.settings import Severity
from windsock.teams import UNKNOWN, DagFacts, route

from .delivery import NOT_CONFIGURED

if TYPE_CHECKING:
    from pathlib import Path

    from windsock.settings import Settings

_TIMEOUT = 10.0
_TEST_LIFETIME = timedelta(minutes=5)
"""Nobody resolves a test: it ends by itself."""


@click.group()
def notify() -> None:
    """Send a test alert, and say where a DAG's alerts go."""


@notify.command(epilog="Example: windsock notify test --team payments --severity critical")
@click.option("--team", help=f"A team of windsock.yaml; without it {UNKNOWN}: where the alerts of no team go.")
@click.option("--severity", type=click.Choice(get_args(Severity)), help="Without it the default one.")
@cli.config_option
def test(config: Path | None, team: str | None, severity: str | None) -> None:
    """Send an alert that says it is a test to every Alertmanager, and print what each of them answered.

    It ends by itself after five minutes. Exit code 1 where one of them did not accept it.
    """
    settings = cli.load(config)
    if not settings.alertmanager.urls:
        raise SettingsError([NOT_CONFIGURED])
    event = _test_event(settings, team or UNKNOWN, severity or settings.defaults.severity)
    now = datetime.now(timezone.utc)
    alert = {**event.alert(now), "endsAt": rfc3339(now + _TEST_LIFETIME)}
    client = Alertmanager(settings.alertmanager, credentials(settings.alertmanager.http))
    outcomes = client.post([alert], _TIMEOUT)
    for url, problem in outcomes:
        click.echo(redact(f"{url}: {'accepted' if problem is None else problem}"))
    if any(problem is not None for _, problem in outcomes):
        raise WindsockError("not every Alertmanager accepted the test alert")
    click.echo(f"It goes where team {event.team} gets its {event.severity} alerts, as run {event.run_id}.")


@notify.command(epilog="Example: windsock notify routes orders_daily --owner payments --tag tier:1")
@click.argument("dag_id")
@click.option("--owner", "owners", multiple=True, help="An owner of the DAG; may be given several times.")
@click.option("--tag", "tags", multiple=True, help="A tag of the DAG; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def routes(config: Path | None, dag_id: str, owners: tuple[str, ...], tags: tuple[str, ...], *, as_json: bool) -> None:
    """Say which team is told about a DAG's failures, and with which severity."""
    team, severity = route(DagFacts(dag_id, owners, tags), cli.load(config))
    if as_json:
        facts = {"dag_id": dag_id, "owners": owners, "tags": tags, "team": team, "severity": severity}
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(f"{dag_id}: team {team}, severity {severity}")


def _test_event(settings: Settings, team: str, severity: str) -> Event:
    known = (*settings.teams, UNKNOWN)
    if team not in known:
        raise UsageError(f"no team {team!r} in windsock.yaml; there are: {', '.join(known)}")
    now = rfc3339(datetime.now(timezone.utc))
    return Event(
        TASK_FAILED,
        settings.cluster,
        "windsock_notify_test",
        f"test__{now}",
        task_id="test",
        team=team,
        severity=severity,
        annotations={
            "summary": "TEST: nothing failed; someone ran `windsock notify test`",
            "exception": "None: this is a test alert",
            "failed_at": now,
        },
    )
