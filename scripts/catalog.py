"""Write windsock/airflow/data/airflow-VERSION.json from the metrics registry of an installed Airflow (3.3 or newer).

    python scripts/catalog.py PYTHON_OF_AIRFLOW [--check]

Only facts are taken: name, type, legacy form, variables. With --check nothing is written, and it exits with 1 where
the file differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

DATA = Path(__file__).parent.parent / "windsock" / "airflow" / "data"

LOCATE = """
import importlib.metadata, importlib.util, pathlib
core = pathlib.Path(importlib.util.find_spec("airflow").submodule_search_locations[0])
print(importlib.metadata.version("apache-airflow-core"))
print(core / "_shared" / "observability" / "metrics" / "metrics_template.yaml")
"""


def registry(python: str) -> tuple[str, str]:
    """The version of the Airflow that `python` runs, and its registry as the JSON that is kept."""
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
    return answer[0], "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n"


def main() -> int:
    """Write or check; 0 good, 1 different."""
    version, text = registry(sys.argv[1])
    file = DATA / f"airflow-{version}.json"
    if "--check" in sys.argv[2:]:
        same = file.exists() and file.read_text() == text
        print(f"{file.name}: {'current' if same else 'differs from the installed registry; run without --check'}")
        return 0 if same else 1
    file.write_text(text)
    print(f"{file}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
