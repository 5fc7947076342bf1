"""What Airflow is told, in each form in which an Airflow is configured; all say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock import yaml_dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from windsock.settings import Settings

PLACE = "/etc/windsock/windsock.yaml"
"""Where Airflow's processes find the file, in containers and beside a service."""
_MADE = "# Made by `windsock init`: "
_SERVICES = ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker")
"""Those of Airflow's own compose file."""


def options(config: Settings, exporter: str) -> dict[str, str]:
    """The section `metrics` of airflow.cfg; `exporter` is HOST:PORT."""
    host, _, port = exporter.rpartition(":")
    return {
        "statsd_on": "True",
        "statsd_host": host,
        "statsd_port": port,
        "statsd_prefix": config.exporter.statsd.prefix,
        # Tags instead of names with ids inside: ids with dots in them stay whole.
        "statsd_influxdb_enabled": "True",
    }


def variables(config: Settings, exporter: str) -> dict[str, str]:
    """The same as environment, and where windsock.yaml is."""
    metrics = {f"AIRFLOW__METRICS__{key.upper()}": value for key, value in options(config, exporter).items()}
    return {**metrics, "WINDSOCK_CONFIG": PLACE}


def environment(config: Settings, exporter: str, text: str) -> str:
    """A file for systemd's EnvironmentFile, or `docker run --env-file`."""
    del text
    lines = [f"{key}={value}" for key, value in variables(config, exporter).items()]
    return "\n".join([f"{_MADE}the environment of each of Airflow's processes.", *lines, ""])


def cfg(config: Settings, exporter: str, text: str) -> str:
    """A part of airflow.cfg."""
    del text
    lines = [f"{key} = {value}" for key, value in options(config, exporter).items()]
    head = f"{_MADE}for airflow.cfg; windsock.yaml belongs to {PLACE}, or $WINDSOCK_CONFIG says where it is."
    return "\n".join([head, "[metrics]", *lines, ""])


def helm(config: Settings, exporter: str, text: str) -> str:
    """Values for Airflow's official Helm chart."""
    mount = {"name": "windsock", "mountPath": PLACE.rpartition("/")[0], "readOnly": True}
    values: dict[str, Any] = {
        "statsd": {"enabled": False},
        "config": {"metrics": options(config, exporter)},
        "env": [{"name": "WINDSOCK_CONFIG", "value": PLACE}],
        "extraConfigMaps": {"windsock": {"data": yaml_dump.dump({"windsock.yaml": text})}},
        "volumes": [{"name": "windsock", "configMap": {"name": "windsock"}}],
        "volumeMounts": [mount],
    }
    head = f"{_MADE}values for Airflow's official chart, whose image needs windsock and the package statsd."
    return f"{head}\n{yaml_dump.dump(values)}"


def compose(config: Settings, exporter: str, text: str) -> str:
    """An override for Airflow's own docker-compose.yaml."""
    del text
    service = {
        "environment": variables(config, exporter),
        "volumes": [f"./windsock.yaml:{PLACE}:ro"],
    }
    head = (
        f"{_MADE}docker compose -f docker-compose.yaml -f airflow.override.yaml up -d\n"
        "# Leave out the services that yours does not have; on 2.11 airflow-apiserver is airflow-webserver."
    )
    return f"{head}\n{yaml_dump.dump({'services': dict.fromkeys(_SERVICES, service)})}"


FORMS: dict[str, tuple[str, Callable[[Settings, str, str], str]]] = {
    "environment": ("airflow.environment", environment),
    "cfg": ("airflow.cfg.part", cfg),
    "helm": ("airflow-values.yaml", helm),
    "compose": ("airflow.override.yaml", compose),
}
"""By the word of --for: the file's name, and what makes it of the settings, the exporter and windsock.yaml's text."""
