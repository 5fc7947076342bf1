"""Rules about the triggerers, for which deferred tasks wait."""

from __future__ import annotations

from .limit import Limit
from .promql import growth, known
from .rule import Group, Rule
from .scheduling import ALIVE_WITHIN, newest

_WAITING = 'airflow_db_trigger_oldest_age_seconds{state="waiting"}'

TRIGGERING = Group(
    "airflow-triggering",
    (
        Rule(
            name="AirflowTriggererDown",
            limit=Limit(of=newest("TriggererJob"), sign=">", threshold=ALIVE_WITHIN, unit="seconds"),
            for_="1m",
            severity="critical",
            summary="No triggerer of {{ $labels.cluster }} has had a heartbeat for {{ $value | humanizeDuration }}",
            description="No deferred task wakes up, however long ago what it waits for has come.",
        ),
        Rule(
            name="AirflowTriggersWaiting",
            # While none lives, another alert says so.
            limit=Limit(
                of=f"max by (cluster) ({known(_WAITING)})",
                sign=">",
                threshold=300,
                unit="seconds",
                also=f"unless on (cluster)\n{newest('TriggererJob')} > {ALIVE_WITHIN}",
            ),
            for_="2m",
            severity="warning",
            summary="A trigger of {{ $labels.cluster }} has waited {{ $value | humanizeDuration }} for a triggerer",
            description="Deferred tasks wait for a triggerer to take them: all are full, none is there, or none listens"
            " to the queue of the task.",
        ),
        Rule(
            name="AirflowTriggererFull",
            limit=Limit(
                of=f"sum by (cluster) (max by (cluster, hostname) ({known('airflow_triggerer_capacity_left')}))",
                sign="<=",
                threshold=0,
            ),
            for_="10m",
            severity="warning",
            summary="The triggerers of {{ $labels.cluster }} are full",
            description="What is deferred next waits until one of their triggers has fired.",
        ),
        Rule(
            name="AirflowTriggererBlocked",
            limit=Limit(
                of=growth("airflow_triggers_blocked_main_thread_total", 15, "cluster"), sign=">=", threshold=15
            ),
            severity="warning",
            summary="A trigger blocks the triggerer of {{ $labels.cluster }}: {{ $value }} times within 15 minutes",
            description="While one runs code that does not yield, all other triggers stand still, and the tasks that"
            " wait for them.",
        ),
        Rule(
            name="AirflowTriggersFailing",
            limit=Limit(of=growth("airflow_triggers_failed_total", 15, "cluster"), sign=">=", threshold=15),
            severity="warning",
            summary="Triggers of {{ $labels.cluster }} that failed within 15 minutes: {{ $value }}",
            description="They ended before what they wait for had come. Each is a deferred task that fails, or is tried"
            " again.",
        ),
    ),
)
