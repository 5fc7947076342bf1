"""Where the alerts of a team go: its channels, Alertmanager's receivers, and the secret files that they read.

No secret stands in alertmanager.yml. Each one is a file below `alertmanager.secrets_dir`, named like its variable in
lower case: Slack's `api_url_file` (since Alertmanager 0.22) or, for a bot token, `authorization.credentials_file`
(0.22), PagerDuty's `routing_key_file` and e-mail's `smtp_auth_password_file` (both 0.25, which takes a newline at the
end of that file as a part of the password). Before 0.26 Alertmanager takes Slack's `ok: false`, which comes with status
200, for a success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock import teams
from windsock.destinations import URGENT, destinations
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from windsock.destinations import Destination
    from windsock.settings import Defaults, Settings, Team


def name(team: str, severity: str) -> str:
    """`payments/critical`: the receiver of a team at a severity."""
    return f"{team}/{severity}"


def addresses(settings: Settings) -> dict[tuple[str, str], tuple[Destination, ...]]:
    """Return whom Alertmanager tells, by team and severity; `windsock.teams.UNKNOWN` stands for `defaults`."""
    return {
        (team, severity): destinations(settings, team, severity, central=True)
        for team in (teams.UNKNOWN, *settings.teams)
        for severity in URGENT
    }


def check(settings: Settings) -> None:
    """Raise SettingsError with everything that a team names and no credential or server reaches."""
    problems = list(_problems(settings))
    if problems:
        raise SettingsError(problems)


def _problems(settings: Settings) -> Iterator[str]:
    slack, email = settings.channels.slack, settings.channels.email
    places: dict[str, Team | Defaults] = {"defaults": settings.defaults}
    places |= {f"teams.{team}": config for team, config in settings.teams.items()}
    for place, config in places.items():
        if config.slack and not (slack.token or slack.webhook):
            yield (
                f"{place}.slack: no credential reaches Slack; set channels.slack.token (a bot token) or"
                " channels.slack.webhook to a ${VARIABLE}"
            )
        if config.email and not email.smarthost:
            yield f"{place}.email: no server sends mail; set channels.email.smarthost to HOST:PORT"
    if email.username and not email.password:
        yield "channels.email.username: without a password; set channels.email.password to a ${VARIABLE}"
    files: dict[str, str] = {}
    for reference in _references(settings):
        other = files.setdefault(_file(settings, reference), reference)
        if other != reference:
            yield f"{other} and {reference} would be the same file {_file(settings, reference)}; rename one of them"


def secrets(settings: Settings) -> dict[str, str]:
    """Return the files that Alertmanager reads, each with the reference (`${VARIABLE}`) of what belongs into it."""
    return {_file(settings, reference): reference for reference in _references(settings)}


def _references(settings: Settings) -> list[str]:
    slack, email = settings.channels.slack, settings.channels.email
    used = {to for told in addresses(settings).values() for to in told}
    channels = {to.channel for to in used}
    references = [
        (slack.token or slack.webhook) if "slack" in channels else None,
        email.password if "email" in channels else None,
        *sorted(to.to for to in used if to.channel == "pagerduty"),
    ]
    return list(dict.fromkeys(reference for reference in references if reference))


def _file(settings: Settings, reference: str) -> str:
    return f"{settings.alertmanager.secrets_dir}/{reference.removeprefix('${').removesuffix('}').lower()}"


def render(receiver: str, told: tuple[Destination, ...], settings: Settings) -> dict[str, Any]:
    """One element of alertmanager.yml's `receivers`."""
    configs: dict[str, Callable[[str], dict[str, Any]]] = {
        "pagerduty": lambda to: _pagerduty(to, settings),
        "slack": lambda to: _slack(to, settings),
        "email": _email,
        # Alertmanager's own JSON: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
        "webhook": lambda to: {"send_resolved": True, "url": to},
    }
    return {"name": receiver, **{f"{to.channel}_configs": [configs[to.channel](to.to)] for to in told}}


def _slack(channel: str, settings: Settings) -> dict[str, Any]:
    config = settings.channels.slack
    if config.token:
        access = {
            "api_url": f"{config.api_url}/chat.postMessage",
            "http_config": {"authorization": {"credentials_file": _file(settings, config.token)}},
        }
    else:
        access = {"api_url_file": _file(settings, config.webhook or "")}
    return {
        "send_resolved": True,
        **access,
        "channel": channel,
        # The app's own name and icon: a bot token may not be allowed to choose others.
        "username": "",
        "color": '{{ template "windsock.slack.color" . }}',
        "title": '{{ template "windsock.title" . }}',
        "title_link": '{{ template "windsock.url" . }}',
        "text": '{{ template "windsock.slack.text" . }}',
        "fallback": '{{ template "windsock.slack.fallback" . }}',
        "footer": '{{ template "windsock.slack.footer" . }}',
    }


def _pagerduty(routing_key: str, settings: Settings) -> dict[str, Any]:
    return {
        "send_resolved": True,
        "url": settings.channels.pagerduty.url,
        "routing_key_file": _file(settings, routing_key),
        "description": '{{ template "windsock.pagerduty.description" . }}',
        "severity": '{{ template "windsock.pagerduty.severity" . }}',
        "client": "windsock",
        "client_url": '{{ template "windsock.url" . }}',
        "source": '{{ or .CommonLabels.cluster "windsock" }}',
        "class": "{{ .CommonLabels.alertname }}",
        "component": "{{ .CommonLabels.dag_id }}",
        "group": "{{ .CommonLabels.cluster }}",
        "details": {
            "firing": '{{ template "windsock.text.firing" . }}',
            "resolved": '{{ template "windsock.text.resolved" . }}',
        },
        # Alertmanager leaves a link without an address out.
        "links": [
            {"href": "{{ .CommonAnnotations.log_url }}", "text": "Log"},
            {"href": "{{ .CommonAnnotations.run_url }}", "text": "Airflow"},
            {"href": "{{ .CommonAnnotations.dashboard_url }}", "text": "Dashboard"},
            {"href": '{{ template "windsock.pagerduty.runbook" . }}', "text": "Runbook"},
        ],
    }


def _email(addresses: str) -> dict[str, Any]:
    return {
        "send_resolved": True,
        "to": addresses,
        # No count and no time in the subject, and one reference for a group: mail programs make one thread of it.
        "headers": {
            "Subject": '{{ template "windsock.email.subject" . }}',
            "References": '{{ template "windsock.email.thread" . }}',
        },
        "html": '{{ template "windsock.email.html" . }}',
        "text": '{{ template "windsock.email.text" . }}',
    }


def mail_server(settings: Settings) -> dict[str, Any]:
    """What alertmanager.yml's `global` says of e-mail; empty where nobody gets any."""
    if not any(to.channel == "email" for told in addresses(settings).values() for to in told):
        return {}
    config = settings.channels.email
    login = {
        "smtp_auth_username": config.username,
        "smtp_auth_password_file": _file(settings, config.password) if config.password else None,
    }
    return {
        "smtp_smarthost": config.smarthost,
        "smtp_from": config.sender,
        "smtp_require_tls": config.tls,
        **({key: value for key, value in login.items() if value} if config.username else {}),
    }
