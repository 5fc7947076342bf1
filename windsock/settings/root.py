"""The whole of windsock.yaml, with every default: what is checked, shown, and told as a JSON schema.

`load()` finds the file, puts single `WINDSOCK__SECTION__KEY` variables over it and validates the whole; what it
returns is immutable. Durations are seconds (float), sizes bytes (int), shares between 0 and 1 (float).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from windsock import redaction, versions
from windsock.exceptions import SettingsError
from windsock.settings import sources
from windsock.settings.alerts import Alerts
from windsock.settings.callbacks import Callbacks
from windsock.settings.channels import Channels
from windsock.settings.exporter import Exporter
from windsock.settings.formats import PrometheusVersion, Reference, Url, Urls
from windsock.settings.http import Http
from windsock.settings.logs import Logs
from windsock.settings.model import (
    CLUSTER,
    Alertmanager,
    Cluster,
    Defaults,
    Links,
    check_templates,
)
from windsock.settings.objectives import Objective
from windsock.settings.reconcile import Reconcile, Reconciling
from windsock.settings.redaction import Redaction
from windsock.settings.section import Section
from windsock.settings.teams import SeverityRules, Teams
from windsock.settings.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Metadata(Section):
    """The reader of Airflow's metadata database."""

    url: Reference | None = None
    """None: AIRFLOW__DATABASE__SQL_ALCHEMY_CONN; where that is not set either, no database is read."""
    interval: Duration = Field(default=15.0, ge=1)
    """Time from the start of one pass over the database to the start of the next."""
    timeout: Duration = Field(default=5.0, ge=0.2)
    """Time of a whole pass; a single statement gets a quarter of it, on the server's side."""


class Plugin(Section):
    """What windsock adds inside Airflow: /windsock/metrics, its pages, its listeners."""

    token: Reference | None = None
    """${VARIABLE}: who sends its value as a bearer token may read /windsock/metrics; none: users of Airflow only."""
    listeners: bool = True
    """Whether states of runs, import errors and asset events are sent with Airflow's own StatsD lines."""


class Prometheus(Section):
    """The Prometheus servers that evaluate the rules."""

    urls: Urls = ()
    http: Http = Http.unset()
    version: PrometheusVersion = versions.PROMETHEUS
    """What rules.yml may use; auto: what all of `urls` have, which `windsock alerts build` asks them."""
    query_offset: Duration = 0.0
    """The rules look at what was so long ago, where samples arrive late, by remote write; from 2.53 on."""


class Grafana(Section):
    """The Grafana that `windsock dashboards push` writes to."""

    url: Url | None = None
    """None: links.grafana."""
    folder: str = Field(default="Airflow", min_length=1)
    """Title or uid of the folder that the dashboards go to; made where there is none."""
    http: Http = Http(bearer="${GRAFANA_TOKEN}")
    """`bearer` is the token of a service account with the role Editor."""


class Doctor(Section):
    """How `windsock doctor` reaches the exporters; it finds the others in their own sections."""

    exporters: Urls = ()
    """The base URL of each; without one links.exporter, or what exporter.web says."""
    http: Http = Http.unset()


class Settings(Section):
    """The whole of windsock.yaml."""

    cluster: Cluster = CLUSTER
    """This installation's name: on every series, every alert and every log line."""
    exporter: Exporter = Exporter.unset()
    metadata: Metadata = Metadata.unset()
    reconcile: Reconciling = Reconcile.unset()
    """`auto`, `true` or `false` stands for `enabled` alone."""
    plugin: Plugin = Plugin.unset()
    alertmanager: Alertmanager = Alertmanager.unset()
    prometheus: Prometheus = Prometheus.unset()
    alerts: Alerts = Alerts.unset()
    grafana: Grafana = Grafana.unset()
    callbacks: Callbacks = Callbacks.unset()
    logs: Logs = Logs.unset()
    links: Links = Links.unset()
    doctor: Doctor = Doctor.unset()
    redaction: Redaction = Redaction.unset()
    channels: Channels = Channels.unset()
    teams: Teams = {}
    defaults: Defaults = Defaults.unset()
    severity: SeverityRules = ()
    """How bad a failure is: the first rule that matches decides, else `defaults.severity`."""
    slo: dict[str, Objective] = {}
    """What is promised about DAGs, by their id, by patterns of it, or by what `match` says; of several entries for one
    DAG, the first that makes a promise makes it."""

    @field_validator("teams", "defaults")
    @classmethod
    def _templates(cls, value: Any, info: ValidationInfo) -> Any:
        callbacks = info.data.get("callbacks")
        if callbacks is not None:
            check_templates(value, callbacks.templates)
        return value


def load(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    cwd: bool = True,
    overrides: Mapping[str, tuple[Any, str]] | None = None,
) -> Settings:
    """Return the effective settings.

    The file is `path`, `$WINDSOCK_CONFIG`, `./windsock.yaml` (not with `cwd=False`: inside Airflow the working folder
    is not ours) or `/etc/windsock/windsock.yaml`, whichever comes first; none at all is fine. `overrides` are dotted
    keys, each with its value and the option that gave it. Raises SettingsError with every problem found, each with its
    file, line and key.
    """
    settings = validate(sources.read(path, environ, cwd=cwd, overrides=overrides))
    # From now on every text of this process, whoever sends it.
    redaction.learn(settings.redaction.patterns)
    return settings


def validate(source: sources.Source) -> Settings:
    """Return the settings that `source` holds; raises SettingsError with all of its problems."""
    problems = list(source.problems)
    settings = Settings()
    try:
        settings = Settings.model_validate(source.values)
    except ValidationError as error:
        problems += sources.explain(error, source, Settings)
    if problems:
        raise SettingsError(problems)
    return settings
