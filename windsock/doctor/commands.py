"""`windsock doctor`: what is wrong, how bad it is, and what mends it."""

from __future__ import annotations

import json
import time
from itertools import groupby
from typing import TYPE_CHECKING

import click

from windsock import cli
from windsock.destinations import known
from windsock.exceptions import UsageError
from windsock.text import clean

from .examination import examine
from .finding import GRADES, worst
from .trial import attempt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .finding import Finding

_EXIT = {"good": 0, "unseen": 0, "warning": 1, "critical": 2}
_COLOURS = {"good": "green", "unseen": "bright_black", "warning": "yellow", "critical": "red"}
_ALL = "*"
"""What --send-test without a team is."""
_WATCHED = 60.0
"""Seconds between the two looks of --watch."""


@click.command(epilog="Example: windsock doctor --json | jq '.findings[] | select(.grade == \"critical\")'")
@click.option("--watch", is_flag=True, help="Look again after a minute: what is found twice lasts.")
@click.option(
    "--send-test",
    "test",
    is_flag=False,
    flag_value=_ALL,
    metavar="[TEAM]",
    help="Send a message that is marked as a test to each address of TEAM, or of all teams, pages too; say what each"
    " answered.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def doctor(config: Path | None, test: str | None, *, watch: bool, as_json: bool) -> int:
    """Say what is wrong with an installation, and how to mend it.

    Looks at Airflow's settings on this host, the exporter, the metadata database, Prometheus, Alertmanager, the
    callbacks' spool, Grafana and the logs, as far as windsock.yaml names them. Changes nothing, and tells nobody but
    with --send-test. Exit code 0: nothing is wrong, 1: a warning, 2: something is critical.
    """
    settings = cli.load(config)
    if test is not None and test not in (_ALL, *known(settings)):
        raise UsageError(f"no team {test!r} in windsock.yaml; there are: {', '.join(known(settings))}")
    found = examine(settings)
    if watch:
        before = {(one.check, one.looked_at) for one in found}
        time.sleep(_WATCHED)
        found = [one for one in examine(settings) if (one.check, one.looked_at) in before]
    if test is not None:
        found += attempt(settings, None if test == _ALL else test)
    grade = worst(found)
    if as_json:
        click.echo(json.dumps({"worst": grade, "findings": [one.json() for one in found]}, indent=2))
    else:
        _show(found)
    return _EXIT[grade]


def _show(found: Sequence[Finding]) -> None:
    for looked_at, findings in groupby(found, key=lambda one: one.looked_at):
        click.echo(clean(looked_at))
        for one in findings:
            click.echo(f"  {click.style(f'{one.grade:8}', fg=_COLOURS[one.grade])} {one.check}: {clean(one.found)}")
            if one.mend:
                click.echo(f"  {'':8} {clean(one.mend)}")
    counts = {grade: sum(1 for one in found if one.grade == grade) for grade in reversed(GRADES)}
    click.echo(", ".join(f"{count} {grade}" for grade, count in counts.items() if count))
