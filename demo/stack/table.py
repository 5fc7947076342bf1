"""The addresses, as a person reads them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .addresses import port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .addresses import Addresses
    from .folder import Folder
    from .programs import Programs

PREVIEW = "the dashboards; on a machine with Grafana (https://grafana.com/grafana/download) they are there"
SHIPPED = "the logs: a line below says when; what is missing for that is made the first time, in minutes"


def lines(addresses: Addresses, folder: Folder, found: Programs, version: str | None) -> Iterator[str]:
    """The table, and what an Airflow of the user's needs where none was started."""
    url = addresses.url
    rows = [
        ("Airflow", url("airflow") if version else "not started", f"version {version}, no password" if version else ""),
        ("Inbox", url("inbox"), "what Slack, PagerDuty and a mail program would show"),
        ("Prometheus", f"{url('prometheus')}/alerts", ""),
        ("Alertmanager", url("alertmanager"), ""),
        ("Exporter", f"{url('exporter')}/metrics", f"StatsD on {', '.join(addresses.statsd)}"),
        ("Grafana", url("grafana"), "no password") if found.grafana else ("Preview", url("grafana"), PREVIEW),
        *([("Elasticsearch", url("elasticsearch"), SHIPPED)] if addresses.elasticsearch else []),
        ("Doctor", str(folder.scripts / "doctor"), "what is wrong with it, and what mends it"),
        ("Files", str(folder.run), "configuration, data, logs/, and a script a part in bin/"),
    ]
    width = max(len(place) for _, place, _ in rows)
    yield ""
    for name, place, note in rows:
        yield f"  {name:13} {place:{width}}  {note}".rstrip()
    if version is None:
        yield ""
        yield "  To attach an Airflow of your own, start its processes with:"
        statsd = next((place for place in addresses.statsd if place.startswith("udp://")), addresses.statsd[0])
        for name, value in {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": port(statsd),
            "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "WINDSOCK_CONFIG": folder.settings,
        }.items():
            yield f"    export {name}={shlex.quote(str(value))}"
        if addresses.elasticsearch:
            yield f"  Its pages read logs back with airflow-*.environment in {folder.run / 'filebeat'}."
    yield ""
