"""`windsock slo`: how the promises of windsock.yaml stand, as a Prometheus with the generated rules knows it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from windsock import cli
from windsock.alertmanager import Alertmanager, credentials
from windsock.exceptions import SettingsError, WindsockError
from windsock.text import clean

from .objectives import BROKEN, BUDGET, BUDGET_DAYS, BURN, LEFT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from windsock.settings import Settings

_TIMEOUT = 10.0
"""Seconds in which a Prometheus must answer: what it is asked for is recorded, and one value each."""
_HEAD = ("DAG", "objective", "goal", f"{BUDGET_DAYS} days", "budget left", "burn, 3 days", "cluster")


@dataclass(frozen=True)
class Standing:
    """One objective of one DAG; None: nothing that counts has happened yet."""

    cluster: str
    dag_id: str
    objective: str
    goal: float
    kept: float | None
    left: float | None
    burn: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        goal, kept, left = (_percent(value) for value in (self.goal, self.kept, self.left))
        burn = "-" if self.burn is None else f"{self.burn:.1f}"
        return self.dag_id, self.objective, goal, kept, left, burn, self.cluster


@click.command(epilog="Example: windsock slo --prometheus http://prometheus:9090")
@click.option("--prometheus", "urls", multiple=True, metavar="URL", help="Whom to ask, in place of prometheus.urls.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@cli.config_option
def slo(config: Path | None, urls: tuple[str, ...], *, as_json: bool) -> None:
    """Say of each promise in `slo` how it is kept, what is left of its error budget, and how fast that is spent."""
    rows = standings(cli.load(config, prometheus__urls=urls))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = [_HEAD, *(tuple(clean(cell) for cell in row.cells) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    for row in table:
        click.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def standings(settings: Settings) -> list[Standing]:
    """Return how each objective stands, the one with the least budget left first.

    Raises SettingsError where no Prometheus is configured, WindsockError where none answers or knows an objective.
    """
    if not settings.prometheus.urls:
        raise SettingsError(["prometheus.urls: not set; name the Prometheus here, or with --prometheus URL"])
    client = Alertmanager(settings.prometheus, credentials(settings.prometheus.http, "prometheus"))
    selector = f'{{__name__=~"{BUDGET}|{BROKEN}|{LEFT}|{BURN}"}}'
    answers = client.ask(f"/api/v1/query?{urlencode({'query': selector})}", _TIMEOUT)
    values: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for key, name, value in _samples(answers):
        values[key][name] = value
    # What is no longer promised has a past, and no budget.
    rows = [_standing(*key, found) for key, found in values.items() if BUDGET in found]
    if not rows:
        raise WindsockError(
            "this Prometheus knows no objective: it must evaluate rules.yml (`windsock alerts build`), and scrape an"
            " exporter that reads Airflow's database and whose windsock.yaml has `slo`"
        )
    return sorted(rows, key=lambda row: (1.0 if row.left is None else row.left, row.dag_id, row.objective))


def _samples(answers: dict[str, Any]) -> Iterator[tuple[tuple[str, str, str], str, float]]:
    """Of the first that answers. Raises WindsockError."""
    problems = []
    for url, answer in answers.items():
        try:
            if isinstance(answer, str):
                raise ValueError(answer)  # noqa: TRY004  a server's words, not a bug
            found = [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            said = str(error) if isinstance(answer, str) else "an answer that is no vector: is that a Prometheus?"
            problems.append(f"{url}: {clean(said)}")
            continue
        for labels, value in found:
            key = (labels.get("cluster", ""), labels.get("dag_id", ""), labels.get("objective", ""))
            yield key, labels.get("__name__", ""), value
        return
    raise WindsockError("no Prometheus answered: " + "; ".join(problems))


def _standing(cluster: str, dag_id: str, objective: str, found: dict[str, float]) -> Standing:
    known = {name: value for name, value in found.items() if not math.isnan(value)}
    kept = 1 - known[BROKEN] if BROKEN in known else None
    goal = round(1 - found[BUDGET], 9)
    return Standing(cluster, dag_id, objective, goal, kept, known.get(LEFT), known.get(BURN))


def _percent(value: float | None) -> str:
    """Two digits behind the point where they say something: 99.5%, and never 100% of what is less."""
    if value is None:
        return "-"
    return f"{math.floor(value * 10_000 + 1e-6) / 100:g}%"
