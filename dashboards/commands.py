"""`windsock dashboards`: build Grafana dashboards, check them, push them, and say what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from windsock import cli
from windsock.exceptions import UsageError, WindsockError
from windsock.settings.units import format_duration

from .formats import FORMATS
from .preview.commands import preview, screenshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from windsock.settings import Settings

    from .push import Outcome

_RANGE = 3600
"""Seconds."""


@click.group(epilog="Example: windsock dashboards build --out /var/lib/grafana/dashboards")
def dashboards() -> None:
    """Build Grafana dashboards."""


dashboards.add_command(preview)
dashboards.add_command(screenshot)


def _folder_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--folder", metavar="NAME", help="The folder in Grafana; without it grafana.folder.")(command)


@dashboards.command(epilog="Example: windsock dashboards build --check     fails where a file is not up to date.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("dashboards/generated"),
    show_default=True,
    help="The folder that Grafana's provisioning, kubectl or Terraform reads.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="json",
    show_default=True,
    help="ConfigMaps for Grafana's sidecar; a Terraform module; JSON with a provider for Grafana's provisioning.",
)
@_folder_option
@click.option("--check", is_flag=True, help="Write nothing; fail where a file differs from what would be written.")
@cli.config_option
def build(config: Path | None, out: Path, form: str, folder: str | None, *, check: bool) -> None:
    """Write the JSON of every dashboard, as it is or as other tools take it."""
    from .build import write  # noqa: PLC0415  --help does without grafanalib

    settings = cli.load(config, grafana__folder=folder)
    texts = FORMATS[form](_files(settings), settings.grafana.folder, out)
    try:
        if check:
            _check(texts, out)
            click.echo(f"{out}: up to date")
            return
        write(texts, out)
    except OSError as error:
        raise WindsockError(f"{error.filename}: can't be written: {error.strerror}") from None
    for name in texts:
        click.echo(out / name)


@dashboards.command("list", epilog="Example: windsock dashboards list --json")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@cli.config_option
def list_(config: Path | None, *, as_json: bool) -> None:
    """Print file, uid and title of every dashboard."""
    rows = []
    for name, text in _files(cli.load(config)).items():
        board = json.loads(text)
        panels = sum(panel["type"] != "row" for panel in board["panels"])
        rows.append({"file": name, "uid": board["uid"], "title": board["title"], "panels": panels})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['uid']:24}{row['title']:32}{row['panels']:4} panels   {row['file']}")


@dashboards.command(epilog="Example: windsock dashboards queries --metric airflow_ti_finish_total")
@click.option("--metric", metavar="NAME", help="Only what reads this metric; exit 1 where nothing does.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@cli.config_option
def queries(config: Path | None, metric: str | None, *, as_json: bool) -> None:
    """Print every query by dashboard and panel, as it is written there."""
    from . import promql, targets  # noqa: PLC0415  as above

    rows = []
    for name, text in _files(cli.load(config)).items():
        board = json.loads(text)
        chosen = targets.values(board)
        for target in targets.targets(board):
            read = promql.names(targets.filled(target, chosen, _RANGE))
            if metric is None or promql.reads(read, metric):
                row = {"file": name, "board": board["title"], "panel": target.place, "ref": target.ref}
                rows.append({**row, "expr": target.expr, "metrics": read})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['board']} / {row['panel']}{' ' + row['ref'] if row['ref'] else ''}\n    {row['expr']}")
    if metric and not rows:
        raise WindsockError(f"no query reads {metric}")


@dashboards.command(epilog="Example: windsock dashboards check --prometheus http://localhost:9090")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), required=False)
@click.option("--prometheus", metavar="URL", help="Ask it all queries, and say which find nothing.")
@cli.config_option
def check(config: Path | None, folder: Path | None, prometheus: str | None) -> None:
    """Check the dashboards in FOLDER, or those that `build` would write; exit 1 where something is wrong."""
    from .check import problems  # noqa: PLC0415  as above

    settings = cli.load(config, prometheus__urls=prometheus)
    texts = _files(settings) if folder is None else _read(folder)
    found = problems(texts)
    for problem in found:
        click.echo(problem)
    if found:
        raise WindsockError(f"{len(found)} problems in {len(texts)} dashboards")
    if prometheus:
        _ask(settings, texts)
    click.echo(f"{len(texts)} dashboards: ok")


@dashboards.command(epilog="Example: windsock dashboards push --grafana https://grafana.example.org --dry-run")
@click.option("--grafana", metavar="URL", help="Where Grafana is; without it grafana.url, then links.grafana.")
@_folder_option
@click.option("--force", is_flag=True, help="Overwrite what somebody changed in Grafana.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=15.0, show_default=True, help="Seconds a request.")
@cli.config_option
def push(  # noqa: PLR0913  a command is its options
    config: Path | None, grafana: str | None, folder: str | None, timeout: float, *, force: bool, dry_run: bool
) -> None:
    """Put the dashboards into Grafana by its API.

    What is there already is not sent again, and what somebody changed there is not overwritten. The token is
    $GRAFANA_TOKEN, or what grafana.http.bearer names. Exit 1 where a dashboard was refused.
    """
    from .grafana import Grafana  # noqa: PLC0415  as above
    from .push import push as pushed  # noqa: PLC0415  as above

    settings = cli.load(config, grafana__url=grafana, grafana__folder=folder)
    url = settings.grafana.url or settings.links.grafana
    if url is None:
        raise UsageError("--grafana: expected the URL of Grafana, or grafana.url in windsock.yaml")
    refused = 0
    client = Grafana(url, settings.grafana.http, timeout)
    for outcome in pushed(client, _files(settings), settings.grafana.folder, force=force, dry=dry_run):
        _say(outcome, dry=dry_run)
        refused += outcome.did == "refused"
    if refused:
        raise WindsockError(f"{refused} dashboards {'would not be' if dry_run else 'were not'} pushed")


def _say(outcome: Outcome, *, dry: bool) -> None:
    did = f"would be {outcome.did}" if dry and outcome.did != "unchanged" else outcome.did
    click.echo(f"{did:{18 if dry else 10}} {outcome.title} ({outcome.uid}){': ' if outcome.why else ''}{outcome.why}")
    for changed in outcome.difference:
        click.echo(f"    {changed}")


def _ask(settings: Settings, texts: Mapping[str, str]) -> None:
    """Say which queries find nothing, and why. Raises WindsockError for those that have no answer at all."""
    from .asking import Server  # noqa: PLC0415  as above

    client = Server(settings.prometheus)
    asked, empty, problems = 0, [], []
    for name, text in texts.items():
        for answer in client.answers(json.loads(text), _RANGE):
            asked += 1
            if answer.problem:
                problems.append(f"{name}: {answer.target}: {answer.problem}")
                if asked == len(problems) == _PATIENCE:
                    raise WindsockError("\n".join(problems))
            elif not answer.series:
                empty.append(f"{name}: {answer.target}: empty: {answer.target.no_value or 'the panel says no reason'}")
    for row in empty:
        click.echo(row)
    if problems:
        raise WindsockError("\n".join(problems))
    click.echo(f"{client.url}: {asked} queries over {format_duration(_RANGE)}, {len(empty)} of them empty")


_PATIENCE = 3
"""Where so many queries in a row, from the first on, have no answer, none will."""


def _files(settings: Settings) -> dict[str, str]:
    from .build import files  # noqa: PLC0415  --help does without grafanalib

    return files(settings)


def _read(folder: Path) -> dict[str, str]:
    try:
        texts = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.json"))}
    except OSError as error:
        raise WindsockError(f"{error.filename}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise WindsockError(f"{folder}: a dashboard is no UTF-8: {error}") from None
    if not texts:
        raise UsageError(f"{folder}: holds no dashboard, no *.json")
    return texts


def _check(texts: dict[str, str], out: Path) -> None:
    from .build import differing  # noqa: PLC0415  as above

    if names := differing(texts, out):
        raise WindsockError(
            f"{out}: not what `windsock dashboards build` makes: {', '.join(names)}; build anew, or delete the file"
        )
