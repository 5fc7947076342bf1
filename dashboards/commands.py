"""`windsock dashboards`: build Grafana dashboards, and say what there is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from windsock import cli
from windsock.exceptions import WindsockError

from .preview.commands import preview, screenshot


@click.group(epilog="Example: windsock dashboards build --out /var/lib/grafana/dashboards")
def dashboards() -> None:
    """Build Grafana dashboards."""


dashboards.add_command(preview)
dashboards.add_command(screenshot)


@dashboards.command(epilog="Example: windsock dashboards build --check     fails where a file is not up to date.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("dashboards/generated"),
    show_default=True,
    help="The folder that Grafana's provisioning reads.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail where a file differs from what would be written.")
@cli.config_option
def build(config: Path | None, out: Path, *, check: bool) -> None:
    """Write the JSON of every dashboard."""
    from .build import files, write  # noqa: PLC0415  --help does without grafanalib

    texts = files(cli.load(config))
    try:
        if check:
            _check(texts, out)
        else:
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
    from .build import files  # noqa: PLC0415  as above

    rows = []
    for name, text in files(cli.load(config)).items():
        board = json.loads(text)
        panels = sum(panel["type"] != "row" for panel in board["panels"])
        rows.append({"file": name, "uid": board["uid"], "title": board["title"], "panels": panels})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['uid']:24}{row['title']:32}{row['panels']:4} panels   {row['file']}")


def _check(texts: dict[str, str], out: Path) -> None:
    from .build import differing  # noqa: PLC0415  as above

    if names := differing(texts, out):
        raise WindsockError(
            f"{out}: not what `windsock dashboards build` makes: {', '.join(names)}; build anew, or delete the file"
        )
