"""Where each part of one run listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import ports

if TYPE_CHECKING:
    from windsock.settings import Settings
    from windsock.settings.sources import Source

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Addresses:
    """HOST:PORT, but for `statsd`: URLs, of which the first is the one that the demo's Airflow sends to."""

    airflow: str
    worker_logs: str
    trigger_logs: str
    exporter: str
    statsd: tuple[str, ...]
    prometheus: str
    alertmanager: str
    inbox: str
    smtp: str
    grafana: str
    """Where it is not installed, of the dashboards' preview, whose pages have the same addresses."""
    elasticsearch: str = ""
    """Empty, and the two below too, where no logs are shipped."""
    filebeat: str = ""
    log_watch: str = ""

    def url(self, part: str) -> str:
        """`http://127.0.0.1:8080`: how this machine reaches `part`."""
        host, _, port = str(getattr(self, part)).rpartition(":")
        return f"http://{HOST if host in ('', '0.0.0.0', '[::]') else host}:{port}"  # noqa: S104  it is compared only


def choose(source: Source, settings: Settings, *, own_airflow: bool, logs: bool = False) -> Addresses:
    """Take free loopback ports for all parts.

    What the configuration says of the exporter's addresses is kept beside them, and so are its defaults where no
    Airflow is started, because an Airflow of the user's has to find it. Raises StackError where one of those is taken.
    """
    pool = ports.Ports()

    def address() -> str:
        return f"{HOST}:{pool.free()}"

    def configured(*key: str) -> bool:
        return key in source.origins or not own_airflow

    exporter, web = address(), ("exporter", "web", "listen")
    if configured(*web):
        exporter = settings.exporter.web.listen
        ports.require(exporter, ".".join(web), source.origin(web))
    statsd, listen = [], ("exporter", "statsd", "listen")
    if own_airflow:
        statsd.append(f"udp://{HOST}:{pool.free(socket.SOCK_DGRAM)}")
    if configured(*listen):
        for place in settings.exporter.statsd.listen:
            ports.require(place, ".".join(listen), source.origin(listen))
            statsd.append(place)
    return Addresses(
        airflow=address(),
        worker_logs=address(),
        trigger_logs=address(),
        exporter=exporter,
        statsd=tuple(statsd),
        prometheus=address(),
        alertmanager=address(),
        inbox=address(),
        smtp=address(),
        grafana=address(),
        elasticsearch=address() if logs else "",
        filebeat=address() if logs else "",
        log_watch=address() if logs else "",
    )


def port(address: str) -> int:
    """The port of HOST:PORT or of a URL."""
    return urlsplit(address if "//" in address else f"//{address}").port or 0
