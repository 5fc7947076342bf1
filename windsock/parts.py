"""The versions of the programs that windsock works with, each of which stands here and nowhere else.

`oldest` is the oldest supported one, `current` the newest that was run; `make matrix` runs both of Prometheus and of
Alertmanager. What else names a version reads it here, or tests/packaging/test_parts.py fails where it differs.
"""

from __future__ import annotations

from typing import NamedTuple

from .airflow.versions import NEWEST, OLDEST


class Part(NamedTuple):
    """One program; versions are whole ones, "3.16.0"."""

    oldest: str
    current: str


AIRFLOW = Part(OLDEST, NEWEST)
PROMETHEUS = Part("2.42.0", "3.16.0")
ALERTMANAGER = Part("0.25.0", "0.35.0")
"""The oldest of both are Debian 12's."""
VICTORIAMETRICS = Part("1.150.0", "1.150.0")
THANOS = Part("0.42.5", "0.42.5")
STATSD_EXPORTER = Part("0.31.0", "0.31.0")
ELASTICSEARCH = Part("8.19.21", "9.2.8")
FILEBEAT = Part("7.17.29", "8.19.21")
"""The oldest is what the Go module proxy serves, and what the tests run."""
GRAFANA = Part("12.4.10", "12.4.10")
HELM = Part("4.3.2", "4.3.2")
KUBECONFORM = Part("0.8.0", "0.8.0")
KUBERNETES = Part("1.37.2", "1.37.2")
"""Whose API the chart's manifests are held against."""
PROMETHEUS_OPERATOR = Part("0.85.0", "0.85.0")
"""The newest that the Go module proxy serves; of it, its custom resources alone."""

GO = "1.26.7"
"""What the newest of these programs are built with, as their go.mod files ask."""

COMPOSE = {
    "prom/prometheus": f"v{PROMETHEUS.current}",
    "prom/alertmanager": f"v{ALERTMANAGER.current}",
    "grafana/grafana": GRAFANA.current,
    "docker.elastic.co/elasticsearch/elasticsearch": ELASTICSEARCH.oldest,
    "docker.elastic.co/beats/filebeat": FILEBEAT.current,
}
"""The images of docker-compose.observability.yaml, with their tags."""
