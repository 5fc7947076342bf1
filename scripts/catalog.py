"""Compare the metrics that an installed Airflow (3.3 or newer) registers with those that the catalogue knows.

    python scripts/catalog.py PYTHON_OF_AIRFLOW [--check | --diff]

Writes windsock/airflow/data/airflow-VERSION.json; only facts are taken: name, type, legacy form, variables. With
--check nothing is written, and it exits with 1 where the file differs. With --diff it first prints what is new, gone
or other than in the version that the demo runs, each with the rules, the panels and the lines of docs that read it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from windsock import catalog
from windsock.airflow.versions import DATA, NEWEST, REGISTRIES
from windsock.alerts.rules import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

LOCATE = """
import importlib.metadata, importlib.util, pathlib
core = pathlib.Path(importlib.util.find_spec("airflow").submodule_search_locations[0])
print(importlib.metadata.version("apache-airflow-core"))
print(core / "_shared" / "observability" / "metrics" / "metrics_template.yaml")
"""


def registry(python: str) -> tuple[str, list[dict[str, Any]]]:
    """The version of the Airflow that `python` runs, and the rows that are kept of its registry."""
    answer = subprocess.run([python, "-c", LOCATE], check=True, capture_output=True, text=True).stdout.split()
    metrics = yaml.safe_load(Path(answer[1]).read_text())["metrics"]
    rows = [
        {
            "name": metric["name"],
            "type": metric["type"],
            "legacy": [] if metric["legacy_name"] == "-" else [metric["legacy_name"]],
            "labels": metric.get("name_variables", []),
        }
        for metric in metrics
    ]
    return answer[0], rows


def render(rows: list[dict[str, Any]]) -> str:
    """The text of the file."""
    return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n"


def differences(version: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """What is new, gone or other than in the version that the demo runs, and what reads it."""
    known = {row["name"]: row for row in json.loads((DATA / f"airflow-{NEWEST}.json").read_text())}
    found = {row["name"]: row for row in rows}
    for name in sorted(known.keys() | found.keys()):
        before, now = known.get(name), found.get(name)
        if before == now:
            continue
        if before is None:
            yield f"+ {name}: {json.dumps(now)}"
        elif now is None:
            yield f"- {name}"
        else:
            changes = [f"{key}: {before[key]} -> {now[key]}" for key in now if now[key] != before[key]]
            yield f"~ {name}: {'; '.join(changes)}"
        yield from (f"    {place}" for place in readers(name))
    file = f"airflow-{version}.json"
    if file not in {one for _, one in REGISTRIES}:
        yield f"next: a line for {file} in windsock/airflow/versions.py, a note for each + in"
        yield "      windsock/catalog/airflow_metrics.py"


def readers(name: str) -> Iterator[str]:
    """The rules, panels and lines of docs that read a metric of Airflow's."""
    families = [metric.family for metric in catalog.airflow() if metric.name == name]
    for family in families:
        # A panel that reads what a record makes of it reads it, too.
        recorded = [one.name for group in GROUPS for one in group.records if family in one.expr]
        for group in GROUPS:
            yield from (f"record {one.name}" for one in group.records if family in one.expr)
            yield from (f"rule {one.name}" for one in group.rules if family in one.expr)
        for board in sorted((ROOT / "dashboards" / "generated").glob("*.json")):
            for panel in json.loads(board.read_text())["panels"]:
                exprs = [target.get("expr", "") for target in panel.get("targets", ())]
                if any(one in expr for one in (family, *recorded) for expr in exprs):
                    yield f"panel {board.stem}: {panel['title']}"
        for page in sorted((ROOT / "docs").glob("*.md")):
            for number, line in enumerate(page.read_text().splitlines(), 1):
                if family in line or f"`{name}`" in line:
                    yield f"{page.relative_to(ROOT)}:{number}"


def main() -> int:
    """Write, check or compare; 0 good, 1 different."""
    version, rows = registry(sys.argv[1])
    file, text = DATA / f"airflow-{version}.json", render(rows)
    if "--check" in sys.argv[2:]:
        same = file.exists() and file.read_text() == text
        print(f"{file.name}: {'current' if same else 'differs from the installed registry; run without --check'}")
        return 0 if same else 1
    if "--diff" in sys.argv[2:]:
        print("\n".join(differences(version, rows)) or f"Airflow {version} registers what {NEWEST} does")
    file.write_text(text)
    print(f"{file}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
