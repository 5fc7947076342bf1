"""The part of windsock.yaml about what runs inside Airflow's processes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from windsock.channels import Name
from windsock.settings.formats import Patterns, Severity
from windsock.settings.matching import Match
from windsock.settings.section import Section
from windsock.settings.sending import Sending
from windsock.settings.units import Duration

Channel = Literal["alertmanager", Name]
Hook = Literal["failure", "retry", "success", "skipped", "run_failure", "run_success", "sla"]


class AttachMatch(Match):
    """The same, and the team that the DAG belongs to."""

    team: Patterns = ()


class Attach(Section):
    """Callbacks that every task, or run, of some DAGs gets without its author doing anything."""

    match: AttachMatch = AttachMatch.unset()
    """Without a key in it: all DAGs."""
    on: Annotated[tuple[Hook, ...], Field(min_length=1)] = ("failure", "success", "run_failure")
    """failure, retry, success and skipped of tasks; run_failure and run_success of runs; sla (2.11).

    For each call for a run Airflow parses the DAG's file once more: run_success costs that with every run."""
    channels: tuple[Channel, ...] | None = None
    """alertmanager, or some of the team's; without it Alertmanager where there is one, else what the team has."""
    severity: Severity | None = None
    """Instead of what `severity` says."""
    team: str | None = None
    """Instead of the one that matches."""
    only_after_retries: bool | int = False
    """true: nothing is told while a retry is left; a number: nothing before the try after so many retries."""
    only_on_state_change: bool = False
    """Nothing is told of a failure that follows another one of the same task on this host."""
    template: str | None = None
    """A name of `callbacks.templates`, or jinja text."""
    throttle: Duration = 0.0
    """Time within which a second failure of the same task on this host is not told."""

    @model_validator(mode="before")
    @classmethod
    def _on(cls, value: Any) -> Any:
        # YAML 1.1 reads the key `on` as true.
        return {"on" if key is True else key: item for key, item in value.items()} if isinstance(value, dict) else value


class Callbacks(Sending):
    """What runs inside Airflow's processes."""

    attach: tuple[Attach, ...] = ()
    """Who gets callbacks without asking; for each kind of callback the first rule that matches decides."""
    opt_out: Patterns = ("windsock:off",)
    """Tags of DAGs that get none of them."""
