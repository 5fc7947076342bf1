"""Where the alerts of a team go: the one reading of windsock.yaml's `teams` and `defaults` as addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock import channels, teams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Addresses, Settings

URGENT = ("critical", "warning")
"""The severities that someone is told about; `info` is only recorded."""


@dataclass(frozen=True)
class Destination:
    """One address: a Slack channel, mail addresses with commas between, or the reference to a routing key or URL."""

    channel: str
    to: str

    def __str__(self) -> str:
        return f"{self.channel} {self.to}"

    def central(self, version: str) -> bool:
        """Whether an Alertmanager of this version can tell it; callbacks reach the others where there is none."""
        return channels.of(self.channel).central(self.to, version)

    @property
    def pages(self) -> bool:
        """Whether it wakes someone, by an incident for each task."""
        return channels.of(self.channel).pages


def destinations(
    settings: Settings,
    team: str,
    severity: str,
    chosen: tuple[str, ...] | None = None,
    *,
    central: bool = False,
) -> tuple[Destination, ...]:
    """Return who is told, `central`: by Alertmanager. Only `critical` pages, and nobody is told of `info`.

    A team without an address has those of `defaults`: nothing is lost in silence. `chosen` are an author's channels
    among the team's, and go before the severity.
    """
    config = settings.teams.get(team, settings.defaults)
    version = settings.alertmanager.version
    own, others = (
        tuple(one for one in _addresses(place, severity, chosen) if not central or one.central(version))
        for place in (config, settings.defaults)
    )
    own = own or others
    return own if chosen is not None or severity in URGENT else ()


def template(settings: Settings, team: str) -> str | None:
    """The template that a team's messages are made with; None: the built-in one."""
    own = settings.teams[team].template if team in settings.teams else None
    return own or settings.defaults.template


def mention(settings: Settings, team: str, severity: str) -> str:
    """Whom Slack calls of a team for something so severe; "": nobody."""
    own = settings.teams[team].slack_mention if team in settings.teams else None
    return (own or settings.defaults.slack_mention or "") if severity == "critical" else ""


def known(settings: Settings) -> tuple[str, ...]:
    """The names of all teams, and that of the DAGs that no team matches."""
    return (*settings.teams, teams.UNKNOWN)


def _addresses(config: Addresses, severity: str, chosen: tuple[str, ...] | None) -> Iterator[Destination]:
    """All that `config` names; a page goes first."""
    for name in sorted(channels.NAMES, key=lambda name: not channels.of(name).pages):
        wanted = name in chosen if chosen is not None else severity == "critical" or not channels.of(name).pages
        for to in channels.of(name).addresses(getattr(config, name)) if wanted else ():
            yield Destination(name, to)
