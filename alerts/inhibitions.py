"""Which alert makes which other one redundant: of one incident there is one message, its cause's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.events import ALERTNAMES, DAG_RUN_FAILED, DEADLINE_MISSED, TASK_FAILED

from .matchers import in_, is_

if TYPE_CHECKING:
    from collections.abc import Sequence

# Not what a team was promised (AirflowDataStale, AirflowFinishMissed): those who wait for data hear of it, whatever
# the reason is.
_WITHOUT_SCHEDULER = (
    "AirflowBackfillStuck",
    "AirflowComponentLost",
    "AirflowCriticalSectionSlow",
    "AirflowDagNoSuccess",
    "AirflowDagRunLong",
    "AirflowDagRunNotStarting",
    "AirflowDagScheduleMissed",
    "AirflowFinishAtRisk",
    "AirflowSchedulerLoopSlow",
    "AirflowTasksNotStarting",
    "AirflowTasksStuckQueued",
    "WindsockSendersStopped",
)
CLUSTER: dict[str, tuple[str, ...]] = {
    "WindsockExporterDown": ("AirflowSchedulerHeartbeatAbsent",),
    # After a restart of the exporter both hold: heard before, and not since.
    # A scheduler stops without its database, and says so before the exporter is sure; the alert names both.
    "AirflowSchedulerHeartbeatStopped": (
        "AirflowSchedulerHeartbeatAbsent",
        "WindsockDatabaseDown",
        *_WITHOUT_SCHEDULER,
    ),
    "AirflowSchedulerHeartbeatAbsent": _WITHOUT_SCHEDULER,
    "AirflowDagProcessorDown": ("AirflowDagParsingBehind", "AirflowDagParsingStopped"),
    "AirflowTriggererDown": ("AirflowTriggererBlocked", "AirflowTriggererFull", "AirflowTriggersWaiting"),
    "AirflowExecutorFull": ("AirflowTasksNotStarting", "AirflowTasksStuckQueued"),
    "AirflowDatabaseSlow": ("AirflowCriticalSectionSlow", "AirflowSchedulerLoopSlow", "WindsockCollectorStale"),
    "AirflowCriticalSectionSlow": ("AirflowSchedulerLoopSlow",),
    "WindsockDatabaseDown": ("WindsockCollectorStale", "WindsockReconcilerStopped"),
}
"""Of a whole cluster: the cause, and what follows from it."""
DAG: dict[str, tuple[str, ...]] = {
    # A promise that is broken is no longer at risk: its end is not told beside that. Nor that the run, which is late,
    # takes longer than ever.
    "AirflowFinishMissed": ("AirflowFinishAtRisk", "AirflowDagRunLong"),
    "AirflowFinishAtRisk": ("AirflowDagRunLong",),
    "AirflowDataStale": ("AirflowDagNoSuccess",),
    "AirflowDagPausedByFailures": ("AirflowDagNoSuccess", "AirflowDagScheduleMissed"),
    "AirflowErrorBudgetBurnsFast": ("AirflowErrorBudgetBurns",),
}
"""The same of one DAG."""
_FAILED = (TASK_FAILED, DAG_RUN_FAILED)
_ABOUT_FAILURES = ("AirflowFailureRateHigh", "AirflowTaskFailuresUnnotified")


def rules() -> list[dict[str, Any]]:
    """Return alertmanager.yml's `inhibit_rules`."""
    return [
        # A failed task fails its run: one message, the task's, which has the exception.
        *_held_back((TASK_FAILED,), (DAG_RUN_FAILED,), ["cluster", "dag_id", "run_id"]),
        # Who was told of a failure needs no second message that there are failures.
        *_held_back(_FAILED, _ABOUT_FAILURES, ["cluster", "dag_id"]),
        # Nor that what has failed is late, or has not succeeded for long.
        *_held_back(_FAILED, (DEADLINE_MISSED,), ["cluster", "dag_id", "run_id"]),
        *_held_back(_FAILED, ("AirflowDagNoSuccess", "AirflowFinishMissed"), ["cluster", "dag_id"]),
        *(_follows(cause, symptoms, ["cluster"]) for cause, symptoms in CLUSTER.items()),
        *(_follows(cause, symptoms, ["cluster", "dag_id"]) for cause, symptoms in DAG.items()),
        # The same failure, which two senders judged differently.
        {
            "source_matchers": [in_("alertname", ALERTNAMES), is_("severity", "critical")],
            "target_matchers": [in_("alertname", ALERTNAMES), is_("severity", "warning")],
            "equal": ["alertname", "cluster", "dag_id", "task_id", "run_id", "deadline"],
        },
    ]


def _follows(cause: str, symptoms: Sequence[str], equal: list[str]) -> dict[str, Any]:
    return {
        # What somebody has tuned to be recorded alone silences nothing.
        "source_matchers": [is_("alertname", cause), 'severity!="info"'],
        "target_matchers": [in_("alertname", symptoms)],
        "equal": equal,
    }


def _held_back(sources: Sequence[str], targets: Sequence[str], equal: list[str]) -> list[dict[str, Any]]:
    """Two inhibitions, so that an alert silences none that is louder, and one that is only recorded silences none.

    A label that both alerts lack is equal: the sources are held to those that have all of `equal`.
    """
    complete = [f'{label}!=""' for label in equal]
    return [
        {
            "source_matchers": [in_("alertname", sources), is_("severity", severity), *complete],
            "target_matchers": [in_("alertname", targets), *louder],
            "equal": equal,
        }
        for severity, louder in (("critical", []), ("warning", ['severity!="critical"']))
    ]
