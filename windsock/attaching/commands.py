"""`windsock init`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from windsock import settings
from windsock.exceptions import UsageError, WindsockError
from windsock.settings.sources import Source
from windsock.text import clean

from . import airflow, proposal, secrets
from .changes import Change

if TYPE_CHECKING:
    from windsock.teams import DagFacts

_ANSWERS = ("cluster", "alertmanager", "slack", "database", "airflow", "grafana", "page")
_STATSD_PORT = 9125


@click.command(epilog="Example: windsock init --cluster prod --exporter exporter.example.org --for helm")
@click.option("--cluster", help="This installation's name.  [airflow]")
@click.option("--alertmanager", metavar="URL", help="Such as http://alertmanager:9093.")
@click.option("--exporter", metavar="HOST[:PORT]", default="exporter", show_default=True, help="As Airflow reaches it.")
@click.option("--slack", metavar="CHANNEL", help="Where the alerts of no team go.  [#data-alerts]")
@click.option("--database", metavar="VARIABLE", help="The variable that holds the database's URL.  [AIRFLOW_DB]")
@click.option("--airflow", metavar="URL", help="Airflow's pages, as a browser reaches them.")
@click.option("--grafana", metavar="URL", help="Grafana, as a browser reaches it.")
@click.option("--page", metavar="URL", help="The exporter's page, as a browser reaches it: it has the runbooks.")
@click.option(
    "--for", "forms", multiple=True, type=click.Choice(list(airflow.FORMS)), help="How Airflow is configured; all."
)
@click.option("--compose", is_flag=True, help="Make the secrets of docker-compose.observability.yaml, too.")
@click.option("--secrets", "vault", type=click.Path(path_type=Path), default=Path("deploy/secrets"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the files go.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where something would be written.")
def init(  # noqa: PLR0913  each is an option
    exporter: str, forms: tuple[str, ...], vault: Path, out: Path, *, compose: bool, yes: bool, check: bool,
    **given: str | None,
) -> int:  # fmt: skip
    """Write a first windsock.yaml and what goes into Airflow, and show the difference before.

    What the metadata database knows of owners and tags becomes a table of teams to look through. A windsock.yaml that
    is there stays as it is: the rest is made of it. Asks on a terminal for what is not given.
    """
    first = _windsock_yaml(out / "windsock.yaml", given, login=compose)
    config = settings.validate(Source(values=yaml.safe_load(first.text), file=str(first.path)))
    place = exporter if ":" in exporter else f"{exporter}:{_STATSD_PORT}"
    made = [airflow.FORMS[form] for form in forms or airflow.FORMS]
    changes = [first, *(Change(out / name, make(config, place, first.text)) for name, make in made)]
    needed = [change for change in (*changes, *(secrets.changes(vault) if compose else ())) if change.is_needed()]
    for change in needed:
        click.echo(clean(change.difference()))
    if not needed:
        click.echo("Nothing to change.")
        return 0
    if check or not (yes or click.confirm(f"Write {len(needed)} file{'s' * (len(needed) != 1)}?")):
        return 1
    if compose:
        secrets.close(vault)
    for change in needed:
        change.make()
    return 0


def _windsock_yaml(file: Path, given: dict[str, str | None], *, login: bool) -> Change:
    """The file as it is, or a first one."""
    if not file.exists():
        answers = _answers(given, login=login)
        return Change(file, proposal.windsock_yaml(answers, _dags(answers.database)))
    if used := [f"--{name}" for name in _ANSWERS if given[name] is not None]:
        raise UsageError(f"{file} is there and stays as it is: write what {', '.join(used)} would say into it")
    config = settings.load(file)
    lines = proposal.table(proposal.unclaimed(_dags((config.metadata.url or "").strip("${}")), config))
    if lines:
        click.echo("DAGs of no team; these would take them, below `teams:` in windsock.yaml:", err=True)
        click.echo(clean("\n".join(lines)), err=True)
    return Change(file, Change(file, "").before())


def _answers(given: dict[str, str | None], *, login: bool) -> proposal.Answers:
    def ask(name: str, question: str, default: str) -> str:
        answer = given[name]
        if answer is None and sys.stdin.isatty():
            answer = click.prompt(question, default=default)
        return default if answer is None else answer

    links = {"airflow": given["airflow"], "grafana": given["grafana"], "exporter": given["page"]}
    return proposal.Answers(
        cluster=ask("cluster", "The name of this installation", "airflow"),
        alertmanager=ask("alertmanager", "Alertmanager's URL (empty: callbacks tell Slack themselves)", ""),
        links={name: url for name, url in links.items() if url},
        database=ask("database", "The variable with the metadata database's URL", "AIRFLOW_DB"),
        channel=ask("slack", "The Slack channel for DAGs of no team", "#data-alerts"),
        token="SLACK_TOKEN",  # noqa: S106  the variable's name
        login=login,
    )


def _dags(variable: str) -> list[DagFacts]:
    """None where no database is known here: the file says where it is all the same."""
    url = os.environ.get(variable, "") if variable else ""
    if not url:
        click.echo(f"No team is proposed: ${variable or 'AIRFLOW_DB'} has no database's URL here.", err=True)
        return []
    try:
        return proposal.dags(url)
    except WindsockError as error:
        click.echo(f"No team is proposed: {clean(str(error))}", err=True)
        return []
