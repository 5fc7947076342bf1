"""What channels count, as a real Airflow's StatsD client sends it and the exporter reads it."""

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from real import environments

from windsock import catalog
from windsock.exporter.statsd.names import Ids, Names

TELL = """
import json, os, sys, time
import airflow  # most of what a process costs; what follows it reads the environment
sys.path.insert(0, sys.argv[1])

def tell():
    from windsock import settings
    from windsock.callbacks.delivery import deliver
    from windsock.events import Event
    loaded = settings.load(cwd=False)
    for team, run in (("pay", "r1"), ("pay", "r1"), ("gone.to", "r2"), ("wrong", "r3")):
        event = Event("AirflowTaskFailed", "airflow", "orders", run, task_id="load", team=team, severity="warning",
                      annotations={"summary": "orders: load failed"})
        deliver(event, loaded, time.monotonic() + 60)

for environ in json.loads(sys.argv[2]):
    child = os.fork()
    if not child:
        os.environ.update(environ)
        tell()
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
"""
COUNTED = {
    ("sent", "slack", "pay", ""),
    ("held", "slack", "pay", ""),
    ("failed", "email", "gone.to", "unreachable"),
    ("spooled", "email", "gone.to", ""),
    ("failed", "slack", "wrong", "rejected"),
    ("dead", "slack", "wrong", "rejected"),
}


@pytest.mark.parametrize("version", environments.VERSIONS)
def test_each_way_is_counted_by_channel_and_team(direct, inbox, tmp_path, version):
    direct["teams"] = {
        "pay": {"slack": "#pay"},
        "gone.to": {"email": "a@example.org"},
        "wrong": {"slack": "#is_archived"},
    }
    direct["channels"]["email"]["smarthost"] = "127.0.0.1:1"
    environment = {
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "SLACK_TOKEN": os.environ["SLACK_TOKEN"],
        "AIRFLOW__METRICS__STATSD_ON": "True",
    }
    with contextlib.ExitStack() as stack:
        listeners = {tagged: stack.enter_context(_listener()) for tagged in (True, False)}
        cases = []
        for tagged, listener in listeners.items():
            config = tmp_path / f"{tagged}.yaml"
            direct["callbacks"]["spool"]["dir"] = str(tmp_path / f"spool-{tagged}")
            config.write_text(json.dumps(direct))
            cases.append(
                {
                    "WINDSOCK_CONFIG": str(config),
                    "AIRFLOW__METRICS__STATSD_PORT": str(listener.getsockname()[1]),
                    "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": str(tagged),
                }
            )
        python = environments.airflow(version) / "bin" / "python"
        command = [str(python), "-c", TELL, str(Path(__file__).parents[2]), json.dumps(cases)]
        subprocess.run(command, env=environment, timeout=120, check=True, capture_output=True)
        received = {tagged: _received(listener) for tagged, listener in listeners.items()}
    for tagged, lines in received.items():
        ours = [line for line in lines if ".channel." in line]
        assert all(("," in line) is tagged for line in ours), "the dialect that was asked for"
        assert {_read(line) for line in ours if line.endswith("|c")} == COUNTED
        timed = [line for line in lines if "channel.duration" in line]
        assert len(timed) == 3
        assert all(0 < float(line.partition(":")[2].partition("|")[0]) < 60_000 for line in timed), "milliseconds"


def _listener():
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return listener


def _received(listener):
    listener.setblocking(False)
    lines = []
    try:
        while True:
            lines += listener.recv(65536).decode().split("\n")
    except BlockingIOError:
        return lines


def _read(line):
    """Outcome, channel, team and reason, as the exporter understands the line."""
    name = line.partition(":")[0].removeprefix("airflow.")
    if "," in name:
        name, *pairs = name.split(",")
        labels = dict(pair.split("=", 1) for pair in pairs)
    else:
        labels = Names(catalog.statsd(), Ids()).find(name).labels
        name = ".".join(name.split(".")[:3])
    return name.rsplit(".", 1)[1], labels["channel"], labels["team"], labels.get("reason", "")
