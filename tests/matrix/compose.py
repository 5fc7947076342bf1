"""docker-compose.observability.yaml runs: each service as a process with its command, user, environment and files.

`make matrix ARGS=compose` runs it, as root. What no registry for programs serves is left out or stands in: Grafana;
Filebeat 8.19 (the oldest one runs, on what `windsock logs build` makes of the same windsock.yaml); Elasticsearch's own
image. Maven's server lacks the analyzers that its index of keys needs, so it runs here with security off: with it on
it starts, its health check answers and the superuser installs the templates, but it makes no key.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import bcrypt
import pytest
import yaml
from real import command, compose
from real.containers import Engine, Image
from real.programs import current
from real.waiting import until

from windsock import parts
from windsock.demo.stack import shipping

ROOT = compose.ROOT
BIN = ROOT / ".venv" / "bin"
HOME = ROOT / ".windsock"
AIRFLOW = HOME / f"airflow-{parts.AIRFLOW.current}"
PATIENCE = 400.0
"""Seconds that Airflow may take until a task has failed."""
PASSWORD = "of-this-test-alone"
INBOX = "127.0.0.1:8025"
ELASTICSEARCH = """#!/bin/bash
set -e
# What Elastic's entry point makes of the environment: a setting of each variable with a dot.
test -n "$ELASTIC_PASSWORD"
kept=/usr/share/elasticsearch/data
set -- bin/elasticsearch -Expack.security.enabled=false
set -- "$@" -Epath.data=$kept -Epath.logs=$kept/logs -Enetwork.host=0.0.0.0
for one in $(env | grep -E '^[a-z.]+=' | grep -v '^xpack'); do set -- "$@" "-E$one"; done
cd "$ES_HOME" && exec "$@"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What a user has made: windsock.yaml, alerts, secrets, and .env."""
    folder = tmp_path_factory.mktemp("compose")
    values = yaml.safe_load((ROOT / "deploy/windsock.yaml").read_text())
    values["channels"] = {"slack": {"api_url": f"http://{INBOX}/slack/api", "token": "${SLACK_TOKEN}"}}
    values["teams"] = {"data": {"match": {"tag": "team:data"}, "slack": "#data-alerts"}}
    (folder / "windsock.yaml").write_text(yaml.safe_dump(values))
    for build in ("alerts build --out alerts", "logs build --filebeat-version 7.17 --out logs"):
        done = command.windsock(*build.split(), cwd=folder, environ=os.environ)
        assert done.returncode == 0, done.stderr
    secrets = folder / "secrets"
    (secrets / "channels").mkdir(parents=True)
    (secrets / "channels" / "slack_token").write_text("xoxb-of-this-test")
    users = yaml.safe_dump(
        {"basic_auth_users": {"windsock": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}}
    )
    for name in compose.read()["secrets"]:
        (secrets / name).write_text({"prometheus_web": users, "alertmanager_web": users}.get(name, PASSWORD))
    secrets.chmod(0o700)
    (folder / "docker-entrypoint.sh").write_text(ELASTICSEARCH)
    (folder / "docker-entrypoint.sh").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def stack(place):
    """The services by name, and the engine that runs them."""
    file = compose.read(
        {
            "WINDSOCK_CONFIG_FILE": str(place / "windsock.yaml"),
            "WINDSOCK_ALERTS": str(place / "alerts"),
            "WINDSOCK_SECRETS": str(place / "secrets"),
            "LOGS_TARGETS": "./deploy/prometheus/logs.yml",
        }
    )
    services = {name: service for name, service in file["services"].items() if name != "grafana"}
    engine = Engine(place, ROOT, list(file["services"]))
    inbox = subprocess.Popen(
        engine.inside(BIN / "windsock", "inbox", "--listen", INBOX, "--smtp-listen", "127.0.0.1:0"),
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        start(engine, place, "elasticsearch", services["elasticsearch"])
        url = "http://localhost:9200"
        until(lambda: ask(engine, url).get("version"), PATIENCE, lambda: engine.log("elasticsearch"))
        install(engine)
        for name, service in services.items():
            if name != "elasticsearch":
                start(engine, place, name, service)
        yield services, engine
    finally:
        engine.end()
        inbox.kill()
        inbox.wait()


def start(engine, place, name, service):
    engine.start(name, service, IMAGES[name](), mounts(place, name, service))


def install(engine):
    """What docs/compose.md has a user do with Elasticsearch's superuser."""
    admin = str(ROOT / "deploy/logs-admin.yaml")
    command = ("env", f"ELASTIC_PASSWORD={PASSWORD}", str(BIN / "windsock"), "logs", "install", "--config", admin)
    done = engine.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def ours():
    return Image(("windsock",), {"windsock": str(BIN / "windsock"), "python": str(BIN / "python")})


def prometheus():
    return Image(
        ("prometheus",), {name: str(current(name)) for name in ("prometheus", "promtool")}, workdir="/prometheus"
    )


def alertmanager():
    return Image(
        ("alertmanager",), {name: str(current(name)) for name in ("alertmanager", "amtool")}, workdir="/alertmanager"
    )


