"""As much of an OpenLineage event as says what a job reads, what it writes, and what it is part of.

After the specification 2-0-2 (RunEvent, JobEvent, the facets `parent` and `jobType` and, Airflow's own, `airflow`).
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, WrapValidator
from pydantic.alias_generators import to_camel

_Part = TypeVar("_Part")


def _perhaps(value: Any, parse: Any) -> Any:
    """None where a facet is not what it should be: its producer may have made it before there was a schema."""
    try:
        return parse(value)
    except ValidationError:
        return None


Perhaps = Annotated[_Part | None, WrapValidator(_perhaps)]


class Part(BaseModel, alias_generator=to_camel):
    """A part of an event; what else it holds is not kept."""


class Named(Part):
    """A job or a dataset."""

    namespace: str
    name: str


class JobType(Part):
    """What a job is to who tells of it: `DAG`, `TASK`, `MODEL`, `TEST`, `SQL` …"""

    job_type: str


class JobFacets(Part):
    """Those of a job that are read."""

    job_type: Perhaps[JobType] = None


class Job(Named):
    """The job that an event is about."""

    facets: Perhaps[JobFacets] = None


class RunId(Part):
    """A run by its id alone."""

    run_id: str


class Parent(Part):
    """The job that this one is part of: of a task its DAG, of a Spark job the task that submitted it."""

    job: Named
    run: RunId


class DagRun(Part):
    """Airflow's run, under the name that the database has for it, in which no letter is a capital."""

    id: str = Field(alias="run_id")


class Airflow(Part):
    """Airflow's own facet of a task."""

    dag_run: DagRun


class Facets(Part):
    """Those of a run that are read."""

    parent: Perhaps[Parent] = None
    airflow: Perhaps[Airflow] = None


class Run(RunId):
    """The run that an event is about."""

    facets: Perhaps[Facets] = None


class Event(Part):
    """A RunEvent or a JobEvent; a DatasetEvent has no job."""

    event_time: datetime
    event_type: str = ""
    run: Run | None = None
    job: Job | None = None
    inputs: list[Named] = []
    outputs: list[Named] = []

    @property
    def at(self) -> float:
        """When it happened, in seconds since 1970; without a zone it is UTC."""
        moment = self.event_time
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()

    @property
    def kind(self) -> str:
        """The `jobType` of its job; empty where it says none."""
        facets = self.job and self.job.facets
        return facets.job_type.job_type if facets and facets.job_type else ""

    @property
    def facets(self) -> Facets:
        """Of its run, if it has one."""
        return (self.run and self.run.facets) or Facets()


def read(body: bytes) -> Event:
    """Read an event. Raises ValueError, whose message names the place and has nothing of the event."""
    try:
        return Event.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"not an OpenLineage event: {f'{place}: ' if place else ''}{first['type']}") from None
