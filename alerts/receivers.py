"""Where the alerts of a team go: its channels, Alertmanager's receivers, and the secret files that they read.

No secret stands in alertmanager.yml. Each one is a file below `alertmanager.secrets_dir`, named like its variable in
lower case.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from windsock import channels, teams
from windsock.destinations import URGENT, Destination, destinations
from windsock.exceptions import SettingsError
from windsock.versions import at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Addresses, Settings


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
    places: dict[str, Addresses] = {"defaults": settings.defaults}
    places |= {f"teams.{team}": config for team, config in settings.teams.items()}
    for channel in channels.NAMES:
        named = [f"{place}.{channel}" for place, config in places.items() if getattr(config, channel)]
        yield from channels.of(channel).problems(_section(settings, channel), named, settings.alertmanager.version)
    to, version = settings.alertmanager.watchdog, settings.alertmanager.version
    if to is not None and not Destination(channels.URL, to).central(version):
        yield f"alertmanager.watchdog: expected a URL: Alertmanager {version} can't read one from a file, 0.28 can"
    files: dict[str, str] = {}
    for reference in _references(settings):
        other = files.setdefault(_file(settings, reference), reference)
        if other != reference:
            yield f"{other} and {reference} would be the same file {_file(settings, reference)}; rename one of them"


def notes(settings: Settings) -> Iterator[str]:
    """What is valid, but perhaps not meant, of the channels that Alertmanager tells."""
    for channel, told in _told(settings).items():
        known = channels.of(channel)
        yield from known.notes(_section(settings, channel), told, settings.alertmanager.version)
        if known.since and not at_least(settings.alertmanager.version, known.since):
            yield f"{channel}: alertmanager.yml has {known.receiver}, which needs Alertmanager {known.since} or later"
    if secrets(settings) and not Path(settings.alertmanager.secrets_dir).is_absolute():
        yield (
            "alertmanager.secrets_dir is relative: Alertmanager looks for tokens beside alertmanager.yml, and for the"
            " keys of PagerDuty and others where it was started: start it in the folder of its file, or give an"
            " absolute path"
        )


def secrets(settings: Settings) -> dict[str, str]:
    """Return the files that Alertmanager reads, each with the reference (`${VARIABLE}`) of what belongs into it."""
    return {_file(settings, reference): reference for reference in _references(settings)}


def _told(settings: Settings) -> dict[str, list[str]]:
    """The addresses that Alertmanager tells, by channel."""
    used = {to for told in addresses(settings).values() for to in told}
    by_channel = {channel: sorted(to.to for to in used if to.channel == channel) for channel in channels.NAMES}
    return {channel: told for channel, told in by_channel.items() if told}


def _references(settings: Settings) -> list[str]:
    references = [
        reference
        for channel, told in _told(settings).items()
        for to in told
        for reference in channels.of(channel).references(_section(settings, channel), to)
    ]
    if settings.alertmanager.watchdog is not None:
        references += channels.of(channels.URL).references(
            _section(settings, channels.URL), settings.alertmanager.watchdog
        )
    return list(dict.fromkeys(reference for reference in references if reference))


def _file(settings: Settings, reference: str) -> str:
    return f"{settings.alertmanager.secrets_dir}/{reference.removeprefix('${').removesuffix('}').lower()}"


def _section(settings: Settings, channel: str) -> Any:
    """What windsock.yaml says of the channel, below `channels`."""
    return getattr(settings.channels, channel, None)


def render(receiver: str, told: tuple[Destination, ...], settings: Settings, mention: str = "") -> dict[str, Any]:
    """One element of alertmanager.yml's `receivers`; `mention` is whom its messages call, where a channel can."""
    configs = {}
    for to in told:
        channel = channels.of(to.channel)
        section, version = _section(settings, to.channel), settings.alertmanager.version
        config = channel.config(section, to.to, lambda reference: _file(settings, reference), version)
        if mention:
            config |= channel.mention(mention, version)
        if "http_config" in config:
            # Alertmanager takes it in place of the global one.
            config["http_config"] = {**network(settings).get("http_config", {}), **config["http_config"]}
        configs[channel.receiver] = [config]
    return {"name": receiver, **configs}


def watchdog(receiver: str, settings: Settings) -> dict[str, Any]:
    """The receiver that calls the dead man's switch with each repeat of what always fires, or does nothing."""
    to = settings.alertmanager.watchdog
    if to is None:
        return {"name": receiver}
    made = render(receiver, (Destination(channels.URL, to),), settings)
    # It never ends by a message: that it does not come is the message.
    return {**made, "webhook_configs": [{**config, "send_resolved": False} for config in made["webhook_configs"]]}


def network(settings: Settings) -> dict[str, Any]:
    """alertmanager.yml's `global.http_config`: how the platforms are reached; none where nothing is in between."""
    proxy, ca_file = settings.alertmanager.proxy, settings.alertmanager.ca_file
    http = {
        **({"proxy_url": proxy} if proxy else {}),
        **({"tls_config": {"ca_file": ca_file}} if ca_file else {}),
    }
    return {"http_config": http} if http else {}


def common(settings: Settings) -> dict[str, Any]:
    """alertmanager.yml's `global`."""
    found: dict[str, Any] = {}
    for channel in _told(settings):
        section = _section(settings, channel)
        found |= channels.of(channel).common(section, lambda reference: _file(settings, reference))
    return found
