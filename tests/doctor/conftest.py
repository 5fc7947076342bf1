"""A whole installation on this machine: exporter, Prometheus, Alertmanager and a metadata database, in good health."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from real.databases import SQLiteFolder
from real.installation import Installation
from real.server import free_port
from real.tables import Database
from real.waiting import until

from windsock.airflow.versions import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def installation(whole: Installation) -> Installation:
    """It works as it is configured: what the test before has changed is over."""
    until(lambda: whole.alertmanager.alerts(alertname="Watchdog"))
    return whole


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    database = Database(SQLiteFolder(folder), NEWEST)
    database.dag("orders_load")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLACK_TOKEN", "xoxb-1")
        patch.setenv("AIRFLOW_DB", database.url)
        patch.setenv("AIRFLOW_HOME", str(folder / "nowhere"))
        found = Installation(folder, database=database)
        found.prometheus.wait()
        yield found
        found.close()


@pytest.fixture
def closed() -> str:
    """The URL of a port where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def respond() -> Iterator[Callable[[bytes], str]]:
    """Start a server that answers everything with these bytes; returns its URL."""
    with contextlib.ExitStack() as running:

        def start(content: bytes) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

                def log_message(self, *args: Any) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            running.callback(server.server_close)
            running.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start
