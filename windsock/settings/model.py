"""Who is told of a failure, where, and how loudly: the sections that a callback goes by, beside its own.

`root` is the whole of windsock.yaml; a callback takes these alone (`sections`).
"""

# Annotations are values in this module: pydantic would compile each text, in each callback's process.

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from windsock import versions
from windsock.settings.formats import (
    AlertmanagerVersion,
    Mention,
    Patterns,
    Reference,
    References,
    Severity,
    TimeZone,
    Url,
    Urls,
)
from windsock.settings.http import Http
from windsock.settings.mute import Mute
from windsock.settings.section import Public, Section

CLUSTER = "airflow"
Cluster = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$"), Public()]


class Alertmanager(Section):
    """The Alertmanagers that receive alert events; all of them get each event, as Prometheus does it."""

    urls: Urls = ()
    http: Http = Http.unset()
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


class Links(Section):
    """Base URLs of what an alert links to; without one the alert has no such link."""

    airflow: Url | None = None
    grafana: Url | None = None
    exporter: Url | None = None
    """Where a browser reaches the exporter, which serves the runbooks; None: `windsock alerts build` and the reconciler
    make it of exporter.web, and callbacks know none."""
    runbooks: Url | None = None
    """Runbooks of your own, as BASE/ALERTNAME.md, in place of the exporter's."""


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


class Defaults(Addresses):
    """What no team matches, and a failure's severity when no rule matches."""

    severity: Severity = "warning"


def check_templates(value: Defaults | Mapping[str, Addresses], known: Mapping[str, str]) -> None:
    """Raise ValueError where a team, or `defaults`, names a template that is none of callbacks.templates."""
    for name, config in (("", value),) if isinstance(value, Defaults) else value.items():
        if config.template is not None and config.template not in known:
            there = ", ".join(known) or "none"
            of_whom = f"{name}: " if name else ""
            raise ValueError(f"{of_whom}expected a template of callbacks.templates (there are: {there})")
