"""A real installation that faults are planted in: Airflow on a PostgreSQL, and all that `windsock doctor` looks at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml
from real.airflow import Airflow
from real.databases import Postgres
from real.elasticsearch import Elasticsearch
from real.installation import Installation, settings
from real.server import free_port
from real.waiting import until

from windsock.doctor.examination import examine
from windsock.exporter.database.grants import statements
from windsock.logging.mappings import files

if TYPE_CHECKING:
    from pathlib import Path

    from windsock.doctor.finding import Finding

ROLE = "windsock"


class Stack:
    """Its parts, and what windsock.yaml says of them."""

    def __init__(self, version: str, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.postgres = Postgres()
        url = self.postgres.create("airflow")
        metrics = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(self.port)}
        metrics["STATSD_INFLUXDB_ENABLED"] = "True"
        self.usual = {f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()}
        self.airflow = Airflow(version, {}, self.usual, url)
        (self.airflow.folder / "airflow.cfg").touch()
        self.sql(*(one for one in statements(url, ROLE) if not one.startswith("--")))
        self.database = self.postgres.url("airflow", ROLE)
        os.environ |= {"AIRFLOW_DB": self.database, "SLACK_TOKEN": "xoxb-1"}
        self.installation = Installation(folder, self.port)
        self.installation.prometheus.wait()
        # What has it in its environment ends with Airflow: the servers may not have it.
        os.environ["AIRFLOW_HOME"] = str(self.airflow.folder)
        self._elasticsearch: Elasticsearch | None = None

    def sql(self, *texts: str) -> None:
        """As Airflow's own role."""
        with self.postgres.admin("airflow").begin() as connection:
            for text in texts:
                connection.exec_driver_sql(text)

    def schedule(self, **changes: str) -> None:
        """A scheduler of which these variables differ: `METRICS__STATSD_ON`."""
        self.airflow.stop()
        given = {f"AIRFLOW__{name}": value for name, value in changes.items()}
        for place in (self.airflow.variables, os.environ):
            for name in [name for name in place if name.startswith(("AIRFLOW__METRICS__", "AIRFLOW__LOGGING__LOG_F"))]:
                del place[name]
        self.airflow.variables |= {**self.usual, **given}
        if self.airflow.major == "2":
            # It hides its variables after a while; the doctor then takes those of the shell that it runs in.
            os.environ |= {**self.usual, **given}
        self.airflow.start("scheduler")
        until(self._beats, 180)

    def _beats(self) -> bool:
        with self.postgres.admin("airflow").connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT count(*) FROM job WHERE job_type = 'SchedulerJob' AND state = 'running'"
                " AND latest_heartbeat > now() - interval '30 s'"
            )
            return bool(found.scalar())

    def look(self, **sections: Any) -> list[Finding]:
        """What the doctor finds, the good and the unseen too."""
        statsd = {"statsd": {"listen": [f"udp://127.0.0.1:{self.port}"]}}
        return examine(self.installation.settings(**{"exporter": statsd, **sections}))

    def heard(self) -> bool:
        """Whether the exporter has had a line."""
        running = self.installation.__dict__.get("exporter")
        return running is not None and running.rates.arrived() is not None

    def alertmanager(self, text: str | None = None, **changes: Any) -> str:
        """Give Alertmanager another file; `changes` are of its sections. Returns what it had."""
        server = self.installation.alertmanager
        before = (server.folder / "alertmanager.yml").read_text()
        (server.folder / "alertmanager.yml").write_text(text or yaml.safe_dump({**yaml.safe_load(before), **changes}))
        server.reload()
        return before

    @property
    def elasticsearch(self) -> Elasticsearch:
        """Started where a fault first needs it."""
        if self._elasticsearch is None:
            home = os.environ.pop("AIRFLOW_HOME")
            self._elasticsearch = Elasticsearch()
            os.environ["AIRFLOW_HOME"] = home
            self.templates()
        return self._elasticsearch

    def logs(self) -> dict[str, Any]:
        """The section of windsock.yaml."""
        urls = [self.elasticsearch.url]
        # What package registries serve of Elasticsearch has no lifecycle.
        return {"folder": "/logs", "index": "airflow", "lifecycle": False, "elasticsearch": {"urls": urls}}

    def templates(self) -> None:
        """As `windsock logs install` puts them there."""
        for path, body in files(settings(logs=self.logs())).items():
            answer = self.elasticsearch.ask("PUT", path, body)
            assert answer.get("acknowledged"), answer

    def close(self) -> None:
        """End everything."""
        self.installation.close()
        self.airflow.remove()
        if self._elasticsearch is not None:
            self._elasticsearch.remove()
        self.postgres.remove()
