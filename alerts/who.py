"""`windsock alerts routes`: who is told, by callbacks where there is no Alertmanager, else by that."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from windsock import cli
from windsock.destinations import URGENT, destinations, known
from windsock.exceptions import UsageError
from windsock.teams import DagFacts, route

from . import build as files
from . import receivers, tools

if TYPE_CHECKING:
    from windsock.settings import Settings


@click.command(
    epilog="Example: windsock alerts routes orders_daily --tag tier:1     or --label team=pay --label severity=info"
)
@click.argument("dag_id", required=False)
@click.option("--owner", "owners", multiple=True, help="An owner of the DAG; may be given several times.")
@click.option("--tag", "tags", multiple=True, help="A tag of the DAG; may be given several times.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of an alert; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def routes(  # noqa: PLR0913  its options
    config: Path | None,
    dag_id: str | None,
    owners: tuple[str, ...],
    tags: tuple[str, ...],
    labels: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Say who is told of a DAG's failures and how loudly, or of an alert with some labels; else, of each team."""
    if labels and dag_id is not None:
        raise UsageError("a DAG or --label: a DAG's labels follow from its id, owners and tags")
    if dag_id is None and (owners or tags):
        raise UsageError("--owner and --tag say more of a DAG: name it too")
    wrong = [label for label in labels if "=" not in label]
    if wrong:
        raise UsageError(f"--label {wrong[0]}: expected NAME=VALUE, such as severity=critical")
    settings = cli.load(config)
    if labels:
        _alert(labels, settings, as_json=as_json)
    elif dag_id is not None:
        _dag(DagFacts(dag_id, owners, tags), settings, as_json=as_json)
    else:
        _teams(settings, as_json=as_json)


def _teams(settings: Settings, *, as_json: bool) -> None:
    rows = [(team, severity, _where(settings, team, severity)) for team in known(settings) for severity in URGENT]
    if as_json:
        click.echo(
            json.dumps([{"team": team, "severity": severity, "to": to} for team, severity, to in rows], indent=2)
        )
        return
    for team, severity, to in rows:
        click.echo(f"{team}, {severity}: {', '.join(to) or 'nobody'}")


def _dag(facts: DagFacts, settings: Settings, *, as_json: bool) -> None:
    team, severity = route(facts, settings)
    to = _where(settings, team, severity)
    if as_json:
        of = {"dag_id": facts.dag_id, "owners": facts.owners, "tags": facts.tags}
        click.echo(json.dumps({**of, "team": team, "severity": severity, "to": to}, indent=2))
        return
    click.echo(f"{facts.dag_id}: team {team}, severity {severity}")
    click.echo(f"told: {', '.join(to) or 'nobody'}")


def _alert(labels: tuple[str, ...], settings: Settings, *, as_json: bool) -> None:
    """As amtool finds the way through the generated routes."""
    told = {receivers.name(*key): [str(to) for to in all_] for key, all_ in receivers.addresses(settings).items()}
    with tempfile.TemporaryDirectory(prefix="windsock-") as folder:
        file = Path(folder) / files.ALERTMANAGER
        file.write_text(files.routes_alone(settings), encoding="utf-8")
        names = tools.run("amtool", "config", "routes", "test", "--config.file", file, *labels).split(",")
    if as_json:
        click.echo(json.dumps([{"receiver": name, "to": told.get(name, [])} for name in names], indent=2))
        return
    for name in names:
        click.echo(f"{name}: {', '.join(told.get(name, [])) or 'nobody'}")


def _where(settings: Settings, team: str, severity: str) -> list[str]:
    return [str(to) for to in destinations(settings, team, severity, central=bool(settings.alertmanager.urls))]
