"""Grafana, where it is installed: the data source and the dashboards' folder, provisioned by file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .addresses import HOST, port
from .configuration import SCRAPE
from .process import Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .addresses import Addresses
    from .folder import Folder


def part(command: Sequence[str], folder: Folder, addresses: Addresses, base: Mapping[str, str]) -> Part:
    """The part; its provisioning files are written here."""
    place = folder.run / "grafana"
    for kind, content in _provisioning(folder, addresses).items():
        file = place / "provisioning" / kind / "windsock.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
    options = {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(port(addresses.grafana)),
        "GF_PATHS_DATA": str(place / "data"),
        "GF_PATHS_LOGS": str(place / "logs"),
        "GF_PATHS_PLUGINS": str(place / "plugins"),
        "GF_PATHS_PROVISIONING": str(place / "provisioning"),
        # It listens on loopback only, and there is nobody else to log in.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Admin",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    }
    home = _home(Path(command[0]))
    return Part(
        "grafana",
        (*command, *(("--homepath", str(home)) if home else ())),
        {**base, **options},
        f"{addresses.url('grafana')}/api/health",
        patience=180,
    )


def _provisioning(folder: Folder, addresses: Addresses) -> dict[str, dict[str, object]]:
    sources: list[dict[str, object]] = [
        {
            "name": "Prometheus",
            "uid": "windsock-prometheus",
            "type": "prometheus",
            "access": "proxy",
            "url": addresses.url("prometheus"),
            "isDefault": True,
            # Variables list all values, however many DAGs there are.
            "jsonData": {"timeInterval": SCRAPE, "seriesLimit": 0},
        }
    ]
    if addresses.elasticsearch:
        sources.append(
            {
                "name": "Airflow logs",
                "uid": "windsock-logs",
                "type": "elasticsearch",
                "access": "proxy",
                "url": addresses.url("elasticsearch"),
                "jsonData": {
                    "index": "airflow-logs-*",
                    "timeField": "@timestamp",
                    "logMessageField": "event",
                    "logLevelField": "level",
                },
            }
        )
    return {
        "datasources": {"apiVersion": 1, "datasources": sources},
        "dashboards": {
            "apiVersion": 1,
            "providers": [
                {
                    "name": "windsock",
                    "folder": "windsock",
                    "type": "file",
                    "allowUiUpdates": False,
                    "options": {"path": str(folder.run / "dashboards")},
                }
            ],
        },
    }


def _home(program: Path) -> Path | None:
    """Grafana's own files: beside its program in an archive, in /usr/share in a package."""
    places = (program.resolve().parent.parent, Path("/usr/share/grafana"))
    return next((place for place in places if (place / "conf" / "defaults.ini").is_file()), None)
