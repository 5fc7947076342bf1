"""`make matrix`: the same checks on the oldest and on the current version of the programs that each of them is about.

`python tests/matrix/run.py rules routes` runs these, and without a name all; `--current` only on the current programs,
where the usual suite runs on the oldest. docs/matrix.md has the rows that were green when they were last run. Exits 1
where anything is not; .windsock/matrix has what each run printed.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from real import programs

from windsock.exceptions import StackError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "matrix.md"
LOGS = ROOT / ".windsock" / "matrix"
GREEN = "green"
TITLES = {
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
    "victoriametrics": "VictoriaMetrics",
    "thanos": "Thanos",
    "helm": "Helm",
    "kubeconform": "kubeconform",
}
"""By name in `programs.MODULES`."""
_HEADER = ("| check | on | |", "|---|---|---|")
PATIENCE = 1800.0
"""Seconds for one check; `up --check` ends by itself after some minutes."""


@dataclass(frozen=True)
class Check:
    """What is run once for each combination of versions of the programs that it takes."""

    takes: tuple[str, ...]
    """Names in `programs.PROGRAMS`."""
    tests: tuple[str, ...] = ()
    """Below tests/; without any it is `windsock up --check`."""
    on: str = ""
    """What it runs on, where it takes none of those programs."""

    def command(self) -> tuple[str, ...]:
        if self.tests:
            return ("pytest", "-q", *(str(ROOT / "tests" / test) for test in self.tests))
        return ("windsock", "up", "--check")

    def combinations(self) -> list[dict[str, str]]:
        """The version by the name of the part."""
        parts = {programs.PROGRAMS[program].name: programs.PROGRAMS[program].part for program in self.takes}
        each = [dict.fromkeys(part) for part in parts.values()]
        return [dict(zip(parts, chosen, strict=True)) for chosen in itertools.product(*each)]


CHECKS = {
    "rules": Check(("promtool",), ("matrix/unit_tests.py", "alerts/test_rules.py", "exporter/test_custom_rules.py")),
    "rules in VictoriaMetrics": Check(("vmalert-tool",), ("matrix/victoriametrics.py",)),
    "thanos": Check(("thanos",), ("matrix/thanos.py",)),
    "routes": Check(("amtool", "alertmanager"), ("alerts/test_routes.py", "alerts/test_inhibitions.py")),
    "messages": Check(("amtool", "alertmanager"), ("alerts/test_groups.py", "alerts/test_messages.py")),
    "exposition": Check(("promtool", "prometheus"), ("exporter/test_exposition.py", "exporter/test_prometheus.py")),
    "restarts": Check(("prometheus", "alertmanager"), ("alerts/test_prometheus.py",)),
    "outages": Check(("alertmanager",), ("exporter/reconciler/test_outages.py",)),
    "chart": Check(("helm", "kubeconform"), ("matrix/chart.py",)),
    "compose": Check((), ("matrix/compose.py",), "the newest that compose pins, Filebeat and Elasticsearch the oldest"),
    "tiers": Check((), ("matrix/tiers.py",), "the oldest and the newest Elasticsearch, as far as Maven has them"),
    "image": Check((), ("matrix/image.py",), "Debian 12, with its Python"),
    "up --check": Check(("prometheus", "alertmanager")),
}


def run(name: str, chosen: dict[str, str]) -> str:
    """`GREEN`, or what is wrong."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "-".join((name.replace(" ", ""), *chosen.values()))
    with tempfile.TemporaryDirectory() as folder, log.open("w") as output:
        try:
            check = CHECKS[name]
            programs.links(Path(folder), {one: chosen[programs.PROGRAMS[one].name] for one in check.takes})
            done = subprocess.run(
                [sys.executable, "-m", *check.command()],
                cwd=ROOT,
                env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE,
                check=False,
            )
        except StackError as error:
            return str(error)
        except subprocess.TimeoutExpired:
            return f"not over after {PATIENCE:g} s: {log}"
    return GREEN if done.returncode == 0 else f"exit code {done.returncode}: {log}"


def row(name: str, chosen: dict[str, str], result: str) -> str:
    said = ", ".join(f"{TITLES[part]} {version}" for part, version in chosen.items())
    return f"| {name} | {said or CHECKS[name].on} | {result} |"


def main(arguments: list[str]) -> int:
    current = "--current" in arguments
    names = [name for name in arguments if name != "--current"]
    if unknown := set(names) - set(CHECKS):
        click.echo(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}", err=True)
        return 2
    results: dict[str, str] = {}
    for name in names or CHECKS:
        for chosen in CHECKS[name].combinations()[-1 if current else 0 :]:
            begun = time.monotonic()
            result = run(name, chosen)
            results[row(name, chosen, GREEN)] = row(name, chosen, result)
            click.echo(f"{time.monotonic() - begun:6.1f} s  {row(name, chosen, result)}")
    write(results)
    click.echo("\n".join([*_HEADER, *results.values()]))
    return 0 if all(wanted == found for wanted, found in results.items()) else 1


def write(results: dict[str, str]) -> None:
    """Put the rows that are green into the page; `results` has by the row that is wanted the one that was found."""
    page = PAGE.read_text()
    before = set(page.splitlines())
    every = [row(name, chosen, GREEN) for name, check in CHECKS.items() for chosen in check.combinations()]
    rows = [one for one in every if results.get(one, one if one in before else "") == one]
    PAGE.write_text(re.sub(r"(?m)^\| check \| on \|(.*\n\|)*.*$", "\n".join([*_HEADER, *rows]), page))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
