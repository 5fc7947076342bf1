"""A connection that a secrets backend of Airflow holds is a credential, as one in its database is: docs/secrets.md."""

from __future__ import annotations

import json
import subprocess

from real import environments

from windsock.airflow.versions import NEWEST

SECRET = "xoxb-kept-elsewhere"
CONNECTION = {"conn_type": "generic", "password": SECRET}
BACKEND = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
LOOK = """
from windsock import secrets

print("found", secrets.value("slack_alerts", "channels.slack.token"))
try:
    secrets.value("nobody", "teams.pay.pagerduty")
except Exception as error:
    print("error", error)
"""


def look(folder, place, **variables):
    """What a process of that Airflow says when it asks for one that is kept and one that is not."""
    done = subprocess.run(
        [environments.airflow(place) / "bin" / "python", "-c", LOOK],
        env={"AIRFLOW_HOME": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin", **variables},
        cwd=folder,
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


def test_a_file_of_airflows_local_filesystem_backend(tmp_path):
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"slack_alerts": CONNECTION}))
    look(
        tmp_path,
        NEWEST,
        AIRFLOW__SECRETS__BACKEND="airflow.secrets.local_filesystem.LocalFilesystemBackend",
        AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"connections_file_path": str(file)}),
    )


def test_aws_secrets_manager(tmp_path):
    """Airflow's own backend of its provider for Amazon, and a server that speaks as AWS does."""
    # Each of pytest's workers imports each module of tests: these two cost half a second.
    import boto3  # noqa: PLC0415
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        aws = boto3.client(
            "secretsmanager", "eu-central-1", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
        )
        aws.create_secret(Name="airflow/connections/slack_alerts", SecretString=json.dumps(CONNECTION))
        look(
            tmp_path,
            f"{NEWEST}-s3",
            AIRFLOW__SECRETS__BACKEND=BACKEND,
            AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"connections_prefix": "airflow/connections"}),
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION="eu-central-1",
            AWS_ENDPOINT_URL=url,
        )
    finally:
        server.stop()
