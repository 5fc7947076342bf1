"""The channels that people are told through, and what all parts of windsock must know of one.

One module a channel, of the channel's name: its section of `channels` in windsock.yaml, what a team's value for it
means, and how Alertmanager tells it; each ends in its `CHANNEL`. How a callback tells it is in the module of the same
name in callbacks/channels, and its keys are in settings.py. This module imports none of them: DAGs that are parsed ask
for the names alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from windsock.versions import at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Name = Literal["slack", "email", "pagerduty", "webhook", "msteams", "opsgenie", "apprise"]
NAMES: tuple[Name, ...] = get_args(Name)
URL: Name = "webhook"
"""The one whose address is all that there is to it."""

SectionT = TypeVar("SectionT")
"""Of windsock.yaml, below `channels`; None where the channel has none."""


class Channel(Generic[SectionT]):
    """One of them, as it is where a channel says nothing else. A `version` is Alertmanager's."""

    title: str
    """As people call it."""
    public = False
    """Whether an address may be shown; else it is a secret's, or the reference to one."""
    pages = False
    """Whether it wakes someone: it is told of `critical` alone, and of each task by itself, as an incident that whoever
    knows its key can end."""
    receiver = ""
    """What Alertmanager calls its configuration, such as `slack_configs`; empty: it can't tell this channel."""
    since = ""
    """The Alertmanager that brought `receiver`, where that is younger than 0.25."""
    templates = ""
    """What windsock.tmpl defines for `config`, in Go's template language; `entries` says how a group becomes a text."""

    def addresses(self, value: Any) -> tuple[str, ...]:
        """Whom a team's value for this channel names, each told by itself."""
        return (value,) if value else ()

    def central(self, to: str, version: str) -> bool:
        """Whether Alertmanager can tell the address `to`; callbacks reach the others where there is none."""
        del version
        return bool(to and self.receiver)

    def problems(self, section: SectionT, places: Sequence[str], version: str) -> Iterator[str]:
        """What keeps Alertmanager from telling `places`, keys such as `defaults.slack`; a line each."""
        del section, places, version
        yield from ()

    def notes(self, section: SectionT, addresses: Sequence[str], version: str) -> Iterator[str]:
        """What is valid of the addresses that Alertmanager tells, but perhaps not meant, or lost; a line each."""
        del section, addresses, version
        yield from ()

    def unheard(self, section: SectionT, version: str) -> bool:
        """Whether Alertmanager takes every answer of the platform for a yes, a refusal too."""
        del section, version
        return False

    def references(self, section: SectionT, to: str) -> tuple[str | None, ...]:
        """The secrets that Alertmanager needs to tell `to`."""
        del section, to
        return ()

    def config(self, section: SectionT, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """The element of `receiver` that tells `to`; `file` is where Alertmanager reads a secret."""
        del section, to, file, version
        return {}

    def mention(self, who: str, version: str) -> dict[str, Any]:
        """What `config` says besides where a message calls `who`."""
        del who, version
        return {}

    def common(self, section: SectionT, file: Callable[[str], str]) -> dict[str, Any]:
        """What alertmanager.yml says of the channel once, in its `global`, where anyone is told through it."""
        del section, file
        return {}


def timeout(version: str, since: str) -> dict[str, Any]:
    """An entry of `config`: one request without an answer must not take all the time that is there for repeats of it.

    Alertmanager gives a message up at the end of its `group_interval`; `since` brought the option to the channel.
    """
    return {"timeout": "15s"} if at_least(version, since) else {}


def of(name: str) -> Channel[Any]:
    """The channel of that name; one that can do nothing where a file of another version names what is no channel."""
    if name not in NAMES:
        return Channel()
    found: Channel[Any] = importlib.import_module(f"{__name__}.{name}").CHANNEL
    return found
