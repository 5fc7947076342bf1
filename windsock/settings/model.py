"""Everything that can be configured, with its default: the schema of windsock.yaml.

`load()` finds the file, puts single `WINDSOCK__SECTION__KEY` variables over it and validates the whole; what it
returns is immutable. Durations are seconds (float), sizes bytes (int), shares between 0 and 1 (float).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from windsock import redaction, versions
from windsock.channels.email import EmailChannel
from windsock.channels.opsgenie import OpsgenieChannel
from windsock.channels.pagerduty import PagerDutyChannel
from windsock.channels.slack import SlackChannel
from windsock.channels.webhook import WebhookChannel
from windsock.exceptions import SettingsError
from windsock.settings import sources
from windsock.settings.alerts import Alerts
from windsock.settings.callbacks import Callbacks
from windsock.settings.exporter import Exporter
from windsock.settings.formats import (
    AlertmanagerVersion,
    Mention,
    Patterns,
    PrometheusVersion,
    Reference,
    References,
    SecretPattern,
    TimeZone,
    Url,
    Urls,
    no_default,
)
from windsock.settings.http import Http
from windsock.settings.logs import Logs
from windsock.settings.matching import Match, Severity
from windsock.settings.mute import Mute
from windsock.settings.objectives import Objective
from windsock.settings.reconcile import Reconcile, Reconciling, Resolve
from windsock.settings.section import Public, Section
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


class Alertmanager(Section):
    """The Alertmanagers that receive alert events; all of them get each event, as Prometheus does it."""

    urls: Urls = ()
    http: Http = Http()
    secrets_dir: str = "/etc/alertmanager/secrets"
    """Where the generated alertmanager.yml looks for one file a secret, named like the variable in lower case."""
    version: AlertmanagerVersion = versions.ALERTMANAGER
    """What the generated files may use; auto: what all of `urls` have, which `windsock alerts build` asks them."""
    watchdog: Url | Reference | None = None
    """A dead man's switch, which Alertmanager calls every five minutes as long as all is well: it raises the alarm
    when that stops. A URL, or what holds one that is secret, from 0.28 on."""
    proxy: Url | None = None
    """The HTTP proxy through which Alertmanager reaches the platforms."""
    ca_file: str | None = None
    """Whom Alertmanager trusts there, in place of its machine's certificates; a file on that machine."""


class Prometheus(Section):
    """The Prometheus servers that evaluate the rules."""

    urls: Urls = ()
    http: Http = Http()
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
    http: Http = Http()


class Links(Section):
    """Base URLs of what an alert links to; without one the alert has no such link."""

    airflow: Url | None = None
    grafana: Url | None = None
    exporter: Url | None = None
    """Where a browser reaches the exporter, which serves the runbooks; None: `windsock alerts build` and the reconciler
    make it of exporter.web, and callbacks know none."""
    runbooks: Url | None = None
    """Runbooks of your own, as BASE/ALERTNAME.md, in place of the exporter's."""


class Channels(Section):
    """How each platform is reached, for all teams."""

    slack: SlackChannel = SlackChannel()
    pagerduty: PagerDutyChannel = PagerDutyChannel()
    email: EmailChannel = EmailChannel()
    webhook: WebhookChannel = WebhookChannel()
    opsgenie: OpsgenieChannel = OpsgenieChannel()
    ca_file: str | None = None
    """Whom to trust beside the machine's certificates; callbacks only."""


class Addresses(Section):
    """Where someone is told, by channel; windsock/channels says what each value means."""

    slack: str | None = None
    slack_mention: Mention | None = None
    """Whom the first message in Slack of what is critical calls, such as "@oncall-data" (a user group's handle) or
    "<!subteam^S0123456789>" (its id); None: whom `defaults` names."""
    pagerduty: Reference | None = None
    """Pages on `critical` only: `severity` says which DAGs are."""
    email: Patterns = ()
    webhook: Url | Reference | None = None
    """A URL, or what holds one that is secret, which Alertmanager reaches from 0.28 on."""
    msteams: Reference | None = None
    """What holds the URL of a workflow of Microsoft Teams that posts what it is sent."""
    opsgenie: Reference | None = None
    """Pages, as `pagerduty` does."""
    apprise: References = ()
    """What holds Apprise URLs (the extra `windsock[apprise]`); callbacks only."""
    template: str | None = None
    """One of callbacks.templates; callbacks only."""
    timezone: TimeZone | None = None
    """The zone of the times in messages, such as Europe/Berlin; None: that of `defaults`, which is UTC."""
    mute: tuple[Mute, ...] = ()
    """When Alertmanager tells nobody here; callbacks without one know nothing of it."""


class Team(Addresses):
    """Who is told about which DAGs, and where."""

    match: Match = Match()
    """Any of these makes a DAG the team's; of several teams, the first in this file has it."""
    resolve: tuple[Resolve, ...] | None = None
    """What ends a failure of this team; None: as `reconcile.resolve` says."""


class Defaults(Addresses):
    """What no team matches, and a failure's severity when no rule matches."""

    severity: Severity = "warning"


class SeverityRule(Section):
    """The first rule that matches decides."""

    match: Match
    is_: Severity = Field(alias="is")
    """critical pages, warning tells the channel, info is only recorded."""


class Redaction(Section):
    """What is taken out of every text before it leaves, beside what issuers of secrets publish."""

    patterns: tuple[SecretPattern, ...] = ()
    """Regular expressions of your own secrets; a group called `keep` stays. One repeat without a bound at most, and
    no repeated group that holds a repeat or alternatives: Python can't stop one that takes long."""


class Settings(Section):
    """The whole of windsock.yaml."""

    cluster: Annotated[str, Public()] = Field(default="airflow", pattern=r"^[A-Za-z0-9_.:-]{1,64}$")
    """This installation's name: on every series, every alert and every log line."""
    exporter: Exporter = Exporter()
    metadata: Metadata = Metadata()
    reconcile: Reconciling = Reconcile()
    """`auto`, `true` or `false` stands for `enabled` alone."""
    plugin: Plugin = Plugin()
    alertmanager: Alertmanager = Alertmanager()
    prometheus: Prometheus = Prometheus()
    alerts: Alerts = Alerts()
    grafana: Grafana = Grafana()
    callbacks: Callbacks = Callbacks()
    logs: Logs = Logs()
    links: Links = Links()
    doctor: Doctor = Doctor()
    redaction: Redaction = Redaction()
    channels: Channels = Channels()
    teams: Annotated[dict[str, Team], AfterValidator(no_default)] = {}
    defaults: Defaults = Defaults()
    severity: tuple[SeverityRule, ...] = ()
    """How bad a failure is: the first rule that matches decides, else `defaults.severity`."""
    slo: dict[str, Objective] = {}
    """What is promised about DAGs, by their id, by patterns of it, or by what `match` says; of several entries for one
    DAG, the first that makes a promise makes it."""

    @field_validator("teams", "defaults")
    @classmethod
    def _templates(cls, value: Any, info: ValidationInfo) -> Any:
        callbacks = info.data.get("callbacks")
        known = callbacks.templates if callbacks is not None else {}
        for name, config in value.items() if isinstance(value, dict) else (("", value),):
            if callbacks is not None and config.template is not None and config.template not in known:
                there = ", ".join(known) or "none"
                of_whom = f"{name}: " if name else ""
                raise ValueError(f"{of_whom}expected a template of callbacks.templates (there are: {there})")
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
