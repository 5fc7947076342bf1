"""From an alert event to whoever is to hear of it, and what became of it.

With an Alertmanager it is posted there (`alertmanager`, and `ends`), without one the team's channels are told directly
(`direct`, and `resolution` of its end). What nobody took waits in the spool, and `flush` tries it again (`replay`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from windsock.callbacks import bounded, spool

from . import alertmanager
from .result import Delivery, Flushed

if TYPE_CHECKING:
    from windsock.destinations import Destination
    from windsock.events import Event
    from windsock.settings import Settings

__all__ = ["Choice", "Delivery", "Flushed", "deliver", "flush", "resolve"]

ALERTMANAGER = "alertmanager"

NOT_CONFIGURED = (
    "no Alertmanager is configured: set alertmanager.urls in windsock.yaml, or WINDSOCK__ALERTMANAGER__URLS"
)
_NOBODY = f"{NOT_CONFIGURED}; or give the team, or defaults, a channel of its own"


class Choice(NamedTuple):
    """What an author chose for one callback; by default all of it is windsock.yaml's."""

    channels: tuple[str, ...] | None = None
    """Of alertmanager and `windsock.channels.NAMES`; None: Alertmanager where there is one, else what the team has."""
    template: str | None = None
    """A name of `callbacks.templates`, or jinja text."""


_BY_SETTINGS = Choice()


def deliver(event: Event, settings: Settings, deadline: float, choice: Choice = _BY_SETTINGS) -> Delivery:
    """Tell of a failure, until the monotonic clock reaches `deadline`; what nobody took is in the spool then."""
    return _send("failed", event, settings, deadline, choice)


def resolve(event: Event, settings: Settings, deadline: float, choice: Choice = _BY_SETTINGS) -> Delivery:
    """Tell that what `event` is about succeeded: the alerts of its cluster, DAG and task end, as `success` says.

    A task's success ends AirflowTaskFailed, with the AirflowDagRunFailed that it held back, and AirflowTaskRetrying;
    every other event ends those of its own name.
    """
    return _send("resolved", event, settings, deadline, choice)


def flush(settings: Settings, deadline: float, limit: int = 20) -> Flushed:
    """Deliver what waits in the spool, oldest first, `limit` entries at most, until `deadline`."""
    if not spool.of(settings).names():
        return Flushed()
    from . import replay  # noqa: PLC0415  only where something waits

    return replay.flush(settings, deadline, limit)


def _send(
    what: Literal["failed", "resolved"], event: Event, settings: Settings, deadline: float, choice: Choice
) -> Delivery:
    chosen = choice.channels
    central = ALERTMANAGER in chosen if chosen is not None else bool(settings.alertmanager.urls)
    others = None if chosen is None else tuple(channel for channel in chosen if channel != ALERTMANAGER)
    direct = not central if chosen is None else bool(others)
    works = []
    if central and not settings.alertmanager.urls:
        works.append(lambda: Delivery("unconfigured", NOT_CONFIGURED))
    elif central:
        works.append(lambda: _central(what, event, settings, deadline, choice.template))
    if direct:
        from windsock.destinations import URGENT, destinations  # noqa: PLC0415  not with an Alertmanager

        to = destinations(settings, event.team, event.severity, others)
        if to:
            works.append(lambda: _direct(what, event, settings, deadline, choice.template, to))
        elif others is None and event.severity not in URGENT:
            works.append(lambda: Delivery("", f"nobody: severity {event.severity} is only recorded"))
        else:
            works.append(lambda: Delivery("unconfigured", _NOBODY if others is None else _nowhere(event.team, others)))
    if len(works) == 1:
        return works[0]()
    done = bounded.side_by_side(works, deadline)
    late = Delivery("timeout", "not done in time")
    return _both([found or late for found in done])


def _nowhere(team: str, chosen: tuple[str, ...]) -> str:
    """An author chose channels, and nobody is to be told there."""
    return f"neither team {team} nor defaults has an address of what this callback chose: {', '.join(chosen)}"


def _central(what: str, event: Event, settings: Settings, deadline: float, template: str | None) -> Delivery:
    if what == "failed":
        return alertmanager.fire(event, settings, deadline, template)
    from . import ends  # noqa: PLC0415  a failure has no use for it

    return ends.end(event, settings, deadline)


def _direct(  # noqa: PLR0913, PLR0917  a step of _send's, apart for its imports
    what: str, event: Event, settings: Settings, deadline: float, template: str | None, to: tuple[Destination, ...]
) -> Delivery:
    from . import resolution  # noqa: PLC0415  not with an Alertmanager
    from .direct import DirectDelivery  # noqa: PLC0415

    direct = DirectDelivery(settings, deadline)
    return direct.fire(event, template, to) if what == "failed" else resolution.end(direct, event, to)


def _both(found: list[Delivery]) -> Delivery:
    problems = [delivery.problem for delivery in found if delivery.problem]
    return Delivery(problems[0] if problems else "", "; ".join(delivery.detail for delivery in found))
