"""What an author may choose for one callback; everything else is windsock.yaml's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Options:
    """Immutable, of plain values: it survives deep copies, pickling and being shared between tasks."""

    channels: tuple[str, ...] | None = None
    """Of alertmanager and `windsock.channels.NAMES`; None: Alertmanager where there is one, else what the team has."""
    severity: str | None = None
    """critical, warning or info, instead of what windsock.yaml says."""
    team: str | None = None
    """A team of windsock.yaml, instead of the first one that matches the DAG."""
    only_after_retries: bool | int = False
    """True: nothing is told while a retry is left. A number: nothing before the try after so many retries."""
    only_on_state_change: bool = False
    """Nothing is told of a failure that follows another one of the same task on this host."""
    template: str | None = None
    """A name of `callbacks.templates`, or jinja text."""
    throttle: float | timedelta = 0.0
    """Seconds within which a second failure of the same task on this host is not told."""

    def __post_init__(self) -> None:
        if isinstance(self.channels, Mapping):
            raise TypeError(f"{type(self).__name__} was called in a callback's place: attach {type(self).__name__}()")
        if isinstance(self.channels, str):
            object.__setattr__(self, "channels", (self.channels,))
        elif self.channels is not None:
            object.__setattr__(self, "channels", tuple(self.channels))
        if isinstance(self.throttle, timedelta):
            object.__setattr__(self, "throttle", self.throttle.total_seconds())
        # An error now, when the DAG is parsed, is better than one when a task has failed.
        if self.severity is not None and self.severity not in _SEVERITIES:
            raise ValueError(f"severity: expected one of {', '.join(_SEVERITIES)}, got {self.severity!r}")
        if self.channels:
            _check(self.channels)
        if not isinstance(self.throttle, (int, float)) or self.throttle < 0:
            raise ValueError(f"throttle: expected seconds or a timedelta, got {self.throttle!r}")

    @property
    def seconds(self) -> float:
        """`throttle` in seconds, which a timedelta has become."""
        return cast("float", self.throttle)


def _check(chosen: tuple[str, ...]) -> None:
    from windsock.channels import NAMES  # noqa: PLC0415  most authors choose none

    known = ("alertmanager", *NAMES)
    for channel in chosen:
        if channel not in known:
            raise ValueError(f"channels: expected some of {', '.join(known)}, got {channel!r}")


DEFAULT = Options()

BESIDE = ("dag_id", "run_id", "deadline_id", "deadline_time")
"""What Airflow hands over of a missed deadline among an author's choices, where it does not put it into a context."""

_Options = TypeVar("_Options", bound=Options)


def forgiving(chosen: Mapping[str, Any], complain: Callable[[str], None], options: _Options) -> _Options:
    """`options` with what is `chosen`. A value that can't be used goes to `complain`: it is too late for an error."""
    for name, value in chosen.items():
        try:
            options = replace(options, **{name: value})
        except (TypeError, ValueError) as error:
            complain(str(error))
    return options
