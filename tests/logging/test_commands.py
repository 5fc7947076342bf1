"""`windsock logs build`, `install`, `prune`: files, errors, exit codes; and that what is in the tree is up to date."""

from __future__ import annotations

import json

import pytest
import yaml


@pytest.mark.parametrize("version", ["7.17", "8.19", "9.x"])
def test_one_version_is_one_filebeat_yml(version, tmp_path, windsock):
    done = windsock("build", "--filebeat-version", version, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*") if path.is_file()
    )
    assert written == [
        "airflow-2.11.environment",
        "airflow-3.environment",
        "elasticsearch/api_key.airflow.json",
        "elasticsearch/api_key.filebeat.json",
        "elasticsearch/component_template.airflow-logs-mappings.json",
        "elasticsearch/component_template.airflow-logs-settings.json",
        "elasticsearch/ilm.policy.airflow-logs.json",
        "elasticsearch/index_template.airflow-logs-rejected.json",
        "elasticsearch/index_template.airflow-logs-undated.json",
        "elasticsearch/index_template.airflow-logs.json",
        "filebeat.yml",
        "grafana.json",
        "kibana.ndjson",
    ]
    assert windsock("build", "--filebeat-version", version, "--out", "out", "--check", cwd=tmp_path).returncode == 0
    (tmp_path / "out" / "filebeat.yml").write_text("changed")
    (tmp_path / "out" / "left.txt").write_text("over")
    done = windsock("build", "--filebeat-version", version, "--out", "out", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert "out/filebeat.yml, out/left.txt" in done.stderr


def test_the_settings_reach_every_file(tmp_path, windsock):
    (tmp_path / "windsock.yaml").write_text(
        """
cluster: prod
logs:
  folder: /var/logs
  index: prod-logs
  retention: 90d
  shards: 3
  elasticsearch: {urls: ["https://es-1:9200", "https://es-2:9200"], api_key: "${ES_KEY}", ca_file: /ca.pem}
  components:
    files: {scheduler: /var/log/scheduler.log*}
    containers: {worker: ["/var/log/containers/airflow-worker-*.log"]}
    journald: {triggerer: airflow-triggerer.service}
teams:
  payments: {match: {dag: ["pay_*"], owner: [x]}}
"""
    )
    assert windsock("build", "--filebeat-version", "9.x", "--out", "out", cwd=tmp_path).returncode == 0
    filebeat = yaml.safe_load((tmp_path / "out" / "filebeat.yml").read_text())
    tasks, canary, scheduler, worker, triggerer = filebeat["filebeat.inputs"]
    assert tasks["paths"][0] == "/var/logs/dag_id=*/run_id=*/task_id=*/attempt=*.log*"
    assert scheduler["paths"] == ["/var/log/scheduler.log*"]
    assert "container" in worker["parsers"][0]
    assert (triggerer["type"], triggerer["fields"]) == ("journald", {"source": "triggerer"})
    assert canary["paths"] == ["/var/logs/windsock/canary.log*"]
    assert len({one["id"] for one in filebeat["filebeat.inputs"]}) == 5
    output = filebeat["output.elasticsearch"]
    assert output["hosts"] == ["https://es-1:9200", "https://es-2:9200"]
    assert (output["api_key"], output["ssl.certificate_authorities"]) == ("${ES_KEY}", ["/ca.pem"])
    params = filebeat["processors"][0]["script"]["params"]
    assert [team["team"] for team in params["teams"]] == ["payments"]
    elasticsearch = tmp_path / "out" / "elasticsearch"
    policy = json.loads((elasticsearch / "ilm.policy.prod-logs.json").read_text())["policy"]["phases"]
    # A day's index is made a day before its last line is written.
    assert (policy["warm"]["min_age"], policy["delete"]["min_age"]) == ("96h", f"{91 * 24}h")
    key = json.loads((elasticsearch / "api_key.filebeat.json").read_text())["role_descriptors"]["prod-logs-filebeat"]
    assert key["indices"] == [{"names": ["prod-logs-*"], "privileges": ["create_doc", "auto_configure"]}]
    for version in ("3", "2.11"):
        text = (tmp_path / "out" / f"airflow-{version}.environment").read_text()
        assert "WINDSOCK__CLUSTER=prod\n" in text
        assert "WINDSOCK__LOGS__INDEX=prod-logs\n" in text
        assert "WINDSOCK__LOGS__ELASTICSEARCH__API_KEY=${ES_KEY}\n" in text


def test_a_team_is_known_by_its_dags(ship):
    from .conftest import task_file  # noqa: PLC0415

    shipping = ship(rest={"teams": {"payments": {"match": {"dag": ["pay_*"]}}, "all": {"match": {"dag": "*.x"}}}})
    for dag in ("pay_now", "other", "a.x", "xpay_"):
        task_file(shipping.logs, '{"timestamp":"2026-11-22T05:00:00Z","event":"e"}\n', dag=dag)
    shipping.filebeat.up()
    found = {hit["_source"]["dag_id"]: hit["_source"].get("team") for hit in shipping.arrived(4)}
    assert found == {"pay_now": "payments", "other": None, "a.x": "all", "xpay_": None}


DAGS = """\
# HELP airflow_db_dag_info Always 1; the labels say whose the DAG is.
# TYPE airflow_db_dag_info gauge
airflow_db_dag_info{dag_id="lake.orders",owner="ada, data-eng",team="lake",severity="warning",tags="x"} 1
airflow_db_dag_info{dag_id="constructor",owner="",team="default",severity="warning",tags=""} 1
airflow_db_dag_info{dag_id="pay_now",owner="bob",team="payments",severity="warning",tags="team:payments"} 1
airflow_db_dag_paused{dag_id="lake.orders"} 0
"""


def test_team_and_owners_come_from_what_the_collector_exports(ship, tmp_path):
    from .conftest import task_file  # noqa: PLC0415

    shipping = ship(rest={"teams": {"all": {"match": {"dag": ["constr*", "pay_*"]}}}})
    (tmp_path / "metrics.txt").write_text(DAGS)
    built = ("build", "--filebeat-version", "7.17", "--out", str(tmp_path / "out"))
    shipping.windsock(*built, "--dags", str(tmp_path / "metrics.txt"))
    shipping.windsock(*built, "--dags", str(tmp_path / "metrics.txt"), "--check")
    (shipping.filebeat.folder / "filebeat.yml").write_text((tmp_path / "out" / "filebeat.yml").read_text())
    for dag in ("lake.orders", "constructor", "pay_now", "toString"):
        task_file(shipping.logs, '{"timestamp":"2026-11-22T05:00:00Z","event":"e"}\n', dag=dag)
    shipping.filebeat.up()
    lines = [hit["_source"] for hit in shipping.arrived(4)]
    assert {line["dag_id"]: (line.get("team"), line.get("owner")) for line in lines} == {
        "lake.orders": ("lake", ["ada", "data-eng"]),
        "constructor": ("all", None),
        "pay_now": ("payments", ["bob"]),
        "toString": (None, None),
    }


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("none.txt", "--dags none.txt: can't be read (No such file or directory); expected an exporter's /metrics"),
        ("torn.txt", "--dags torn.txt: not an exposition; expected an exporter's /metrics, or a file of it"),
        ("empty.txt", "--dags empty.txt: no airflow_db_dag_info in it; is the exporter given a metadata.url?"),
        (
            "http://me:pa55word9@127.0.0.1:1/metrics",
            "--dags http://me:***@127.0.0.1:1/metrics: can't be read (ConnectionE",
        ),
    ],
)
def test_a_table_that_can_not_be_had_is_one_line(where, message, tmp_path, windsock):
    (tmp_path / "empty.txt").write_text("up 1\n")
    (tmp_path / "torn.txt").write_text('airflow_db_dag_info{dag_id="a",ow')
    done = windsock("build", "--out", "out", "--dags", where, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert message in done.stderr
    assert "pa55word9" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("index: Upper", "logs.index"),
        ("format: xml", "logs.format"),
        ("retention: 1h", "logs.retention"),
        ("elasticsearch: {urls: [ftp://x]}", "logs.elasticsearch.urls"),
        ("elasticsearch: {api_key: 'abcdefghijklmnopqrstuvwxyz1234'}", "logs.elasticsearch.api_key"),
    ],
)
def test_what_can_not_be_is_an_error_that_names_the_key(settings, message, tmp_path, windsock):
    (tmp_path / "windsock.yaml").write_text(f"logs:\n  {settings}\n")
    done = windsock("build", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "abcdefghijkl" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_no_server_is_one_line(tmp_path, windsock):
    (tmp_path / "windsock.yaml").write_text('logs: {elasticsearch: {urls: ["http://127.0.0.1:9"]}}\n')
    for command in ("install", "prune"):
        done = windsock(command, cwd=tmp_path)
        assert done.returncode == 1
        assert "http://127.0.0.1:9 can't be reached" in done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "windsock.yaml").write_text('logs: {elasticsearch: {api_key: "${NOT_SET}"}}\n')
    done = windsock("prune", cwd=tmp_path)
    assert (done.returncode, "NOT_SET is not set" in done.stderr) == (2, True)


def test_a_server_without_lifecycle_says_what_to_do(ship, tmp_path, elasticsearch, windsock):
    (tmp_path / "windsock.yaml").write_text(f'logs: {{elasticsearch: {{urls: ["{elasticsearch.url}"]}}}}\n')
    done = windsock("install", cwd=tmp_path)
    assert done.returncode == 1
    assert "logs.lifecycle: false" in done.stderr


def test_filebeat_can_load_the_template_itself(ship, tmp_path, elasticsearch):
    from .conftest import task_file  # noqa: PLC0415

    shipping = ship(template=str(tmp_path / "ship0" / "built" / "template.json"))
    for name in (shipping.index, f"{shipping.index}-rejected"):
        elasticsearch.ask("DELETE", f"_index_template/{name}")
    task_file(shipping.logs, '{"timestamp":"2026-11-22T05:00:00Z","event":"e","lineno":"no","kind":"odd"}\n')
    shipping.filebeat.up()
    ((hit),) = shipping.arrived(1)
    mapping = elasticsearch.ask("GET", f"{hit['_index']}/_mapping")[hit["_index"]]["mappings"]
    assert mapping["dynamic"] == "false"
    assert mapping["properties"]["log_id"]["type"] == "keyword"
