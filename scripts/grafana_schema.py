"""Write tests/data/grafana/schema.json: what Grafana's own types say of dashboards and panels, as JSON schemas.

Needs npm, which installs into a temporary folder @grafana/schema, in the version of windsock/parts.py (Apache-2.0), and
ts-json-schema-generator. Kept are names and types of keys: no texts, no defaults, and nothing is required, as Grafana
fills in what is missing.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from windsock.parts import GRAFANA

OUT = Path(__file__).parents[1] / "tests" / "data" / "grafana" / "schema.json"
TYPES = "./node_modules/@grafana/schema/dist/types/raw"
GENERATOR = "ts-json-schema-generator@2.4.0"
PANELS = {
    "barchart": "barchart",
    "bargauge": "bargauge",
    "dashlist": "dashboardlist",
    "gauge": "gauge",
    "heatmap": "heatmap",
    "histogram": "histogram",
    "logs": "logs",
    "piechart": "piechart",
    "stat": "stat",
    "state-timeline": "statetimeline",
    "status-history": "statushistory",
    "table": "table",
    "text": "text",
    "timeseries": "timeseries",
}
"""Grafana's folder by the type of a panel."""
WITH_FIELDS = (
    "barchart", "heatmap", "histogram", "piechart", "state-timeline", "status-history", "table", "timeseries",
)  # fmt: skip
"""Those that have options of each field beside those of the panel."""
DROPPED = {"$schema", "default", "deprecated", "description", "required"}


def wanted() -> dict[str, tuple[str, str]]:
    """Module and type by what it describes."""
    found = {name.lower(): (f"{TYPES}/dashboard/x/types.gen", name) for name in ("Dashboard", "Panel")}
    for panel, folder in PANELS.items():
        module = f"{TYPES}/composable/{folder}/panelcfg/x/types.gen"
        found[f"{panel}.options"] = (module, "Options")
        if panel in WITH_FIELDS:
            found[f"{panel}.custom"] = (module, "FieldConfig")
    return found


def schema(folder: Path, module: str, name: str) -> dict[str, Any]:
    # By itself each type has a name that some other module has too.
    (folder / "entry.ts").write_text(
        f"import * as found from '{module}'; export interface Entry {{ it: found.{name} }}"
    )
    command = ["npx", "ts-json-schema-generator", "-p", "entry.ts", "-t", "Entry", "--no-type-check", "--no-top-ref"]
    made = json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)
    return bare({**made["properties"]["it"], "definitions": made.get("definitions", {})})


def bare(value: Any, *, names: bool = False) -> Any:
    """Without what is dropped; what `properties` holds are names, whatever they are."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: bare(one, names=key in ("properties", "definitions") and not names)
        for key, one in value.items()
        if names or key not in DROPPED
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = [f"@grafana/schema@{GRAFANA.current}", GENERATOR]
        subprocess.run(["npm", "install", "--silent", "--ignore-scripts", *packages], cwd=folder, check=True)
        schemas = {key: schema(folder, *where) for key, where in sorted(wanted().items())}
    lines = [
        f"{json.dumps(key)}:{json.dumps(one, separators=(',', ':'), sort_keys=True)}" for key, one in schemas.items()
    ]
    of = json.dumps(f"@grafana/schema {GRAFANA.current}, Apache-2.0; by scripts/grafana_schema.py")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("{" + ",\n".join([f'"made of":{of}', *lines]) + "}\n")


if __name__ == "__main__":
    main()
