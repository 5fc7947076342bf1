"""What the services read: each program accepts its file, and the files agree with the compose file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from windsock import settings, yaml_load
from windsock.cli import windsock as command
from windsock.exporter.reconciler.store import place


def run(program: str, package: str, *args) -> subprocess.CompletedProcess[str]:
    path = shutil.which(program) or pytest.fail(f"{program} is not installed: apt-get install {package}")
    return subprocess.run([path, *args], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def container(root, services, mounted, tmp_path):
    """Lay out what a service mounts as it would find it, below a temporary folder."""

    def lay(name: str):
        for source, target, _ in mounted(services[name]):
            if source.startswith(".") and not source.startswith("./deploy/secrets/"):
                place = tmp_path / target.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                path = root / source
                shutil.copytree(path, place) if path.is_dir() else shutil.copy(path, place)
        return tmp_path

    return lay


def test_prometheus_accepts_its_configuration_and_finds_its_rules(container):
    place = container("prometheus")
    result = run("promtool", "prometheus", "check", "config", place / "etc/prometheus/prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 rule files found" in result.stdout


def test_alertmanager_accepts_its_configuration(container):
    place = container("alertmanager")
    result = run("amtool", "prometheus-alertmanager", "check-config", place / "etc/alertmanager/alertmanager.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 templates" in result.stdout


def test_prometheus_puts_the_cluster_on_the_exporters_series(root):
    prometheus = yaml_load.load((root / "deploy/prometheus/prometheus.yml").read_text())
    config = settings.load(root / "deploy/windsock.yaml", environ={})
    (job,) = (job for job in prometheus["scrape_configs"] if job["job_name"] == "windsock")
    assert job["static_configs"] == [{"targets": ["exporter:9102"], "labels": {"cluster": config.cluster}}]
    assert "external_labels" not in prometheus["global"]


def test_every_name_in_a_configuration_is_a_service_at_the_port_where_it_listens(root, services):
    listens = {
        "exporter": {"9102"},
        "prometheus": {"9090"},
        "alertmanager": {"9093"},
        "elasticsearch": {"9200"},
        "grafana": {"3000"},
        "airflow": {"8080"},
    }
    # Seen in the containers' own network only.
    inside = {"filebeat": {"5066"}, "log-watch": {"9103"}}
    text = "\n".join(path.read_text() for path in (root / "deploy").rglob("*") if path.suffix in (".yml", ".yaml"))
    named = re.findall(rf"\b({'|'.join(services)}):(\d{{4}})\b", text)
    assert {"exporter", "alertmanager", "prometheus", "elasticsearch"} <= {name for name, _ in named}
    for name, port in named:
        assert port in {**listens, **inside}[name], f"{name}:{port}"
    for name, ports in listens.items():
        published = {port.rsplit(":", 1)[1].removesuffix("/udp") for port in services[name]["ports"]}
        assert ports <= published, name


def test_the_exporter_accepts_its_command_and_its_configuration(root, services):
    config = root / "deploy/windsock.yaml"
    result = CliRunner().invoke(command, [*services["exporter"]["command"], "--check-config", "--config", str(config)])
    assert result.exit_code == 0, result.output
    addresses = " ".join(services["exporter"]["command"])
    assert "udp://0.0.0.0:9125" in addresses
    assert "0.0.0.0:9102" in addresses


def test_the_exporter_runs_as_nobody_in_particular_on_a_read_only_system(root, services):
    dockerfile = (root / "deploy/exporter/Dockerfile").read_text()
    assert re.search(r"^USER windsock$", dockerfile, re.MULTILINE)
    assert services["exporter"]["read_only"] is True
    assert services["exporter"]["cap_drop"] == ["ALL"]
    assert json.loads(re.search(r"^CMD (.+)$", dockerfile, re.MULTILINE)[1]) == services["exporter"]["command"]


def test_grafana_is_provisioned_with_the_data_source_and_the_folder_of_dashboards(root, services, mounted):
    provisioning = root / "deploy/grafana/provisioning"
    sources = yaml_load.load((provisioning / "datasources/windsock.yaml").read_text())["datasources"]
    assert len({source["uid"] for source in sources}) == len(sources)
    assert [source["type"] for source in sources if source.get("isDefault")] == ["prometheus"]
    scrape = yaml_load.load((root / "deploy/prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
    assert sources[0]["jsonData"]["timeInterval"] == scrape
    metrics, logs = yaml_load.load((provisioning / "dashboards/windsock.yaml").read_text())["providers"]
    targets = {target: source for source, target, _ in mounted(services["grafana"])}
    assert list((root / targets[metrics["options"]["path"]]).glob("*.json"))
    board = root / targets[f"{logs['options']['path']}/airflow-logs.json"]
    assert json.loads(board.read_text())["uid"] == "windsock-logs"
    assert (metrics["allowUiUpdates"], logs["allowUiUpdates"]) == (False, False)
    read = re.findall(r"\$__file\{/run/secrets/(\w+)\}", (provisioning / "datasources/windsock.yaml").read_text())
    assert set(read) == {"web_password", "logs_read_key"} < set(services["grafana"]["secrets"])


def test_no_limit_that_matters_is_left_to_the_other_programs_default(root, services):
    provisioning = root / "deploy/grafana/provisioning"
    sources = yaml_load.load((provisioning / "datasources/windsock.yaml").read_text())["datasources"]
    # Grafana 12 cuts a variable's values at 40,000; the exporter's budget allows more.
    assert sources[0]["jsonData"]["seriesLimit"] == 0

    prometheus = yaml_load.load((root / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = (job for job in prometheus["scrape_configs"] if job["job_name"] == "windsock")
    limits = ("sample_limit", "label_limit", "label_value_length_limit", "body_size_limit")
    assert {limit: job[limit] for limit in limits} == dict.fromkeys(limits, 0)
    rules = yaml_load.load((root / "alerts/generated/rules.yml").read_text())
    assert {group["limit"] for group in rules["groups"]} == {0}

    def flags(name):
        return dict(flag.removeprefix("--").partition("=")[::2] for flag in services[name]["command"])

    assert {"query.max-samples", "query.timeout", "storage.tsdb.retention.time"} <= set(flags("prometheus"))
    assert int(flags("prometheus")["alertmanager.notification-queue-capacity"]) >= 2 * 10_000
    assert int(flags("alertmanager")["web.get-concurrency"]) >= 64
    route = yaml_load.load((root / "alerts/generated/alertmanager.yml").read_text())["route"]
    hours = [
        int(text.removesuffix("h")) for text in (flags("alertmanager")["data.retention"], route["repeat_interval"])
    ]
    assert hours[0] > 2 * hours[1]
    assert {name for name, service in services.items() if "nofile" in service.get("ulimits", {})} == {
        "exporter",
        "prometheus",
        "elasticsearch",
        "filebeat",
    }


@pytest.mark.parametrize(
    ("service", "names"),
    [("prometheus", ["prometheus"]), ("alertmanager", ["prometheus-alertmanager", "alertmanager"])],
)
def test_the_programs_know_the_flags_of_their_services(services, service, names):
    path = next(filter(None, map(shutil.which, names)), None) or pytest.fail(f"{service} is not installed")
    known = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=60, check=False)
    for flag in services[service]["command"]:
        assert re.search(rf"{re.escape(flag.partition('=')[0])}\b", known.stdout + known.stderr), flag


def airflows(override):
    """The services that run Airflow: all but its database."""
    return [service for name, service in override["services"].items() if name != "postgres"]


def test_the_exporter_reads_a_database_and_remembers_over_a_restart(services, root, mounted):
    exporter = services["exporter"]
    assert exporter["environment"]["AIRFLOW_DATABASE_FILE"] == "/run/secrets/airflow_database"
    kept = place(None, "airflow", exporter["environment"])
    assert ("exporter", str(kept.parent)) in [(source, target) for source, target, _ in mounted(exporter)]
    assert f"install -d -o windsock -m 0700 {kept.parent}" in (root / "deploy/exporter/Dockerfile").read_text()


def test_the_override_gives_airflow_settings_that_windsock_understands(override, services):
    for service in airflows(override):
        environment = service["environment"]
        assert environment["AIRFLOW__METRICS__STATSD_HOST"] in services
        assert environment["AIRFLOW__METRICS__STATSD_PORT"] == "9125"
        # Compose makes one dollar of two.
        given = {name: value.replace("$$", "$") for name, value in environment.items()}
        config = settings.load(environ=given, cwd=False)
        assert config.alertmanager.urls == ("http://alertmanager:9093",)
        assert config.exporter.statsd.prefix == environment["AIRFLOW__METRICS__STATSD_PREFIX"]


def test_the_override_meets_the_stack_in_one_network_and_one_volume(override, compose):
    assert override["networks"]["windsock"] == {"external": True, "name": compose["networks"]["airflow"]["name"]}
    assert override["volumes"]["airflow-logs"] == {"external": True, "name": compose["volumes"]["airflow-logs"]["name"]}
    assert all(service["networks"] == ["default", "windsock"] for service in override["services"].values())
    for service in airflows(override):
        assert service["volumes"] == ["airflow-logs:/opt/airflow/logs"]


def test_the_installation_has_one_name_in_all_files(root, override):
    name = settings.load(root / "deploy/windsock.yaml", environ={}).cluster
    assert f"cluster: {name}" in (root / "deploy/filebeat/filebeat.yml").read_text()
    assert {service["environment"]["WINDSOCK__CLUSTER"] for service in airflows(override)} == {name}


def test_the_windsock_yaml_that_the_page_shows_is_valid(root, tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", (root / "docs/compose.md").read_text(), re.DOTALL)
    (tmp_path / "windsock.yaml").write_text(example)
    config = settings.load(tmp_path / "windsock.yaml", environ={})
    assert config.teams["payments"].slack == "#payments"


def test_the_commands_that_the_page_shows_work(root, tmp_path, monkeypatch):
    page = (root / "docs/compose.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "windsock.yaml").write_text(example)
    (tmp_path / "deploy").mkdir()
    shutil.copy(root / "deploy/windsock.yaml", tmp_path / "deploy")
    monkeypatch.chdir(tmp_path)
    commands = [line for line in re.findall(r"^windsock (.+)$", page, re.MULTILINE) if "prune" not in line]
    assert len(commands) == 5
    # An Elasticsearch takes these; `make matrix ARGS=compose` has one.
    commands.remove("logs install --config deploy/logs-admin.yaml")
    for line in commands:
        result = CliRunner().invoke(command, line.split(), input="y\n")
        assert result.exit_code == 0, f"{line}: {result.output} {result.exception}"
    assert {path.name for path in (tmp_path / "my/alerts").iterdir()} >= {
        "rules.yml",
        "alertmanager.yml",
        "windsock.tmpl",
    }
    assert "slack_token" in (tmp_path / "my/alerts/alertmanager.yml").read_text()
