"""Prometheus and Alertmanager with the files of the compose file: nobody in without the password, the parts go on."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import bcrypt
import pytest
import yaml
from real.programs import current
from real.server import find, free_port

PASSWORD = "of-this-test-alone"


@pytest.fixture
def stack(services, mounted, root, tmp_path):
    """Both programs as their services say, below a folder and on ports of their own; their addresses."""
    ports = {"prometheus:9090": free_port(), "alertmanager:9093": free_port()}
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    running = []

    def local(text):
        text = text.replace("localhost:9090", "prometheus:9090").replace("127.0.0.1:9090", "prometheus:9090")
        text = text.replace("127.0.0.1:9093", "alertmanager:9093")
        for name, port in ports.items():
            text = text.replace(name, f"127.0.0.1:{port}")
        return text.replace("/etc/", f"{tmp_path}/etc/").replace("/run/", f"{tmp_path}/run/")

    (tmp_path / "run/secrets").mkdir(parents=True)
    (tmp_path / "run/secrets/web_password").write_text(PASSWORD)
    for name in ("prometheus", "alertmanager"):
        for source, target, _ in mounted(services[name]):
            place = tmp_path / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if target.endswith("/secrets"):
                place.mkdir()
            elif source.startswith("."):
                path = root / source
                shutil.copytree(path, place) if path.is_dir() else shutil.copy(path, place)
        (tmp_path / f"run/secrets/{name}_web").write_text(yaml.safe_dump({"basic_auth_users": {"windsock": hashed}}))
        for config in (tmp_path / f"etc/{name}/{name}.yml", tmp_path / f"etc/{name}/http.yml"):
            config.write_text(local(config.read_text()))
    programs = {"prometheus": find("prometheus", "prometheus"), "alertmanager": str(current("alertmanager"))}
    for (name, port), data in zip(ports.items(), ("--storage.tsdb.path", "--storage.path"), strict=True):
        flags = [local(flag) for flag in services[name.partition(":")[0]]["command"] if not flag.startswith(data)]
        flags = [flag for flag in flags if not flag.startswith("--web.external-url")]
        own = [f"{data}={tmp_path / 'data'}-{port}", f"--web.listen-address=127.0.0.1:{port}"]
        with (tmp_path / f"log-{port}").open("w") as log:
            command = [programs[name.partition(":")[0]], *flags, *own]
            running.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=tmp_path))
    yield {name.partition(":")[0]: f"http://127.0.0.1:{port}" for name, port in ports.items()}, local
    for process in running:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def status(url, password=None):
    login = base64.b64encode(f"windsock:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={} if password is None else {"Authorization": f"Basic {login}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except OSError:
        return 0, b""


def until(ask, seconds=90):
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


def test_nobody_reads_or_silences_without_the_password_and_the_parts_have_it(stack, services):
    addresses, local = stack
    for name, paths in {
        "prometheus": ("/api/v1/query?query=up", "/metrics"),
        "alertmanager": ("/api/v2/silences", "/api/v2/alerts"),
    }.items():
        until(lambda name=name: status(f"{addresses[name]}/-/ready", PASSWORD)[0] == 200)
        for path in paths:
            assert status(addresses[name] + path)[0] == 401
            assert status(addresses[name] + path, "wrong")[0] == 401
            assert status(addresses[name] + path, PASSWORD)[0] == 200

    for name, program in {"prometheus": "promtool", "alertmanager": "amtool"}.items():
        _, _, *arguments = services[name]["healthcheck"]["test"]
        done = subprocess.run(
            [current(program), *map(local, arguments)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def scraped():
        targets = json.loads(status(f"{addresses['prometheus']}/api/v1/targets", PASSWORD)[1])["data"]["activeTargets"]
        health = {target["labels"]["job"]: target["health"] for target in targets}
        return health if {health.get("prometheus"), health.get("alertmanager")} == {"up"} else None

    assert until(scraped)
    told = json.loads(status(f"{addresses['prometheus']}/api/v1/alertmanagers", PASSWORD)[1])["data"]
    assert [one["url"] for one in told["activeAlertmanagers"]] == [f"{addresses['alertmanager']}/api/v2/alerts"]
