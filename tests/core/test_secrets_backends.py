"""A connection that a secrets backend of Airflow holds is a credential, as one in its database is: docs/secrets.md."""

from __future__ import annotations

import json
import subprocess

from real import environments

from windsock.airflow.versions import NEWEST

SECRET = "xoxb-kept-elsewhere"
LOOK = """
from windsock import secrets

print("found", secrets.value("slack_alerts", "channels.slack.token"))
try:
    secrets.value("nobody", "teams.pay.pagerduty")
except Exception as error:
    print("error", error)
"""


def test_a_file_of_airflows_local_filesystem_backend(tmp_path):
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"slack_alerts": {"conn_type": "generic", "password": SECRET}}))
    backend = {
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(file)}),
    }
    done = subprocess.run(
        [environments.airflow(NEWEST) / "bin" / "python", "-c", LOOK],
        env={"AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **backend},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("found ", "error ")))
    assert said["found"] == SECRET
    assert said["error"].startswith("the connection nobody, which teams.pay.pagerduty names, can't be read (")
    assert SECRET not in said["error"]
