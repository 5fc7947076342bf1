"""The recipes of docs/kubernetes-metrics.md: promtool parses them, and they find what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from real.engines import CURRENT, OLDEST, write

PAGE = (Path(__file__).parents[2] / "docs" / "kubernetes-metrics.md").read_text()
RULES = yaml.safe_load(next(one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "groups:" in one))
QUERIES = [query.strip() for query in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL)]
LABELS = 'namespace="airflow",pod="{}",uid="1"'
OWN = {"namespace": "airflow", "dag_id": "etl", "task_id": "load"}


def series(name: str, pod: str, values: str = "1x30", **labels: str) -> dict[str, str]:
    more = "".join(f',{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{LABELS.format(pod)}{more}}}", "values": values}


def pod(name: str) -> dict[str, str]:
    return series("kube_pod_labels", name, label_dag_id="etl", label_task_id="load", label_tier="airflow")


def alert(name: str, at: str, *expected: dict[str, str]) -> dict:
    summaries = {one["alert"]: one["annotations"]["summary"] for one in RULES["groups"][0]["rules"] if "alert" in one}
    found = []
    for labels in expected:
        text = re.sub(r"{{ \$labels\.(\w+) }}", lambda match, labels=labels: labels[match[1]], summaries[name])
        found.append({"exp_labels": {**labels, "severity": "warning"}, "exp_annotations": {"summary": text}})
    return {"eval_time": at, "alertname": name, "exp_alerts": found}


SAMPLES = [
    pod("killed"),
    # The same pod under two scrapes of kube-state-metrics, as in a rollout of it.
    series("kube_pod_labels", "killed", label_dag_id="etl", label_task_id="load", instance="other"),
    series("kube_pod_container_status_terminated_reason", "killed", container="base", reason="OOMKilled"),
    series("kube_pod_container_status_terminated_reason", "a-strangers", container="app", reason="OOMKilled"),
    pod("waits"),
    series("kube_pod_status_phase", "waits", phase="Pending"),
    series("kube_pod_status_phase", "waits", "0x30", phase="Running"),
    series("kube_pod_container_status_waiting_reason", "waits", container="base", reason="ImagePullBackOff"),
    pod("soon"),
    series("kube_pod_status_phase", "soon", "1x5 0x25", phase="Pending"),
    series("kube_pod_labels", "worker-0", label_tier="airflow", label_component="worker"),
    series("kube_pod_container_status_restarts_total", "worker-0", "0x10 1x20", container="worker"),
    series("kube_pod_container_status_last_terminated_reason", "worker-0", container="worker", reason="OOMKilled"),
]
TEST = {
    "rule_files": ["rules.yml"],
    "evaluation_interval": "1m",
    "tests": [
        {
            "interval": "1m",
            "input_series": SAMPLES,
            "alert_rule_test": [
                alert("AirflowTaskPodOutOfMemory", "5m", {**OWN, "pod": "killed"}),
                alert("AirflowTaskPodPending", "9m"),
                alert("AirflowTaskPodPending", "15m", {**OWN, "pod": "waits"}),
                alert("AirflowTaskPodCannotStart", "5m", {**OWN, "pod": "waits", "reason": "ImagePullBackOff"}),
                alert("AirflowComponentOutOfMemory", "5m"),
                alert(
                    "AirflowComponentOutOfMemory",
                    "15m",
                    {"namespace": "airflow", "pod": "worker-0", "uid": "1", "container": "worker"},
                ),
            ],
            "promql_expr_test": [
                {
                    "expr": QUERIES[0],
                    "eval_time": "3m",
                    "exp_samples": [{"labels": '{dag_id="etl"}', "value": 2}],
                },
                {"expr": QUERIES[2], "eval_time": "3m", "exp_samples": []},
            ],
        }
    ],
}


@pytest.mark.parametrize("engine", [OLDEST, CURRENT], ids=["oldest", "current"])
def test_they_find_what_they_say(engine, tmp_path):
    done = engine.run(write(tmp_path, RULES, TEST))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_promql(query, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [{"record": "r", "expr": query}]}]}))
    done = subprocess.run([OLDEST.find(), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
