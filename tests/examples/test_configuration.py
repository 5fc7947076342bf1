"""The examples' configuration: each windsock.yaml, the Kubernetes manifest and the Helm values say what they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml
from real import command
from real.server import find, free_port
from real.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGURATIONS = {
    "windsock/small.yaml": "severity warning\ntold: slack #payments\n",
    "windsock/direct.yaml": "severity warning\ntold: slack #payments, email payments@example.org",
    "windsock/two-clusters/prod.yaml": "severity critical\ntold: pagerduty ${PD_PAYMENTS}, slack #payments",
    "windsock/two-clusters/staging.yaml": "severity warning\ntold: slack #payments\n",
    "kubernetes/exporter.yaml": "severity warning\ntold: slack #payments\n",
}
"""How bad a failure of a DAG with the tags `team:payments` and `tier:1` is, and who is told."""
CHART = {
    "images": {"airflow": {"repository": str, "tag": str}},
    "statsd": {"enabled": bool},
    "config": {"metrics": dict},
    "env": [{"name": str, "value": str}],
    "volumes": [dict],
    "volumeMounts": [dict],
}
"""Keys of the official chart that Airflow's repository has in chart/values.yaml, where 3.1.3 is its default version."""
SECRETS = {"AIRFLOW_DB": "sqlite:////nowhere/airflow.db", "SLACK_TOKEN": "xoxb-for-tests"}


def windsock(*arguments, cwd, variables=None):
    return command.windsock(*arguments, cwd=cwd, environ={"PATH": os.environ["PATH"], **(variables or {})})


def documents(name):
    return list(yaml.safe_load_all((EXAMPLES / name).read_text()))


def container():
    (found,) = documents("kubernetes/exporter.yaml")[0]["spec"]["template"]["spec"]["containers"]
    return found


def variables_of(name):
    """The environment that an example is used with."""
    if name.startswith("kubernetes/"):
        return {row["name"]: row["value"] for row in container()["env"] if "value" in row}
    if name.startswith("helm/"):
        return {row["name"]: row["value"] for row in documents(name)[0]["env"]}
    return {"WINDSOCK_CONFIG": str(EXAMPLES / name)}


def test_every_example_is_tested_and_says_what_it_is():
    files = {str(file.relative_to(EXAMPLES)) for file in EXAMPLES.rglob("*.y*ml")}
    assert files == {*CONFIGURATIONS, "windsock/two-clusters/prometheus.yml", "helm/values.yaml"}
    for name in files:
        assert (EXAMPLES / name).read_text().startswith("# "), name


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_is_valid_and_tells_whom_it_says(name, tmp_path):
    shown = windsock("config", "show", cwd=tmp_path, variables=variables_of(name))
    assert shown.returncode == 0, shown.stderr
    routes = ("alerts", "routes", "orders_daily", "--tag", "team:payments", "--tag", "tier:1")
    told = windsock(*routes, cwd=tmp_path, variables=variables_of(name) | SECRETS)
    assert told.returncode == 0, told.stderr
    assert CONFIGURATIONS[name] in told.stdout


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_prometheus_and_alertmanager_take_what_is_built(name, tmp_path):
    built = windsock("alerts", "build", "--out", "alerts", cwd=tmp_path, variables=variables_of(name))
    assert built.returncode == 0, built.stderr
    assert "reach nobody" not in built.stderr
    check(tmp_path, "amtool", "prometheus-alertmanager", "check-config", "alerts/alertmanager.yml")
    check(tmp_path, "promtool", "prometheus", "check", "rules", "alerts/rules.yml")


def test_one_prometheus_scrapes_both_clusters_by_their_names(tmp_path):
    name = "windsock/two-clusters/prometheus.yml"
    (tmp_path / "prometheus.yml").write_text((EXAMPLES / name).read_text())
    built = windsock(
        "alerts", "build", "--out", "alerts", cwd=tmp_path, variables=variables_of("windsock/two-clusters/prod.yaml")
    )
    assert built.returncode == 0, built.stderr
    check(tmp_path, "promtool", "prometheus", "check", "config", "prometheus.yml")
    (job,) = documents(name)[0]["scrape_configs"]
    scraped = {one["labels"]["cluster"] for one in job["static_configs"]}
    assert scraped == {documents(f"windsock/two-clusters/{one}.yaml")[0]["cluster"] for one in ("prod", "staging")}


