"""Where the alerts of a team go: the one reading of windsock.yaml's `teams` and `defaults` as addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock import teams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Defaults, Settings, Team

URGENT = ("critical", "warning")
"""The severities that someone is told about; `info` is only recorded."""

CHANNELS = ("slack", "email", "pagerduty", "webhook", "apprise")
_CENTRAL = ("slack", "email", "pagerduty")


@dataclass(frozen=True)
class Destination:
    """One address: a Slack channel, mail addresses with commas between, or the reference to a routing key or URL."""

    channel: str
    to: str

    def __str__(self) -> str:
        return f"{self.channel} {self.to}"

    @property
    def central(self) -> bool:
        """Whether Alertmanager can tell it; callbacks reach the others where there is none.

        It has a webhook's URL in its own file, in another one (`url_file`) since 0.26 only, and never in a connection.
        """
        return self.channel in _CENTRAL or (self.channel == "webhook" and "://" in self.to)


def destinations(
    settings: Settings,
    team: str,
    severity: str,
    channels: tuple[str, ...] | None = None,
    *,
    central: bool = False,
) -> tuple[Destination, ...]:
    """Return who is told, `central`: by Alertmanager. Only `critical` pages, and nobody is told of `info`.

    A team without an address has those of `defaults`: nothing is lost in silence. `channels` are an author's choice
    among the team's, and go before the severity.
    """
    config = settings.teams.get(team, settings.defaults)
    own, others = (
        tuple(one for one in _addresses(place, severity, channels) if one.central or not central)
        for place in (config, settings.defaults)
    )
    own = own or others
    return own if channels is not None or severity in URGENT else ()


def template(settings: Settings, team: str) -> str | None:
    """The template that a team's messages are made with; None: the built-in one."""
    own = settings.teams[team].template if team in settings.teams else None
    return own or settings.defaults.template


def known(settings: Settings) -> tuple[str, ...]:
    """The names of all teams, and that of the DAGs that no team matches."""
    return (*settings.teams, teams.UNKNOWN)


def _addresses(config: Team | Defaults, severity: str, channels: tuple[str, ...] | None) -> Iterator[Destination]:
    found = [
        Destination("pagerduty", config.pagerduty or ""),
        Destination("slack", config.slack or ""),
        Destination("email", ", ".join(config.email)),
        Destination("webhook", config.webhook or ""),
        *(Destination("apprise", reference) for reference in config.apprise),
    ]
    for address in found:
        chosen = address.channel in channels if channels is not None else severity == "critical" or not _pages(address)
        if address.to and chosen:
            yield address


def _pages(address: Destination) -> bool:
    return address.channel == "pagerduty"
