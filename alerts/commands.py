"""`windsock alerts`: rules for Prometheus, routes and messages for Alertmanager, made from windsock.yaml."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from windsock import cli, links
from windsock.exceptions import MissingProgramError, WindsockError
from windsock.settings import Settings
from windsock.versions import at_least, said

from . import build as files
from . import tools, tuning, unit_tests, versions, who
from .coverage import coverage as covered
from .formats import FORMATS
from .rules import GROUPS, RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from windsock.settings import Links

    from .rule import Rule

_OUT = Path("alerts/generated")
# Before it listens on a port of its own choice, nobody can know where the exporter is.
_WITHOUT_LINKS = Settings.model_validate({"exporter": {"web": {"listen": "127.0.0.1:0"}}})


@click.group(epilog="Example: windsock alerts build --out /etc/windsock/alerts")
def alerts() -> None:
    """Build and test Prometheus rules and Alertmanager routes."""


alerts.add_command(who.routes)


@alerts.command(epilog="Example: windsock alerts build --config windsock.yaml --out /etc/windsock/alerts")
@click.option("--out", type=click.Path(path_type=Path), default=_OUT, show_default=True, help="Where the files go.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="prometheus",
    show_default=True,
    help="Who evaluates the rules; prometheus-rule is the Prometheus operator's, grafana has a file for each of two.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 where the files there are not what would be written."
)
@cli.config_option
def build(config: Path | None, out: Path, form: str, *, check: bool) -> None:
    """Write rules.yml for Prometheus, alertmanager.yml and windsock.tmpl for Alertmanager."""
    # What is up to date must not depend on whether a server answers.
    settings, unknown = versions.settle(cli.load(config), _made(out), ask=not check)
    texts = files.files(settings)
    texts = {**FORMATS[form](texts.pop(files.RULES), settings), **texts}
    for note in [*unknown, *files.notes(settings)]:
        click.echo(f"note: {note}", err=True)
    if check:
        stale = [str(out / name) for name, text in texts.items() if _read(out / name) != text]
        if stale:
            raise WindsockError(f"not what `windsock alerts build --out {out}` makes: {', '.join(stale)}")
        click.echo(f"{out}: up to date")
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
            click.echo(str(out / name))
    except OSError as error:
        raise WindsockError(f"{error.filename}: can't be written: {error.strerror}") from None
    for path, reference in files.secrets(settings).items():
        click.echo(f"note: Alertmanager reads {path}, which must hold {reference} and no newline", err=True)


@alerts.command("list", epilog="Example: windsock alerts list --json")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def list_(config: Path | None, *, as_json: bool) -> None:
    """List the alerts that Prometheus raises, as they are in force."""
    settings = cli.load(config)
    base = links.complete(settings)
    in_force = {rule.name: rule for group in tuning.tuned(GROUPS, settings) for rule in group.rules}
    rows = [_listed(in_force.get(rule.name), rule, base) for rule in RULES]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        what = f"{row['severity']:9} for {row['for']:4} {row['threshold']:6}" if row["enabled"] else f"{'off':25}"
        click.echo(f"{row['alert']:32} {what} {row['runbook']}")


def _listed(tuned: Rule | None, rule: Rule, base: Links) -> dict[str, Any]:
    """A row of the list: the rule as it is in force, or that it is off."""
    shown = tuned or rule
    return {
        "alert": shown.name,
        "enabled": tuned is not None,
        "severity": shown.severity,
        "for": shown.for_,
        "threshold": shown.limit.text() if shown.limit else "",
        "labels": list(shown.by),
        "runbook": links.runbook(base, shown.name) or f"runbooks/{shown.name}.md",
    }


@alerts.command(epilog="Example: windsock alerts test --config windsock.yaml")
@cli.config_option
def test(config: Path | None) -> None:
    """Test what `build` would write, with promtool and amtool.

    The rules' own unit tests are written for rules without links, which are the only part that settings change.
    """
    settings, unknown = versions.settle(cli.load(config), _made(_OUT), ask=True)
    for note in unknown:
        click.echo(f"note: {note}", err=True)
    with _built(settings) as made, _built(_WITHOUT_LINKS) as plain:
        cases = unit_tests.write((plain / files.RULES).read_text(encoding="utf-8"), plain.parent)
        steps: dict[str, Callable[[], str]] = {
            "promtool check rules": lambda: tools.run("promtool", "check", "rules", made / files.RULES),
            f"promtool test rules ({len(cases)} files)": lambda: tools.run("promtool", "test", "rules", *cases),
            "amtool check-config": lambda: _check(made / files.ALERTMANAGER, settings.alertmanager.version),
        }
        failures = []
        for title, step in steps.items():
            try:
                step()
            except WindsockError as error:
                failures.append(str(error))
                click.echo(f"{title}: failed")
            else:
                click.echo(f"{title}: ok")
    if failures:
        raise WindsockError("\n".join(failures))


@alerts.command(epilog="Example: windsock alerts coverage")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def coverage(*, as_json: bool) -> None:
    """Say which alerts have all of their tests and a runbook; exit 1 where one lacks something."""
    rows = covered()
    if as_json:
        click.echo(json.dumps([{"alert": row.alert, "missing": row.missing} for row in rows], indent=2))
    else:
        for row in rows:
            tests = f"{len(row.needed) - len([m for m in row.missing if m != 'runbook'])}/{len(row.needed)} tests"
            click.echo(f"{row.alert:32} {tests:10} {'lacks ' + ', '.join(row.missing) if row.missing else 'complete'}")
    if any(row.missing for row in rows):
        raise WindsockError("some alerts lack a test or a runbook")


@contextmanager
def _built(settings: Settings) -> Iterator[Path]:
    """A folder with what `build` would write, for the programs that test it."""
    with tempfile.TemporaryDirectory(prefix="windsock-") as folder:
        made = Path(folder) / "generated"
        made.mkdir()
        for name, text in files.files(settings).items():
            (made / name).write_text(text, encoding="utf-8")
        yield made


def _check(file: Path, version: str) -> str:
    """What amtool says of `file`, which is made for `version`. Raises WindsockError."""
    try:
        return tools.run("amtool", "check-config", file)
    except MissingProgramError:
        raise
    except WindsockError as error:
        own = said(tools.run("amtool", "--version").partition("version ")[2])
        if own is None or at_least(own, version):
            raise
        raise WindsockError(f"{error}\namtool is {own}, older than alertmanager.version: take that one's") from None


def _made(out: Path) -> dict[versions.Program, Path]:
    return {versions.ALERTMANAGER: out / files.ALERTMANAGER, versions.PROMETHEUS: out / files.RULES}


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