def check(folder, program, package, *arguments):
    done = subprocess.run(
        [find(program, package), *arguments], capture_output=True, text=True, check=False, cwd=folder, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_the_exporter_of_the_manifest_starts_and_answers_the_probes(tmp_path):
    port = free_port()
    variables = variables_of("kubernetes/exporter.yaml") | SECRETS
    variables |= {
        "WINDSOCK__EXPORTER__STATSD__LISTEN": '["udp://127.0.0.1:0"]',
        "WINDSOCK__EXPORTER__WEB__LISTEN": f"127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "windsock", "exporter"]
    environ = {"PATH": os.environ["PATH"], **variables}
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=out, stderr=out)
    try:
        alive = answer(port, container()["livenessProbe"]["httpGet"]["path"], process, tmp_path / "out")
        assert alive.status_code == 200
        ready = answer(port, container()["readinessProbe"]["httpGet"]["path"], process, tmp_path / "out")
        # The secret names a database that is not there.
        assert (ready.status_code, "not read yet" in ready.text) == (503, True), ready.text
    finally:
        process.terminate()
        process.wait(60)


def answer(port, path, process, out):
    def answers():
        assert process.poll() is None, out.read_text()
        return [requests.get(f"http://127.0.0.1:{port}{path}", timeout=60)]  # an answer of 503 is not true

    return until(answers, why=out.read_text)[0]


def test_the_service_leads_to_the_ports_that_are_listened_on():
    service = documents("kubernetes/exporter.yaml")[1]["spec"]["ports"]
    own = {one["name"]: one["containerPort"] for one in container()["ports"]}
    variables = variables_of("kubernetes/exporter.yaml")
    assert {one["targetPort"]: one["port"] for one in service} == own
    assert f":{own['statsd']}" in variables["WINDSOCK__EXPORTER__STATSD__LISTEN"]
    assert variables["WINDSOCK__EXPORTER__WEB__LISTEN"].endswith(f":{own['web']}")


def unlike(values, shape, where="values"):
    """Where values have a key or a type that the shape has not."""
    if isinstance(shape, dict) and isinstance(values, dict):
        known = [f"{where}.{key}" for key in values.keys() - shape.keys()]
        return known + [one for key in values.keys() & shape.keys() for one in unlike(values[key], shape[key], key)]
    if isinstance(shape, list) and isinstance(values, list):
        return [one for value in values for one in unlike(value, shape[0], where)]
    return [] if isinstance(shape, type) and isinstance(values, shape) else [where]


def test_the_helm_values_have_keys_of_the_chart_only():
    (values,) = documents("helm/values.yaml")
    assert unlike(values, CHART) == []
    assert unlike({"statsd": {"enabled": "no", "host": ""}}, CHART) == ["statsd.host", "enabled"]


def test_the_helm_values_lead_to_the_exporter_of_the_manifest():
    (values,) = documents("helm/values.yaml")
    service = documents("kubernetes/exporter.yaml")[1]
    metrics = values["config"]["metrics"]
    assert metrics["statsd_host"] == service["metadata"]["name"]
    assert metrics["statsd_port"] in [one["port"] for one in service["spec"]["ports"]]
    (mount,) = values["volumeMounts"]
    assert variables_of("helm/values.yaml")["WINDSOCK__CALLBACKS__SPOOL__DIR"] == mount["mountPath"]
    assert [one["name"] for one in values["volumes"]] == [mount["name"]]


def test_windsock_reads_each_variable_of_the_helm_values(tmp_path):
    variables = variables_of("helm/values.yaml")
    assert all(re.fullmatch(r"WINDSOCK__[A-Z_]+", name) for name in variables)
    shown = windsock("config", "show", cwd=tmp_path, variables=variables)
    assert shown.returncode == 0, shown.stderr
    assert [name for name in variables if f"${name}" not in shown.stdout] == []
