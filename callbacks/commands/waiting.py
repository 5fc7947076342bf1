"""`windsock notify spool|flush|dead`: what waits on this host, what can't be delivered, and trying it again."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from windsock import cli
from windsock.callbacks import delivery, record
from windsock.callbacks import spool as spools
from windsock.callbacks.entry import entry_of
from windsock.events import rfc3339
from windsock.exceptions import UsageError, WindsockError
from windsock.redaction import redact
from windsock.settings.units import format_duration
from windsock.text import clean, line

if TYPE_CHECKING:
    from pathlib import Path

    from windsock.settings import Settings


@click.command(epilog="Example: windsock notify spool --json")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def spool(config: Path | None, *, as_json: bool) -> None:
    """List what waits on this host to be delivered, oldest first."""
    store = _own(cli.load(config))
    _show(store.queue, store.names(), as_json=as_json, none=f"nothing waits in {store.queue}")


@click.command(epilog="Example: windsock notify flush       every minute, from cron or a timer")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="Entries to deliver at most.")
@click.option("--timeout", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds for all of it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def flush(config: Path | None, limit: int, timeout: float, *, as_json: bool) -> None:
    """Deliver what waits on this host and is due. Exit code 1 where something was due and is still there."""
    settings = cli.load(config)
    store = _own(settings)
    found = delivery.flush(settings, time.monotonic() + timeout, limit)
    now = time.time()
    listed = _entries(store.queue, store.names())
    unreadable = [name for name, entry in listed if entry is None]
    entries = [entry for _, entry in listed if entry is not None]
    due = sum(1 for entry in entries if entry.not_before <= now or entry.problem)
    if as_json:
        click.echo(json.dumps({**found._asdict(), "due": due}, indent=2))
    else:
        click.echo(
            f"{found.delivered} delivered, {found.superseded} dropped (over, or told since), {found.dead} dead,"
            f" {found.waiting} waiting"
        )
    if unreadable:
        first = store.queue / unreadable[0]
        raise WindsockError(f"{len(unreadable)} can't be read, the first: {first}; look whose file it is")
    if due:
        raise WindsockError(f"{due} could not be delivered yet; `windsock notify spool` says why")


@click.command(epilog="Example: windsock notify dead --retry 001767593051000-3f2a9c1b7d20.json")
@click.option("--retry", "names", multiple=True, help="Put this one back among what waits; may be given several times.")
@click.option("--retry-all", is_flag=True, help="Put all of them back.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def dead(config: Path | None, names: tuple[str, ...], *, retry_all: bool, as_json: bool) -> None:
    """List what can't be delivered, with the reason; or let it be tried again."""
    store = _own(cli.load(config))
    there = store.dead_names()
    if not names and not retry_all:
        _show(store.dead, there, as_json=as_json, none=f"no dead letters in {store.dead}")
        return
    unknown = [name for name in names if name not in there]
    if unknown:
        raise UsageError(f"no dead letter {unknown[0]}; `windsock notify dead` lists them")
    failed = [name for name in (there if retry_all else names) if not store.revive(name)]
    click.echo(f"{len(there if retry_all else names) - len(failed)} wait again; next: windsock notify flush")
    if failed:
        raise WindsockError(f"{len(failed)} can't be put back (unreadable, or no room), the first: {failed[0]}")


def _own(settings: Settings) -> spools.Spool:
    """The spool, which must be this user's: what root writes there, Airflow's processes can't take out again."""
    store = spools.of(settings)
    problem = store.foreign()
    if problem:
        raise WindsockError(problem)
    return store


def _entries(folder: Path, names: list[str]) -> list[tuple[str, spools.Entry | None]]:
    found: list[tuple[str, spools.Entry | None]] = []
    for name in names:
        try:
            found.append((name, entry_of(record.content(folder / name))))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            found.append((name, None))
    return found


def _show(folder: Path, names: list[str], *, as_json: bool, none: str) -> None:
    entries = _entries(folder, names)
    if as_json:
        click.echo(json.dumps([_facts(name, entry) for name, entry in entries], indent=2))
        return
    if not entries:
        click.echo(none)
    for name, entry in entries:
        if entry is None:
            click.echo(f"{name}  not readable")
            continue
        about = f"{entry.event.alertname} {entry.event.dag_id} {entry.event.task_id or ''}".rstrip()
        to = ", ".join(f"{channel} {to}".rstrip() for channel, to in entry.pending)
        age = format_duration(max(0, round(entry.age())))
        why = f": {line(redact(entry.problem), 200)}" if entry.problem else ""
        resolved = ", resolved" if entry.kind == "resolved" else ""
        click.echo(clean(f"{name}  {about}{resolved}, {age} old, {entry.attempts} attempts, to {to}{why}"))


def _facts(name: str, entry: spools.Entry | None) -> dict[str, Any]:
    if entry is None:
        return {"name": name, "readable": False}
    return {
        "name": name,
        "kind": entry.kind,
        "labels": entry.event.labels,
        "to": [f"{channel} {to}".rstrip() for channel, to in entry.pending],
        "created": rfc3339(datetime.fromtimestamp(entry.created, timezone.utc)),
        "not_before": rfc3339(datetime.fromtimestamp(entry.not_before, timezone.utc)) if entry.not_before else None,
        "attempts": entry.attempts,
        "problem": redact(entry.problem) or None,
    }
