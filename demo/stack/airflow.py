"""The demo's Airflow: how it is told what to do, and how it is asked what it did."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from windsock.database import AIRFLOW_URLS

from .addresses import port

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from .addresses import Addresses
    from .folder import Folder

TIMEOUT = 5.0
PATIENCE = 300
"""Seconds that its start may take."""
READER = "windsock.logging.airflow3.LOGGING_CONFIG"


def database(folder: Folder) -> str:
    """The URL of its metadata database, which it makes itself."""
    return f"sqlite:///{_home(folder) / 'airflow.db'}"


def _home(folder: Folder) -> Path:
    return folder.run / "airflow-home"


def environment(venv: Path, folder: Folder, addresses: Addresses) -> dict[str, str]:
    """The variables that its components, and every other command of this Airflow, are started with."""
    home, url = _home(folder), addresses.url("airflow")
    options: dict[str, dict[str, Any]] = {
        "core": {
            "dags_folder": folder.run / "dags",
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "parallelism": 4,
            # No password: it listens on loopback only.
            "simple_auth_manager_all_admins": True,
            "execution_api_server_url": f"{url}/execution/",
        },
        "api": {
            "host": "127.0.0.1",
            "port": port(addresses.airflow),
            "base_url": url,
            "workers": 1,
            "secret_key": secrets.token_hex(),
        },
        "api_auth": {"jwt_secret": secrets.token_hex(64)},
        "logging": {
            "worker_log_server_port": port(addresses.worker_logs),
            "trigger_log_server_port": port(addresses.trigger_logs),
            **({"logging_config_class": READER} if addresses.elasticsearch else {}),
        },
        "metrics": {
            "statsd_on": True,
            "statsd_host": "127.0.0.1",
            "statsd_port": port(addresses.statsd[0]),
            "statsd_prefix": "airflow",
            "statsd_influxdb_enabled": True,
        },
        # On a busy machine the API server is there long after the scheduler, and its first answers take longer than the
        # default of 5 s: tasks fail unstarted, and the first page would be about that; of one that may be
        # tried again, the scheduler of 3.4.0b2 dies.
        "workers": {
            "execution_api_timeout": 60,
            "execution_api_retries": PATIENCE,
            "execution_api_retry_wait_max": 1,  # seconds
        },
        # What a user puts into the folder of DAGs is there soon; the default is five minutes. What nobody changes
        # need not be parsed every half a minute.
        "dag_processor": {
            "dag_bundle_storage_path": home / "bundles",
            "refresh_interval": 5,
            "min_file_process_interval": 60,
        },
    }
    return {
        "AIRFLOW_HOME": str(home),
        AIRFLOW_URLS[0]: database(folder),
        # Tasks look for `airflow` there.
        "PATH": f"{venv / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "WINDSOCK_CONFIG": str(folder.settings),
        # Nothing of the demo stays behind, nor is delivered by another installation's callbacks.
        "WINDSOCK__CALLBACKS__SPOOL__DIR": str(home / "spool"),
        **{
            f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
            for section, values in options.items()
            for key, value in values.items()
        },
    }


def is_healthy(answer: requests.Response) -> bool:
    """Whether `GET /api/v2/monitor/health` says so of all that the demo needs."""
    parts = answer.json() if answer.ok else {}
    return all(
        (parts.get(name) or {}).get("status") == "healthy"
        for name in ("metadatabase", "scheduler", "dag_processor", "triggerer")
    )


class Airflow:
    """Its REST API, with the token that everyone gets where all are admins."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session
        self._token = ""

    def first_failure(self, dag_id: str) -> dict[str, Any] | None:
        """The first task instance of the DAG that failed for good, as the API gives it. Raises OSError."""
        found = self._get(
            f"/api/v2/dags/{dag_id}/dagRuns/~/taskInstances", state="failed", order_by="end_date", limit="1"
        )
        instances: list[dict[str, Any]] = found["task_instances"]
        return instances[0] if instances else None

    def _get(self, path: str, **query: str) -> Any:
        if not self._token:
            answer = self._session.get(f"{self._url}/auth/token", timeout=TIMEOUT)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._session.get(self._url + path, params=query, headers=headers, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()


def moment(text: str) -> float:
    """Unix time of an RFC 3339 text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
