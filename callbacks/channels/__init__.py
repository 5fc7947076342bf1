"""The channels that a callback tells itself. A module of each one's name has its `send`, and is imported to send."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from windsock.channels import NAMES
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.text import line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.destinations import Destination
    from windsock.settings import Settings

_DETAIL = 300


@dataclass(frozen=True)
class Answer:
    """What a platform said."""

    problem: str = ""
    """Empty where it took the message, else a word for the counter: timeout, unreachable, server_error, throttled,
    rejected, settings."""
    detail: str = ""
    """What a person reads about it."""
    wait: float = 0.0
    """Seconds that it wants to be left alone."""
    state: Mapping[str, str] = field(default_factory=dict)
    """What it calls the message, where a later one refers to it."""
    uncertain: bool = False
    """It may have taken the message: the request was sent, and no answer came."""
    seconds: float = 0.0
    """How long it took."""

    @property
    def final(self) -> bool:
        """Whether asking again is of no use."""
        return self.problem == "rejected"


def send(
    destination: Destination, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]
) -> Answer:
    """Deliver `message` once, to one address. Never raises.

    `state` is what the platform called the first message of the same run: what follows joins it, a resolve edits it.
    Each step of the conversation may take `seconds`: whoever must be sure waits no longer than that for the whole.
    """
    try:
        answer: Answer = _module(destination.channel).send(destination.to, message, settings, seconds, state)
    except SettingsError as error:
        answer = Answer("settings", error.problems[0])
    except TimeoutError as error:
        answer = Answer("timeout", _words(error), uncertain=True)
    except OSError as error:
        answer = Answer("unreachable", _words(error))
    except Exception as error:  # noqa: BLE001  one channel's surprise must not cost the others
        answer = Answer("internal", _words(error))
    return replace(answer, detail=line(redact(answer.detail), _DETAIL))


def preview(channel: str, message: Message, settings: Settings) -> tuple[Any, str]:
    """What would be sent, as JSON, and what a person reads of it, as text; empty where nobody does."""
    found: tuple[Any, str] = _module(channel).preview(message, settings)
    return found


def _module(channel: str) -> Any:
    if channel not in NAMES:
        raise SettingsError([f"{channel}: no channel of this windsock"])
    return importlib.import_module(f"{__name__}.{channel}")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
