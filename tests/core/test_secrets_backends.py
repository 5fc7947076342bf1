"""A connection that a secrets backend of Airflow holds is a credential, as one in its database is: docs/secrets.md."""

from __future__ import annotations

import json
import subprocess

import boto3
from moto.server import ThreadedMotoServer
from real import environments

from windsock.airflow.versions import NEWEST

SECRET = "xoxb-kept-elsewhere"
BACKEND = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
LOOK = """
from windsock import secrets

print("found", secrets.value("slack_alerts", "channels.slack.token"))
try:
    secrets.value("nobody", "teams.pay.pagerduty")
except Exception as error:
    print("error", error)
"""


def test_aws_secrets_manager(tmp_path):
    """Airflow's own backend of its provider for Amazon, and a server that speaks as AWS does."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        aws = boto3.client(
            "secretsmanager", "eu-central-1", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
        )
        kept = json.dumps({"conn_type": "generic", "password": SECRET})
        aws.create_secret(Name="airflow/connections/slack_alerts", SecretString=kept)
        given = {"connections_prefix": "airflow/connections", "variables_prefix": None}
        done = subprocess.run(
            [environments.airflow(f"{NEWEST}-s3") / "bin" / "python", "-c", LOOK],
            env={
                "AIRFLOW_HOME": str(tmp_path),
                "HOME": str(tmp_path),
                "PATH": "/usr/bin:/bin",
                "AIRFLOW__SECRETS__BACKEND": BACKEND,
                "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(given),
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ENDPOINT_URL": url,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr[-3000:]
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("found ", "error ")))
    assert said["found"] == SECRET
    assert said["error"].startswith("the connection nobody, which teams.pay.pagerduty names, can't be read (")
    assert SECRET not in said["error"]
