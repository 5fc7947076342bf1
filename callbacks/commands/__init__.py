"""`windsock notify`: a test on the way that a failure takes, what a message looks like, what waits."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, get_args

import click

from windsock import cli
from windsock.alertmanager import Alertmanager, credentials
from windsock.callbacks import health
from windsock.callbacks.delivery import ALERTMANAGER, NOT_CONFIGURED
from windsock.channels import NAMES
from windsock.destinations import destinations, known
from windsock.events import TASK_FAILED, Event, rfc3339
from windsock.exceptions import SettingsError, UsageError, WindsockError
from windsock.redaction import redact
from windsock.settings.formats import Severity
from windsock.teams import UNKNOWN
from windsock.text import clean

from . import preview, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from windsock.settings import Settings

_TIMEOUT = 10.0
_TEST_LIFETIME = timedelta(minutes=5)
"""Nobody resolves a test: it ends by itself."""


@click.group()
def notify() -> None:
    """Send a test, see what a message looks like, and what waits to be delivered."""


notify.add_command(preview.preview)
notify.add_command(waiting.spool)
notify.add_command(waiting.flush)
notify.add_command(waiting.dead)


@notify.command(epilog="Example: windsock notify test --team payments --channel slack")
@click.option("--team", help=f"A team of windsock.yaml; without it {UNKNOWN}: where the alerts of no team go.")
@click.option("--severity", type=click.Choice(get_args(Severity)), help="Without it the default one.")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    type=click.Choice((ALERTMANAGER, *NAMES)),
    help="Only this one, and past Alertmanager; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def test(
    config: Path | None, team: str | None, severity: str | None, channels: tuple[str, ...], *, as_json: bool
) -> None:
    """Send what says that it is a test on the way that a team's alerts take, and print what each place answered.

    With an Alertmanager that is all of its peers, and the alert ends by itself after five minutes; without one, or with
    --channel, the team's own channels, and a page is resolved at once. Exit code 1 where one of them did not take it.
    """
    settings = cli.load(config)
    event = _test_event(settings, team or UNKNOWN, severity or settings.defaults.severity)
    central = ALERTMANAGER in channels if channels else bool(settings.alertmanager.urls)
    if central and not settings.alertmanager.urls:
        raise SettingsError([NOT_CONFIGURED])
    answers = list(_to_alertmanager(event, settings)) if central else []
    if channels != (ALERTMANAGER,) and (channels or not central):
        answers += _to_channels(event, settings, tuple(channels) or None)
    if as_json:
        facts = [{"to": to, "accepted": accepted, "answer": redact(said)} for to, accepted, said in answers]
        click.echo(json.dumps({"run_id": event.run_id, "team": event.team, "answers": facts}, indent=2))
    else:
        for to, accepted, said in answers:
            words = f"{to}: {said if not accepted or said == 'accepted' else f'accepted ({said})'}"
            click.echo(clean(redact(words)))
    if not all(accepted for _, accepted, _ in answers):
        raise WindsockError(f"not every {'Alertmanager' if central else 'channel'} accepted the test alert")
    if not as_json:
        click.echo(f"It goes where team {event.team} gets its {event.severity} alerts, as run {event.run_id}.")


def _to_alertmanager(event: Event, settings: Settings) -> Iterator[tuple[str, bool, str]]:
    now = datetime.now(timezone.utc)
    alert = {**event.alert(now), "endsAt": rfc3339(now + _TEST_LIFETIME)}
    client = Alertmanager(settings.alertmanager, credentials(settings.alertmanager.http))
    for url, problem in client.post([alert], _TIMEOUT):
        yield url, problem is None, problem or "accepted"


def _to_channels(event: Event, settings: Settings, channels: tuple[str, ...] | None) -> Iterator[tuple[str, bool, str]]:
    places = destinations(settings, event.team, event.severity, channels)
    if not places:
        lacking = f"neither team {event.team} nor defaults has a {' or a '.join(channels or ('channel',))}"
        raise SettingsError([lacking if channels else f"{NOT_CONFIGURED}; and {lacking} for {event.severity} alerts"])
    for to in places:
        accepted, said = health.tell(to, event, settings, _TIMEOUT)
        yield str(to), bool(accepted), said


def _test_event(settings: Settings, team: str, severity: str) -> Event:
    if team not in known(settings):
        raise UsageError(f"no team {team!r} in windsock.yaml; there are: {', '.join(known(settings))}")
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
            "failed_at": now,
        },
    )
