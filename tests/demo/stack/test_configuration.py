"""The files of one run: the user's teams count, and nothing leaves this machine."""

import json
import shutil
import subprocess

import pytest
import yaml

from windsock import links, settings
from windsock.demo.stack import addresses, configuration, grafana
from windsock.exceptions import SettingsError
from windsock.settings import validate
from windsock.settings.sources import Source, read
from windsock.teams import DagFacts, route


def test_the_demo_routes_its_failures_to_a_team_and_the_rest_to_the_admins(folder, places):
    effective = configuration.write(folder, Source(), places)
    assert effective.cluster == "demo"
    assert route(DagFacts("orders_load", tags=("team:data", "tier:1")), effective) == ("data", "critical")
    assert effective.teams["data"].slack == "#data-alerts"
    assert effective.defaults.slack == "#slack-admin"
    # Callbacks too know where the runbooks are: the demo's workers are on the same machine.
    assert links.runbook(effective.links, "Watchdog") == f"{places.url('exporter')}/runbooks/Watchdog"
    assert settings.load(folder.settings, {}) == effective


def test_messages_and_alerts_stay_on_this_machine_whatever_the_file_and_the_environment_say(folder, places, tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_text(
        """
cluster: prod
alertmanager: {urls: ["https://alertmanager.example.org"], http: {bearer: "${AM}"}, version: "0.35"}
prometheus: {urls: ["https://prometheus.example.org"], version: auto, query_offset: 1m}
channels:
  slack: {token: "${SLACK}", webhook: "${HOOK}"}
  pagerduty: {url: "https://events.pagerduty.com/v2/enqueue"}
  email: {smarthost: "mail.example.org:25", username: me, password: "${MAIL}"}
exporter: {web: {config_file: /etc/tls.yml}, naming: helm-chart}
links: {airflow: "https://airflow.example.org", runbooks: "https://wiki.example.org"}
teams:
  search: {match: {dag: "*"}, pagerduty: "${PD_SEARCH}", slack: "#search"}
  data: {match: {owner: data}, pagerduty: pagerduty_data, webhook: "https://hooks.example.org/x", opsgenie: "${OG}"}
  chat: {match: {owner: chat}, msteams: "${TEAMS}", apprise: ["${APPRISE}"]}
defaults: {webhook: "https://hooks.example.org/y", slack: "#all"}
"""
    )
    source = read(file, {"WINDSOCK__CHANNELS__SLACK__API_URL": "https://slack.com/api"})
    effective = configuration.write(folder, source, places)
    written = folder.settings.read_text()
    for far in (
        "example.org:25",
        "alertmanager.example.org",
        "prometheus.example.org",
        "query_offset",
        "slack.com",
        "pagerduty.com",
        "${HOOK}",
        "${MAIL}",
        "tls.yml",
        "hooks.example.org",
        "${OG}",
        "${TEAMS}",
        "${APPRISE}",
    ):
        assert far not in written
    assert effective.alertmanager.urls == (places.url("alertmanager"),)
    # Those that the stack starts may be older than the user's.
    assert (effective.alertmanager.version, effective.prometheus.version) == ("0.25", "2.42")
    assert effective.exporter.naming == "helm-chart"
    assert effective.links.airflow == places.url("airflow")
    assert effective.links.runbooks == "https://wiki.example.org"
    # The user's teams are tried before the demo's.
    assert list(effective.teams) == ["search", "data", "chat", "payments"]
    assert route(DagFacts("orders_load", tags=("team:data",)), effective)[0] == "search"
    secrets = {file.name: file.read_text() for file in folder.secrets.iterdir()}
    assert secrets.keys() == {"windsock_slack_token", "pd_search", "pagerduty_data"}
    assert all(len(secrets[name]) == 32 for name in ("pd_search", "pagerduty_data"))


def test_values_that_fit_alone_but_not_together_are_an_error(folder, places):
    with pytest.raises(SettingsError, match=r"teams: "):
        configuration.write(folder, Source(values={"teams": ["data"]}), places)


def test_prometheus_takes_its_file_and_scrapes_with_the_cluster_as_the_target_s_label(folder, places):
    configuration.write(folder, Source(values={"cluster": "prod"}), places)
    (folder.run / "alerts").mkdir()
    (folder.run / "alerts" / "rules.yml").write_text("groups: []\n")
    checked = subprocess.run(
        ["promtool", "check", "config", str(folder.run / "prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (job,) = yaml.safe_load((folder.run / "prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": [places.exporter], "labels": {"cluster": "prod"}}]


def test_logs_are_read_where_the_airflow_writes_them_and_go_nowhere_else(folder, tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_text(
        """
logs:
  folder: /srv/airflow/logs
  format: text
  index: ours
  template: /etc/template.json
  elasticsearch: {urls: ["https://es.example.org"], api_key: "${KEY}"}
"""
    )
    source = read(file, {})
    places = addresses.choose(source, validate(source), own_airflow=True, logs=True)
    demo = configuration.write(folder, source, places).logs
    assert (demo.folder, demo.format) == (str(folder.run / "airflow-home" / "logs"), "json")
    shutil.rmtree(folder.run / "dags")
    theirs = configuration.write(folder, source, places, own_airflow=False).logs
    assert (theirs.folder, theirs.format) == ("/srv/airflow/logs", "text")
    assert (demo.index, theirs.index, theirs.template) == ("ours", "ours", None)
    assert "es.example.org" not in folder.settings.read_text()
    jobs = {
        job["job_name"]: job for job in yaml.safe_load((folder.run / "prometheus.yml").read_text())["scrape_configs"]
    }
    assert jobs["windsock-logs"]["file_sd_configs"] == [{"files": ["watched.json"]}]


def test_the_reconciler_keeps_its_memory_in_the_folder_of_the_run(folder, places):
    for said in ({}, {"reconcile": True}, {"reconcile": {"window": "2h", "store": "/var/lib/windsock/r.db"}}):
        effective = configuration.write(folder, Source(values=said), places)
        assert effective.reconcile.store == str(folder.run / "reconciler.db")
        assert effective.reconcile.logs == str(folder.run / "airflow-home" / "logs")
        shutil.rmtree(folder.run / "dags")
    assert effective.reconcile.window == 7200


def test_the_demo_s_dags_are_copied(folder, places):
    configuration.write(folder, Source(), places)
    names = sorted(path.name for path in (folder.run / "dags").iterdir())
    assert names == ["orders_etl.py", "orders_load.py", "payments_settle.py", "reports_render.py"]


def test_grafana_is_provisioned_by_file(folder, places):
    part = grafana.part(["/opt/grafana/bin/grafana", "server"], folder, places, {"HOME": "/nowhere"})
    assert part.url == f"{places.url('grafana')}/api/health"
    assert part.environment["HOME"] == "/nowhere"
    provisioning = folder.run / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "windsock.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", places.url("prometheus"))
    assert source["jsonData"]["timeInterval"] == configuration.SCRAPE
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "windsock.yaml").read_text())["providers"]
    assert provider["options"]["path"] == str(folder.run / "dashboards")
    assert part.environment["GF_PATHS_PROVISIONING"] == str(provisioning)
    assert json.dumps(dict(part.environment))


def test_grafana_knows_elasticsearch_where_logs_are_shipped(folder):
    source = Source()
    places = addresses.choose(source, validate(source), own_airflow=True, logs=True)
    grafana.part(["grafana", "server"], folder, places, {})
    text = (folder.run / "grafana" / "provisioning" / "datasources" / "windsock.yaml").read_text()
    prometheus, logs = yaml.safe_load(text)["datasources"]
    assert prometheus["isDefault"]
    assert (logs["type"], logs["url"]) == ("elasticsearch", places.url("elasticsearch"))
