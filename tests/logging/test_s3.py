"""Remote logs on S3 beside Elasticsearch: an S3 that is a server of its own, and a real Airflow that uploads to it."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from real.airflow import Airflow
from real.server import free_port

from windsock.airflow.versions import NEWEST

from .conftest import Shipping

DAG = """
from datetime import datetime
import time
from airflow.sdk import dag, task

@dag(schedule=None, catchup=False)
def kept():
    @task
    def talk():
        for n in range(30):
            print("line", n, flush=True)
            time.sleep(0.1)
    talk()

kept()
"""


@pytest.fixture
def bucket():
    """What reads a log out of a bucket, and the variables that have Airflow upload to it and delete its own files."""
    import boto3  # noqa: PLC0415  each worker imports all modules, and one needs these
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{port}"
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="logs")

    def read(name):
        found = client.list_objects_v2(Bucket="logs", Prefix=f"airflow/{name}")
        if not found["KeyCount"]:
            return ""
        return client.get_object(Bucket="logs", Key=f"airflow/{name}")["Body"].read().decode()

    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    store = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    yield (
        read,
        {
            "AIRFLOW__CORE__PARALLELISM": "2",  # LocalExecutor forks so many workers before its first task
            "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
            "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "s3://logs/airflow",
            "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "store",
            "AIRFLOW__LOGGING__DELETE_LOCAL_LOGS": "True",
            "AIRFLOW_CONN_STORE": json.dumps(store),
        },
    )
    server.stop()


def test_elasticsearch_is_asked_first_and_s3_for_what_is_not_there(tmp_path, elasticsearch, bucket):
    read, variables = bucket
    shipping = Shipping(tmp_path, elasticsearch, "beside-s3", {})
    built = (tmp_path / "built" / "airflow-3.environment").read_text()
    variables |= dict(line.split("=", 1) for line in built.splitlines() if line and not line.startswith("#"))
    airflow = Airflow(f"{NEWEST}-s3", {"kept.py": DAG}, variables)
    shipping.logs.rmdir()
    configuration = (tmp_path / "built" / "filebeat.yml").read_text().replace(str(shipping.logs), str(airflow.logs))
    (shipping.filebeat.folder / "filebeat.yml").write_text(configuration)
    try:
        airflow.start("api", "scheduler", "dag-processor")
        shipping.filebeat.up()
        airflow.wait_for_dags("kept")
        run = airflow.trigger("kept")
        assert airflow.finish("kept", run) == "success"
        name = f"dag_id=kept/run_id={run}/task_id=talk/attempt=1.log"
        text = airflow.wait(lambda: read(name), 30, "the log on S3")
        kept = [json.loads(line)["event"] for line in text.splitlines()]
        assert [line for line in kept if line.startswith("line ")] == [f"line {n}" for n in range(30)]
        assert not (airflow.logs / name).exists()

        def shown():
            place = f"/dags/kept/dagRuns/{quote(run, safe='')}/taskInstances/talk/logs/1"
            content = airflow.api("GET", f"{place}?full_content=true")["content"]
            end = next(n for n, line in enumerate(content) if line["event"] == "::endgroup::")
            return str(content[:end]), [line["event"] for line in content[end + 1 :]]

        shipping.until(lambda: "lines in Elasticsearch" in shown()[0])
        assert shown()[1] == kept, "of both places each line is shown once"

        for index in elasticsearch.ask("GET", "beside-s3-2*"):
            elasticsearch.ask("DELETE", index)
        said, lines = shown()
        assert "s3://logs/airflow" in said
        assert lines == kept
    finally:
        shipping.filebeat.stop()
        airflow.remove()
