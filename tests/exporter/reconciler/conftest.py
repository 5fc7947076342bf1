"""Real databases and real Alertmanagers, with a reconciler between them whose passes are made by hand."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
from real.alertmanager import Alertmanager, Messages
from real.tables import Database
from real.waiting import until
from real.workers import end_with_group

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.events import Event
from windsock.exporter.reconciler import logfile
from windsock.exporter.reconciler.reconciler import alone
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from real.databases import Postgres

_clusters = (f"cluster-{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def messages() -> Iterator[Messages]:
    server = Messages()
    yield server
    server.close()


@pytest.fixture(scope="session")
def alertmanager(messages: Messages) -> Iterator[Alertmanager]:
    """One for all tests, each of which has a cluster of its own."""
    server = Alertmanager(Settings(), messages)
    end_with_group(server.remove)
    yield server
    server.remove()


@pytest.fixture
def cluster() -> str:
    return next(_clusters)


@pytest.fixture
def database(postgres: Postgres, databases) -> Database:
    """The newest Airflow's tables on PostgreSQL, empty."""
    return _empty(postgres, NEWEST, databases)


@pytest.fixture(
    params=[f"{engine} {version}" for engine in ("postgresql", "mysql", "sqlite") for version in (NEWEST, OLDEST)]
)
def any_database(request, databases) -> Database:
    """Each Airflow's tables on each engine, empty."""
    engine, _, version = request.param.partition(" ")
    server = request.getfixturevalue({"postgresql": "postgres", "mysql": "mariadb"}.get(engine, engine))
    return _empty(server, version, databases)


def _empty(server: Any, version: str, databases: dict[tuple[str, str], Database]) -> Database:
    key = server.name, version
    if key not in databases:
        databases[key] = Database(server, version)
    databases[key].empty()
    return databases[key]


class Bench:
    """A reconciler, and what it reads and tells."""

    def __init__(self, database: Database, alertmanager: Alertmanager, messages: Messages, settings: Settings) -> None:
        self.database = database
        self.alertmanager = alertmanager
        self.messages = messages
        self.settings = settings
        self.reconciler = alone(settings, database.url)

    @property
    def cluster(self) -> str:
        return self.settings.cluster

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.reconciler.step()
        assert self.reconciler.problem() == ""

    def again(self) -> None:
        """As after a kill: nothing is left but the store."""
        self.reconciler.close()
        self.reconciler = alone(self.settings, self.database.url)

    def firing(self, **labels: str) -> list[tuple[str, ...]]:
        """What fires in Alertmanager."""
        names = ("alertname", "dag_id", "run_id", "task_id")
        found = self.alertmanager.alerts(cluster=self.cluster, **labels)
        return sorted(
            tuple(alert["labels"][name] for name in names if name in alert["labels"])
            for alert in found
            if alert["labels"]["alertname"] != "WindsockReconciling"
        )

    def annotations(self, **labels: str) -> dict[str, str]:
        found = self.alertmanager.alerts(cluster=self.cluster, **labels)
        (alert,) = [alert for alert in found if alert["labels"]["alertname"] != "WindsockReconciling"]
        return alert["annotations"]

    def told(self, wanted: dict[str, tuple[int, int]]) -> None:
        """By DAG: how often its failures were newly firing, and newly resolved; waits until it is so, and stays so."""
        until(lambda: self._told() == wanted, why=lambda: str(self._told()))
        time.sleep(0.3)
        assert self._told() == wanted

    def _told(self) -> dict[str, tuple[int, int]]:
        firing, resolved = self.messages.news("cluster", "dag_id")
        mine = {key for key in (*firing, *resolved) if key[0] == self.cluster}
        return {key[1]: (firing[key], resolved[key]) for key in mine}

    def metric(self, name: str) -> float | None:
        text = render(list(self.reconciler.stores()), TEXT).decode()
        found = [line.rpartition(" ") for line in text.splitlines() if line.startswith(name)]
        values = {start: float(value) for start, _, value in found}
        return values.get(name)

    def callback(self, dag_id: str, task_id: str | None, run: int, **given: Any) -> Event:
        """Post what a callback posts."""
        annotations = {"exception": "ValueError: no price", "summary": "it failed", "failed_at": "2026-01-01T00:00:00Z"}
        event = Event(
            given.pop("alertname", "AirflowTaskFailed" if task_id else "AirflowDagRunFailed"),
            self.cluster,
            dag_id,
            f"run_{run}",
            task_id=task_id,
            team=given.pop("team", "default"),
            severity=given.pop("severity", "warning"),
            annotations={**annotations, **given},
        )
        from datetime import datetime, timezone  # noqa: PLC0415

        self.alertmanager.post(event.alert(datetime.now(timezone.utc)))
        return event


@pytest.fixture
def bench(alertmanager, messages, cluster, tmp_path, monkeypatch) -> Iterator[Callable[..., Bench]]:
    """`bench(database, **settings)`."""
    # Nor is it a folder of logs that does.
    monkeypatch.setattr(logfile, "_PATIENCE", 60.0)
    made: list[Bench] = []

    def make(database: Database, **settings: Any) -> Bench:
        given = {
            "cluster": cluster,
            "alertmanager": {"urls": [alertmanager.url]},
            **settings,
            # A machine that stalls is no database that hangs.
            "metadata": {"timeout": "60s", **settings.get("metadata", {})},
        }
        given["reconcile"] = {"store": str(tmp_path / f"{given['cluster']}.db"), **settings.get("reconcile", {})}
        made.append(Bench(database, alertmanager, messages, Settings.model_validate(given)))
        return made[-1]

    yield make
    for one in made:
        one.reconciler.close()
        alertmanager.end(cluster=one.cluster)
    messages.posts.clear()
