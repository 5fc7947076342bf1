"""The rules of docs/custom-metrics.md, as promtool reads them, on what the exporter exposes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from real.server import find

DOCS = Path(__file__).parents[2] / "docs" / "custom-metrics.md"
BAD = "airflow_custom_orders_bad_ratio"
LOADED = "airflow_custom_orders_loaded"
LABELS = {"dag_id": "orders_daily", "task_id": "load", "team": "data"}


@pytest.fixture
def promtool(tmp_path):
    program = find("promtool", "prometheus")
    text = re.search(r"<!-- rules -->\n```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    (tmp_path / "rules.yml").write_text(text)

    def run(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_they_are_valid(promtool):
    assert "2 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml")


def test_they_fire_on_bad_and_on_few_rows_and_only_then(promtool, pipeline, tmp_path):
    def series(line: str) -> str:
        pipeline.feed(line)
        name = line.partition(",")[0].replace(".", "_")
        return next(one for one in pipeline.airflow() if one.startswith(name))

    tags = "dag_id=orders_daily,task_id=load,team=data"
    bad = series(f"airflow.custom.orders_bad_ratio,{tags}:0.5|g")
    loaded = series(f"airflow.custom.orders_loaded,{tags},unit=rows:100|g")
    fires = {
        "OrdersBad": ("warning", LABELS, "50% of the rows that load loaded are bad"),
        "OrdersFew": ("critical", LABELS | {"unit": "rows"}, "load loaded 10 rows, less than half of what is usual"),
    }
    checks = [{"eval_time": "5d", "alertname": name, "exp_alerts": []} for name in fires] + [
        {
            "eval_time": "7d1h",
            "alertname": name,
            "exp_alerts": [{"exp_labels": {**labels, "severity": severity}, "exp_annotations": {"summary": summary}}],
        }
        for name, (severity, labels, summary) in fires.items()
    ]
    values = [{"series": bad, "values": "0x168 0.5x24"}, {"series": loaded, "values": "100x168 10x24"}]
    tests = [{"interval": "1h", "input_series": values, "alert_rule_test": checks}]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": tests}))
    promtool("test", "rules", "test.yml")