def elasticsearch():
    home = shipping.elasticsearch(HOME, print)
    conf = "/usr/share/elasticsearch/config"
    java = shipping.environment(Path("/tmp"))["ES_JAVA_HOME"]
    variables = {"ES_HOME": str(home), "ES_PATH_CONF": conf, "ES_JAVA_HOME": java}
    return Image(
        environment=variables,
        reads=(f"{home}/bin/elasticsearch", f"{java}/bin/java"),
        copies={conf: str(home / "config")},
    )


def filebeat():
    return Image(programs={"filebeat": str(shipping.filebeat(HOME, print))}, workdir="/usr/share/filebeat")


def airflow():
    programs = {"airflow": str(AIRFLOW / "bin/airflow"), "python": str(AIRFLOW / "bin/python")}
    # In the image 50000 is a user with a name.
    home = {
        "AIRFLOW_HOME": "/opt/airflow",
        "HOME": "/opt/airflow",
        "USER": "airflow",
        "PYTHONPATH": "/package",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{AIRFLOW}/bin:/usr/local/bin:/usr/bin:/bin",
    }
    return Image(("sh", "-c", 'umask 0002 && exec airflow "$@"', "airflow"), programs, home, "/opt/airflow")


IMAGES = {
    "exporter": ours,
    "log-watch": ours,
    "prometheus": prometheus,
    "alertmanager": alertmanager,
    "elasticsearch": elasticsearch,
    "filebeat": filebeat,
    "airflow": airflow,
}


def mounts(place, name, service):
    """What the engine would mount: files of the tree, named volumes of the service's own user, secrets."""
    found = [(ROOT / source, target, mode) for source, target, mode in compose.mounts(service) if source[0] in "./"]
    for source, target, mode in compose.mounts(service):
        if source[0] in "./":
            continue
        volume = place / "volumes" / source
        if not volume.exists():
            volume.mkdir(parents=True)
            uid, _, gid = service["user"].partition(":")
            # Airflow's logs are a volume of its image: of its user, and for its group.
            shutil.chown(volume, *(map(int, ("50000", "0") if source == "airflow-logs" else (uid, gid))))
            volume.chmod(0o775)
        found.append((volume, target, mode))
    found += [(place / "secrets" / one, f"/run/secrets/{one}", "ro") for one in service.get("secrets", [])]
    if name == "filebeat":
        found = [one for one in found if one[1] != "/usr/share/filebeat/filebeat.yml"]
        found.append((place / "logs" / "filebeat.yml", "/usr/share/filebeat/filebeat.yml", "ro"))
    if name == "elasticsearch":
        found.append((place / "docker-entrypoint.sh", "/usr/local/bin/docker-entrypoint.sh", "ro"))
    if name == "airflow":
        # This tree's windsock, as the image has it: the environment's own may be an older one.
        (place / "package").mkdir()
        (place / "package" / "windsock").symlink_to(ROOT / "windsock")
        found.append((place / "package", "/package", "ro"))
        home = place / "volumes" / "airflow-home"
        home.mkdir(parents=True)
        shutil.chown(home, 50000, 0)
        found.insert(0, (home, "/opt/airflow", "rw"))
    return found


def ask(engine, url, body=None):
    sent = () if body is None else ("-H", "Content-Type: application/json", "-d", json.dumps(body))
    done = engine.run("curl", "-s", "-m", "10", "-u", f"windsock:{PASSWORD}", *sent, url)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


@pytest.mark.parametrize("name", sorted(set(IMAGES) - {"elasticsearch"}))
def test_a_service_becomes_healthy_by_its_own_check(stack, name):
    services, engine = stack
    until(lambda: engine.healthy(name, services[name]), PATIENCE, lambda: engine.log(name))


def test_prometheus_scrapes_every_part_and_its_rules_work(stack):
    _, engine = stack

    def up():
        found = ask(engine, "http://localhost:9090/api/v1/query?query=up").get("data", {}).get("result", [])
        jobs = {one["metric"]["job"]: one["value"][1] for one in found}
        return jobs == dict.fromkeys(("windsock", "windsock-logs", "prometheus", "alertmanager"), "1")

    until(up, PATIENCE, lambda: engine.log("prometheus") + engine.log("log-watch"))
    groups = ask(engine, "http://localhost:9090/api/v1/rules")["data"]["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}


def test_a_failing_tasks_page_arrives(stack):
    _, engine = stack

    def page():
        messages = ask(engine, f"http://{INBOX}/api/messages").get("messages", [])
        return [one for one in messages if "orders_load" in json.dumps(one) and one["channel"] == "#data-alerts"]

    found = json.dumps(until(page, PATIENCE, lambda: engine.log("airflow") + engine.log("alertmanager")))
    assert "ConnectionError" in found
    assert "hunter2" not in found


def test_its_log_line_is_found_in_elasticsearch(stack):
    _, engine = stack
    wanted = {"query": {"query_string": {"query": "dag_id:orders_load AND refused"}}}

    def hits():
        return ask(engine, "http://localhost:9200/airflow-logs-*/_search", wanted).get("hits", {}).get("hits")

    found = until(hits, PATIENCE, lambda: engine.log("filebeat"))
    assert found[0]["_source"]["task_id"] == "load"
    assert "hunter2" not in json.dumps(found)


def test_no_service_is_root_or_can_become_it(stack):
    _, engine = stack
    for name in engine.running:
        pid = engine.pid(name)
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert "0" not in status["Uid"].split(), name
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, name
        assert status["NoNewPrivs"] == "1", name
