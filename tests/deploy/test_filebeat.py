"""Filebeat in the compose file: what `windsock logs build` makes of deploy/windsock.yaml, where it looks for it."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys

import pytest
import yaml

from windsock import settings

RUN = "/var/log/airflow/dag_id=team.data/run_id=scheduled__2026-11-22T05:28:52.841238+00:00/task_id=load.a"


@pytest.fixture(scope="module")
def filebeat(root):
    return yaml.safe_load((root / "deploy/filebeat/filebeat.yml").read_text())


@pytest.fixture(scope="module")
def tasks(filebeat):
    return filebeat["filebeat.inputs"][0]


def test_the_files_are_what_windsock_makes(root):
    command = [sys.executable, "-m", "windsock", "logs", "build", "--check", "--filebeat-version", "8.19"]
    where = ["--config", "deploy/windsock.yaml", "--out", "deploy/filebeat"]
    done = subprocess.run([*command, *where], capture_output=True, text=True, cwd=root, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path",
    [f"{RUN}/attempt=1.log", f"{RUN}/map_index=0/attempt=12.log", f"{RUN}/attempt=1.log.trigger.7.log"],
)
def test_the_logs_of_tasks_and_triggers_are_read(tasks, path):
    assert any(fnmatch.fnmatchcase(path, pattern) for pattern in tasks["paths"])


@pytest.mark.parametrize("path", ["/var/log/airflow/dag_processor/latest/zoo.py.log", f"{RUN}/notes.txt"])
def test_other_files_are_not(tasks, path):
    assert not any(fnmatch.fnmatchcase(path, pattern) for pattern in tasks["paths"])


def test_its_template_is_installed_before_with_more_than_its_key_may(root, filebeat):
    assert filebeat["setup.template.enabled"] is False
    folder = root / "deploy/filebeat/elasticsearch"
    for template, index in (
        ("airflow-logs", "airflow-logs-2026.11.22"),
        ("airflow-logs-undated", "airflow-logs-undated"),
    ):
        patterns = json.loads((folder / f"index_template.{template}.json").read_text())["index_patterns"]
        assert any(fnmatch.fnmatchcase(index, pattern) for pattern in patterns)
    admin, ours = (settings.load(root / f"deploy/{name}.yaml", environ={}).logs for name in ("logs-admin", "windsock"))
    assert (admin.index, admin.replicas, admin.lifecycle) == (ours.index, ours.replicas, ours.lifecycle)


def test_it_speaks_to_the_elasticsearch_of_the_stack_with_a_key_of_its_own(filebeat, services):
    output = filebeat["output.elasticsearch"]
    (host,) = output["hosts"]
    assert host == "http://elasticsearch:9200"
    assert "elasticsearch" in services
    assert output["api_key"] == "${LOGS_API_KEY}"
    assert "username" not in output
    assert 'LOGS_API_KEY="$(cat /run/secrets/logs_write_key)" exec filebeat' in services["filebeat"]["entrypoint"][-1]


def test_the_logs_of_the_volume_are_where_filebeat_looks(tasks, services, mounted):
    targets = {target: source for source, target, _ in mounted(services["filebeat"])}
    assert targets["/var/log/airflow"] == "airflow-logs"
    assert all(path.startswith("/var/log/airflow/") for path in tasks["paths"])
