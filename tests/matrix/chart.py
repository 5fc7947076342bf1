"""The chart, rendered by the real helm for each of its examples, is what Kubernetes and the operator know.

`make matrix ARGS=chart` builds helm and kubeconform; the schemas are of the parts' Go modules.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from real import command, kubernetes

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "windsock"
EXAMPLES = {path.stem: path for path in (CHART / "examples").glob("*.yaml")}
MOST_BYTES = 1 << 20
"""Of a Secret: a release is one, with the chart and all manifests."""


@pytest.fixture(scope="session")
def schemas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemas")
    kubernetes.schemas(folder, folder)
    return folder


def helm(*arguments, fails=False):
    done = subprocess.run(["helm", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode != 0) is fails, done.stdout[-2000:] + done.stderr
    return done.stderr if fails else done.stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """By example: what helm makes of it, with the files that windsock makes of its windsock.yaml."""
    found = {}
    for name, path in EXAMPLES.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "windsock.yaml").write_text(yaml.safe_load(path.read_text())["config"])
        for build in ("alerts build --out alerts", "logs build --filebeat-version 8.19 --out logs"):
            done = command.windsock(*build.split(), cwd=folder, environ=os.environ)
            assert done.returncode == 0, done.stderr
        files = {
            "rules.content": "alerts/rules.yml",
            "routes.config": "alerts/alertmanager.yml",
            "routes.template": "alerts/windsock.tmpl",
            "filebeat.config": "logs/filebeat.yml",
        }
        flags = [flag for key, file in files.items() for flag in ("--set-file", f"{key}={folder / file}")]
        found[name] = helm("template", "windsock", CHART, "-n", "monitoring", "-f", path, *flags)
    return found


def objects(text):
    return [one for one in yaml.safe_load_all(text) if one]


def named(text, kind, name):
    (one,) = (one for one in objects(text) if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return one


def conform(text, schemas):
    flags = ("-strict", "-summary", "-output", "json", "-schema-location", f"{schemas}/{kubernetes.PATTERN}")
    done = subprocess.run(["kubeconform", *flags], input=text, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", EXAMPLES)
def test_kubernetes_and_the_operator_know_all_of_it(made, schemas, name):
    code, said = conform(made[name], schemas)
    assert code == 0, said["resources"]
    assert said["summary"]["valid"] == len(objects(made[name])) > 10
    assert said["summary"]["skipped"] == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [("containerPort", "containerport"), ("relabelings:", "relabeling:"), ("replicas: 2", "replicas: two")],
)
def test_what_is_wrong_is_found(made, schemas, before, after):
    assert before in made["kube-prometheus-stack"]
    assert conform(made["kube-prometheus-stack"].replace(before, after), schemas)[0] == 1


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_own_pods_are_confined_and_bounded(made, name):
    pods = [one["spec"]["template"]["spec"] for one in objects(made[name]) if "template" in one.get("spec", {})]
    assert len(pods) >= 2
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        context = {**pod.get("securityContext", {}), **container["securityContext"]}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        # Filebeat reads the kubelet's files.
        assert context.get("runAsNonRoot") is True or container["name"] == "filebeat"
        assert container["resources"]["limits"]["memory"]


def test_the_exporter_gets_no_secret_and_the_reader_no_statsd(made):
    text = made["kube-prometheus-stack"]
    pods = {
        name: named(text, "Deployment", f"windsock-{name}")["spec"]["template"]["spec"]["containers"][0]
        for name in ("exporter", "reader")
    }
    assert "secret" not in json.dumps(pods["exporter"]).lower()
    assert pods["reader"]["envFrom"] == [{"secretRef": {"name": "windsock-channels"}}]
    assert "statsd" not in {port["name"] for port in pods["reader"]["ports"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_windsock_takes_the_configuration_and_the_variables_of_each_pod(made, tmp_path, name):
    text = made[name]
    for file, content in named(text, "ConfigMap", "windsock")["data"].items():
        (tmp_path / file).write_text(content)
    known = {"slack_token": "xoxb-1", "LOGS_API_KEY": "id:key", "WINDSOCK_DATABASE_URL": "postgresql://u:p@db/airflow"}
    for one in objects(text):
        if one["kind"] not in ("Deployment", "StatefulSet"):
            continue
        (container,) = one["spec"]["template"]["spec"]["containers"]
        given = {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}
        secrets = known if "WINDSOCK_DATABASE_URL" in str(container["env"]) else {}
        config = Path(given.pop("WINDSOCK_CONFIG", "/etc/windsock/windsock.yaml")).name
        given = {key: value.replace("/var/lib/windsock", str(tmp_path)) for key, value in given.items()}
        environ = {"PATH": os.environ["PATH"], "WINDSOCK_CONFIG": str(tmp_path / config), **given, **secrets}
        done = command.windsock("exporter", "--check-config", cwd=tmp_path, environ=environ)
        assert done.returncode == 0, done.stderr
        database = "Metadata database: none" not in done.stdout + done.stderr
        assert database is (container["name"] == "reader"), done.stdout + done.stderr


def test_airflow_tells_each_reader_of_lineage_by_a_name_that_it_has(made):
    """A StatefulSet's pods have names below its headless Service; the notes' transport has a URL for each."""
    text = made["kubernetes-executor"]
    readers = named(text, "StatefulSet", "windsock-reader")["spec"]
    (container,) = readers["template"]["spec"]["containers"]
    assert {"name": "openlineage", "containerPort": 5000} in container["ports"]
    service = named(text, "Service", readers["serviceName"])
    assert service["spec"]["clusterIP"] == "None"
    assert {"name": "openlineage", "port": 5000, "targetPort": "openlineage"} in service["spec"]["ports"]
    assert service["spec"]["selector"].items() <= readers["template"]["metadata"]["labels"].items()
    told = named(text, "NetworkPolicy", "windsock-reader")["spec"]["ingress"][0]
    assert told["ports"] == [{"port": "openlineage", "protocol": "TCP"}]
    assert told["from"][0]["podSelector"] == {"matchLabels": {"tier": "airflow"}}
    flags = ("--dry-run=client", "--set-file", f"filebeat.config={ROOT / 'deploy/filebeat/filebeat.yml'}")
    notes = helm("install", "windsock", CHART, "-n", "monitoring", "-f", EXAMPLES["kubernetes-executor"], *flags)
    transport = json.loads(re.search(r"AIRFLOW__OPENLINEAGE__TRANSPORT='(.+)'", notes)[1])
    assert transport["type"] == "composite"
    assert all(one["retry"] == {"total": 1} and one["timeout"] == 3 for one in transport["transports"])
    assert [one["url"] for one in transport["transports"]] == [
        f"http://windsock-reader-{pod}.windsock-reader.monitoring:5000" for pod in range(readers["replicas"])
    ]


def test_without_lineage_readers_are_a_deployment_that_hears_nobody(made):
    text = made["kube-prometheus-stack"]
    reader = named(text, "Deployment", "windsock-reader")
    heard = [reader, *(named(text, kind, "windsock-reader") for kind in ("Service", "NetworkPolicy"))]
    assert "openlineage" not in json.dumps(heard)


def test_the_operators_alertmanager_finds_routes_and_template(made):
    secret = named(made["kube-prometheus-stack"], "Secret", "windsock-alertmanager")["stringData"]
    config = yaml.safe_load(secret["alertmanager.yaml"])
    assert config["templates"] == ["/etc/alertmanager/config/windsock.tmpl"]
    assert "/etc/alertmanager/secrets/windsock-channels/slack_token" in secret["alertmanager.yaml"]
    assert "{{ define" in secret["windsock.tmpl"]


def test_rules_and_dashboards_arrive_as_they_were_built(made):
    text = made["managed-airflow"]
    rules = named(text, "PrometheusRule", "windsock")
    assert rules["metadata"]["labels"]["release"] == "monitoring"
    built = yaml.safe_load((ROOT / "alerts/generated/rules.yml").read_text())["groups"]
    assert [group["name"] for group in rules["spec"]["groups"]] == [group["name"] for group in built]
    assert "https://windsock.example.org/runbooks/" in json.dumps(rules)
    boards = [one for one in objects(text) if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"]
    files = {path.name: path for path in (ROOT / "dashboards/generated").glob("*.json")}
    assert len(boards) == len(files)
    for board in boards:
        ((name, content),) = board["data"].items()
        assert json.loads(content) == json.loads(files[name.removeprefix("windsock-")].read_text())


def test_the_scraped_series_have_the_job_and_the_cluster_that_rules_read(made):
    monitor = named(made["kube-prometheus-stack"], "ServiceMonitor", "windsock")["spec"]
    relabelings = monitor["endpoints"][0]["relabelings"]
    labels = {one["targetLabel"]: one["replacement"] for one in relabelings if "targetLabel" in one}
    assert {"job": "windsock", "cluster": "prod"}.items() <= labels.items()
    wanted = monitor["selector"]
    found = [
        one["metadata"]["name"]
        for one in objects(made["kube-prometheus-stack"])
        if one["kind"] == "Service"
        and wanted["matchLabels"].items() <= one["metadata"]["labels"].items()
        and one["metadata"]["labels"]["app.kubernetes.io/component"] in wanted["matchExpressions"][0]["values"]
    ]
    assert found == ["windsock-exporter", "windsock-reader"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "/config"),
        (("--set", "config=cluster: a", "--set", "image.repository=x"), "/reader/database/secret"),
        (("--set", "reader.enabled=false", "--set", "image.repository=x", "--set", "config=a: [b"), "windsock.yaml"),
        (("--set", "reader.replica=3"), "replica"),
    ],
)
def test_values_that_can_not_work_are_refused_with_their_place(flags, said):
    assert said in helm("template", "windsock", CHART, *flags, fails=True)


def test_the_chart_is_clean_to_helm_and_small_enough_for_a_release(made, tmp_path):
    helm("lint", "--strict", CHART, "-f", EXAMPLES["kube-prometheus-stack"])
    helm("package", CHART, "-d", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    text = subprocess.run(["gzip", "-c"], input=made["kube-prometheus-stack"].encode(), capture_output=True, check=True)
    # Both are in it, in base64.
    assert (package.stat().st_size + len(text.stdout)) * 4 / 3 < MOST_BYTES / 2
    listed = subprocess.run(["tar", "tzf", package], capture_output=True, text=True, check=True).stdout
    assert "windsock/files/dashboards/overview.json" in listed
    assert "windsock/examples/" not in listed


def test_each_component_has_an_exporter_that_hears_no_other(made):
    text = made["by-component"]
    names = ("windsock-exporter", "windsock-exporter-workers", "windsock-exporter-dag-processor")
    pods = {name: named(text, "Deployment", name)["spec"] for name in names}
    for name in names:
        selector = named(text, "Service", name)["spec"]["selector"]
        assert selector == pods[name]["selector"]["matchLabels"]
        hear = [one for one in names if selector.items() <= pods[one]["template"]["metadata"]["labels"].items()]
        assert hear == [name]
    limits = [pods[name]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] for name in names]
    assert limits == ["512Mi", "1Gi", "512Mi"]
    monitor = named(text, "ServiceMonitor", "windsock")["spec"]["selector"]["matchLabels"]
    policy = named(text, "NetworkPolicy", "windsock-exporter")["spec"]["podSelector"]["matchLabels"]
    for name in names:
        assert monitor.items() <= named(text, "Service", name)["metadata"]["labels"].items()
        assert policy.items() <= pods[name]["template"]["metadata"]["labels"].items()
    notes = helm("install", "windsock", CHART, "-n", "monitoring", "-f", EXAMPLES["by-component"], "--dry-run=client")
    assert "Its workers: AIRFLOW__METRICS__STATSD_HOST=windsock-exporter-workers.monitoring\n" in notes


def test_components_without_the_version_of_airflow_are_refused():
    flags = ("-f", EXAMPLES["by-component"], "--set", "config=cluster: a")
    assert "exporter.statsd.airflow" in helm("template", "windsock", CHART, *flags, fails=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_doctor_knows_each_exporter_and_the_readers(made, tmp_path, name):
    text = made[name]
    (tmp_path / "windsock.yaml").write_text(named(text, "ConfigMap", "windsock")["data"]["windsock.yaml"])
    (container,) = named(text, "Job", "windsock-doctor")["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    secrets = {
        "slack_token": "xoxb-1",
        "LOGS_API_KEY": "id:key",
        "WINDSOCK_DATABASE_URL": "postgresql://u:p@db/airflow",
    }
    done = command.windsock("config", "show", cwd=tmp_path, environ={"PATH": os.environ["PATH"], **given, **secrets})
    assert done.returncode == 0, done.stderr
    services = [one["metadata"]["name"] for one in objects(text) if one["kind"] == "Service"]
    known = json.loads(re.search(r"^doctor\.exporters = (\[.*?\])", done.stdout, re.MULTILINE)[1])
    readers = [
        one
        for one in objects(text)
        if one["kind"] in {"Deployment", "StatefulSet"} and "-reader" in one["metadata"]["name"]
    ]
    names = [one for one in services if "-exporter" in one]
    for one in readers:
        pods = [f"windsock-reader-{number}.windsock-reader" for number in range(one["spec"]["replicas"])]
        names += pods if one["kind"] == "StatefulSet" else ["windsock-reader"]
    assert sorted(known) == sorted(f"http://{one}:9102" for one in names)
    doctor = named(text, "Job", "windsock-doctor")["spec"]["template"]["metadata"]["labels"]
    for policy in (one for one in objects(text) if one["kind"] == "NetworkPolicy"):
        (web,) = [rule for rule in policy["spec"]["ingress"] if {"port": "web", "protocol": "TCP"} in rule["ports"]]
        selectors = [one.get("podSelector", {}).get("matchLabels", {}) for one in web["from"]]
        assert any(one and one.items() <= doctor.items() for one in selectors), policy["metadata"]["name"]
