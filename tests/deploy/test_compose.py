"""The stack's compose file: valid, pinned, closed to the outside, without a password."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from windsock import parts
from windsock.attaching import secrets

FILES = ("docker-compose.observability.yaml", "deploy/airflow.override.yaml")
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+")


@pytest.mark.parametrize("file", FILES)
def test_the_file_is_valid_by_the_compose_specification(root, file):
    checker = Path(sys.executable).with_name("check-jsonschema")
    assert checker.exists(), "check-jsonschema is not installed: pip install check-jsonschema"
    result = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", root / file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_checker_does_find_what_is_wrong(root, tmp_path):
    wrong = (root / FILES[0]).read_text().replace("restart: unless-stopped", "restart: [unless-stopped]")
    (tmp_path / "compose.yaml").write_text(wrong)
    checker = Path(sys.executable).with_name("check-jsonschema")
    result = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", tmp_path / "compose.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "restart" in result.stdout


def test_every_part_is_there(services):
    assert set(services) == {
        "exporter",
        "prometheus",
        "alertmanager",
        "grafana",
        "elasticsearch",
        "filebeat",
        "log-watch",
        "airflow",
    }


def test_each_profile_is_whole_by_itself(services):
    profiles = {name: service["profiles"] for name, service in services.items()}
    assert {name for name, where in profiles.items() if where == ["core"]} == {
        "exporter", "prometheus", "alertmanager", "grafana",
    }  # fmt: skip
    assert {name for name, where in profiles.items() if where == ["logs"]} == {"elasticsearch", "filebeat", "log-watch"}
    assert profiles["airflow"] == ["demo"]
    for name, service in services.items():
        assert all(profiles[other] == profiles[name] for other in service.get("depends_on", {})), name


def test_every_image_is_pinned(services, root):
    for name, service in services.items():
        if "build" in service:
            assert service["image"].endswith(":local"), name
        else:
            assert PINNED.fullmatch(service["image"]), service["image"]
    for line in (root / "deploy/exporter/Dockerfile").read_text().splitlines():
        if line.startswith("FROM"):
            assert re.match(r"FROM python:3\.12-slim( AS \w+)?$", line), line
    assert f"FROM apache/airflow:{parts.AIRFLOW.current}\n" in (root / "deploy/airflow/Dockerfile").read_text()


def test_elastics_parts_are_of_one_version(services):
    versions = {services[name]["image"].rsplit(":", 1)[1] for name in ("elasticsearch", "filebeat")}
    assert len(versions) == 1


def test_every_mounted_path_of_the_host_is_in_the_tree(services, root, mounted):
    for name, service in services.items():
        for source, _, _ in mounted(service):
            # `windsock init --compose` makes what is in deploy/secrets.
            if source.startswith(".") and not source.startswith("./deploy/secrets/"):
                assert (root / source).exists(), f"{name} mounts {source}"
    assert (root / services["exporter"]["build"]["dockerfile"]).is_file()


def test_what_comes_from_the_host_is_mounted_read_only(services, mounted):
    for name, service in services.items():
        for source, target, mode in mounted(service):
            # Its test line is written beside the logs.
            beside_the_logs = name in {"log-watch", "airflow"} and source == "airflow-logs"
            if source.startswith(".") or (source == "airflow-logs" and not beside_the_logs):
                assert mode == "ro", f"{name}: {target}"


def test_data_is_in_named_volumes_which_are_all_declared_and_used(compose, services, mounted):
    named = {source for service in services.values() for source, _, _ in mounted(service) if source[0] not in "./"}
    assert named == set(compose["volumes"])
    for name in ("prometheus", "alertmanager", "grafana", "elasticsearch", "filebeat"):
        assert [target for source, target, mode in mounted(services[name]) if source == name and mode == "rw"]


def test_ports_are_published_on_loopback_only(services):
    for name, service in services.items():
        assert service.get("network_mode") is None, name
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+(/udp)?", port), f"{name}: {port}"


def test_no_password_stands_in_a_file(compose_text, services, root):
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", key):
                assert value.startswith("/run/secrets/"), f"{name}: {key} has a value of its own"
    # Nor in .env, which is no place for one either.
    assert re.findall(r"\$\{(\w+):\?", compose_text) == []
    assert [one for one in re.findall(r"\$\{(\w+)", compose_text) if re.search("PASSWORD|TOKEN|KEY", one)] == []
    for file in (root / "deploy").rglob("*"):
        if file.is_file() and file.suffix in (".yml", ".yaml", ".json") and "helm" not in file.parts:
            for value in re.findall(
                r"(?i)(?:password|secret|token)\"?\s*:\s*[\"']?((?:ApiKey )?[^\s\"'}]+)", file.read_text()
            ):
                assert value.startswith(("${", "$${", "$__file{")), f"{file}: {value}"


def test_elasticsearch_asks_who_is_there(services):
    environment = services["elasticsearch"]["environment"]
    assert environment["xpack.security.enabled"] == "true"
    assert services["elasticsearch"]["secrets"] == ["elastic_password"]


@pytest.mark.parametrize(
    "name",
    ["exporter", "prometheus", "alertmanager", "grafana", "elasticsearch", "filebeat", "log-watch", "airflow"],
)
def test_every_service_is_watched_restarted_bounded_and_can_gain_no_privileges(services, name):
    service = services[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["cap_drop"] == ["ALL"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    # Elasticsearch writes its keystore beside its configuration, Airflow into its home.
    assert service.get("read_only") is True or name in {"elasticsearch", "airflow"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert service["logging"]["options"]["max-size"]


def test_the_superuser_is_elasticsearchs_alone(services, root, override):
    told = {name: set(service.get("secrets", [])) for name, service in services.items()}
    assert [name for name, secrets in told.items() if "elastic_password" in secrets] == ["elasticsearch"]
    assert [name for name, secrets in told.items() if "logs_write_key" in secrets] == ["filebeat"]
    assert [name for name, secrets in told.items() if "airflow_database" in secrets] == ["exporter"]
    for file in (root / "deploy").rglob("*"):
        if file.is_file() and file.name != "logs-admin.yaml":
            assert "ELASTIC_PASSWORD" not in file.read_text(), file
    assert "ELASTIC_PASSWORD" not in str(override)


def test_a_task_reaches_no_prometheus_and_no_grafana(compose, services, override):
    where = {name: set(service["networks"]) for name, service in services.items()}
    assert {name for name, networks in where.items() if "airflow" in networks} == {
        "exporter", "alertmanager", "elasticsearch", "airflow",
    }  # fmt: skip
    assert where["filebeat"] == {"logs"}
    assert where["prometheus"] == {"metrics"}
    assert set().union(*where.values()) == set(compose["networks"])
    assert override["networks"]["windsock"]["name"] == compose["networks"]["airflow"]["name"]


def test_a_service_waits_until_what_it_needs_is_healthy(services):
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, name
            assert how["condition"] == "service_healthy", f"{name}: {other}"
    assert "elasticsearch" in services["filebeat"]["depends_on"]
    assert {"exporter", "alertmanager"} <= set(services["prometheus"]["depends_on"])


def test_every_secret_is_made_by_init_and_is_given_to_somebody(compose, services):
    made = {path.path.name for path in secrets.changes(Path("nowhere"))}
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    # Airflow's callbacks have the password of `airflow`, in an Airflow that is not of this file.
    assert set(compose["secrets"]) == used == made - {"alertmanager_password"}
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./deploy/secrets/{name}"}
    for name, service in services.items():
        given = re.findall(r"/run/secrets/(\w+)", str(service))
        assert set(given) <= set(service.get("secrets", [])), name


def test_who_has_no_way_out_needs_none(compose, services):
    assert compose["networks"]["logs"]["internal"] is True
    for name, service in services.items():
        if service["networks"] == ["logs"]:
            assert "ports" not in service, name


def test_the_page_for_users_names_every_variable_and_every_address(root, compose_text, services):
    page = (root / "docs/compose.md").read_text()
    for variable in set(re.findall(r"\$\{(\w+)[:}]", compose_text)):
        assert variable in page, f"docs/compose.md does not name {variable}"
    for service in services.values():
        for port in service.get("ports", []):
            assert f"localhost:{port.split(':')[1]}" in page, port
