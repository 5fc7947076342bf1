"""What Airflow's own registry does not say of its metrics: help, labels, units, defects, who really emits them.

The registry's facts (name, type, legacy form) are in data/airflow-VERSION.json. The defects were measured on captured
datagrams of Airflow 2.11, 3.1 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
DELAY = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0)
CUSTOM = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 10800.0)
TASK = (0.1, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)

_DAG_TASK = "dag_id task_id"
_TRY = "dag_id task_id run_type"
"""run_type since 3.4.0b2."""
_OPERATOR = f"{_TRY} operator_name"


@dataclass(frozen=True)
class Note:
    """What one metric needs beyond the registry."""

    help: str
    labels: str = ""
    unit: str = ""
    buckets: tuple[float, ...] = FAST
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Tags that older versions, or single calls, name differently."""
    drop: tuple[str, ...] = ()
    """Tags that say what the metric's name says already, or that would split one fact into several series."""
    type: str = ""
    """Set where the registry's type is not what the values are."""
    seconds_in: tuple[str, ...] = ()
    """Major versions that send seconds where the protocol means milliseconds."""
    parse_time: bool = False
    """In seconds or in milliseconds: the exporter tells by the values."""
    stopwatch: bool = False
    """Measured with Airflow's timer(), which sends seconds as milliseconds in the Datadog dialect."""
    policy: Literal["last", "max", "min", "sum"] = "last"
    """What a gauge is when several senders (schedulers, DAG processors) set it."""
    sent_twice: bool = False
    """Airflow sends its legacy form twice in a row."""
    legacy: tuple[str, ...] = ()
    """Legacy forms that the registry leaves out."""
    versions: tuple[tuple[str, str], ...] = ()
    """(first, first one without it) where that is known better than by the two registries; `("", "")` is never."""


_NEVER = (("", ""),)
_OUTCOME = (("2.11", "3.0"), ("3.1.0", ""))
_FAILURE = (("2.11", "3.0"), ("3.1.6", ""))
_START_FINISH = (("2.11", "3.0"), ("3.1.8", ""))
_ONLY_2 = (("2.11", "3.0"),)


def _executor(text: str) -> Note:
    # Each scheduler has an executor of its own.
    return Note(text, "executor_class_name", aliases={"name": "executor_class_name"}, drop=("status",), policy="sum")


def _pool(state: str) -> Note:
    return Note(f"Slots of the pool that are {state}.", "pool_name")


NOTES: dict[str, Note] = {
    # jobs
    "{job_name}_start": Note("Jobs that started, by kind.", "job_name"),
    "{job_name}_end": Note(
        "Jobs that ended, by kind; as schedulerjobrunner the schedulers whose heartbeat had stopped.", "job_name"
    ),
    "{job_name}_heartbeat_failure": Note("Heartbeats that a job could not write.", "job_name"),
    "local_task_job.task_exit": Note(
        "Exits of the supervisor of a task, by return code.",
        "dag_id task_id return_code",
        drop=("job_id",),
        versions=_ONLY_2,
    ),
    "local_task_job_prolonged_heartbeat_failure": Note("Tasks whose supervisor could not send a heartbeat for long."),
    # task instances
    "operator_failures": Note(
        "Failed tries, by operator.", _OPERATOR, aliases={"operator": "operator_name"}, versions=_FAILURE
    ),
    "operator_successes": Note(
        "Successful tries, by operator.",
        _OPERATOR,
        aliases={"operator": "operator_name", "task_type": "operator_name"},
        versions=_OUTCOME,
    ),
    "ti_failures": Note("Failed tries, those that are retried too.", _TRY, versions=_FAILURE),
    "ti_successes": Note("Successful tries.", _TRY, versions=_OUTCOME),
    "ti.start": Note("Tries that started.", _TRY, versions=_START_FINISH),
    "ti.finish": Note("Tries that ended, by the state they ended in.", f"{_TRY} state", versions=_START_FINISH),
    "ti.scheduled": Note("Task instances in state scheduled.", "queue dag_id task_id"),
    "ti.queued": Note("Task instances in state queued.", "queue dag_id task_id"),
    "ti.running": Note("Task instances in state running.", "queue dag_id task_id"),
    "ti.deferred": Note("Task instances in state deferred.", "queue dag_id task_id"),
    "previously_succeeded": Note("Task instances that were run although they had succeeded.", _DAG_TASK),
    "task_instances_without_heartbeats_killed": Note("Task instances failed for want of a heartbeat.", _DAG_TASK),
    "zombies_killed": Note("Task instances failed for want of a heartbeat (Airflow 2).", _DAG_TASK),
    "task_removed_from_dag": Note("Tasks that vanished from a DAG that has runs of them.", "dag_id"),
    "task_restored_to_dag": Note("Tasks that came back to a DAG.", "dag_id"),
    "task_instance_created": Note("Task instances created, by operator.", "dag_id run_type task_type"),
    "task.duration": Note("Run time of a try.", _TRY, buckets=TASK, seconds_in=("2-datadog",), versions=_OUTCOME),
    "task.scheduled_duration": Note(
        "Time from scheduled to queued.", f"{_TRY} queue", buckets=DELAY, seconds_in=("2",)
    ),
    "task.queued_duration": Note(
        "Time from queued to running.",
        f"{_TRY} queue",
        buckets=DELAY,
        seconds_in=("2",),
        versions=(("2.11", "3.0"), ("3.4.0", "")),
    ),
    "task.cpu_usage": Note("CPU share of a running task.", _DAG_TASK, unit="percent"),
    "task.mem_usage": Note("Memory share of a running task.", _DAG_TASK, unit="percent"),
    "resumable_job.fresh_submit": Note("Resumable jobs that were submitted anew."),
    "resumable_job.already_succeeded": Note("Resumable jobs that had succeeded before the try began."),
    "resumable_job.terminal_resubmit": Note("Resumable jobs submitted again after a final state."),
    "resumable_job.reconnect_attempt": Note("Attempts to go on with a job of an earlier try."),
    "resumable_job.reconnect_success": Note("Jobs of an earlier try that were taken up again."),
    # runs
    "dagrun.dependency-check": Note("Time to check what a run's tasks depend on.", "dag_id run_type", stopwatch=True),
    "dagrun.duration.success": Note("Duration of successful runs.", "dag_id run_type", buckets=TASK),
    "dagrun.duration.failed": Note("Duration of failed runs.", "dag_id run_type", buckets=TASK),
    "dagrun.schedule_delay": Note("Delay of a run's start against its schedule.", "dag_id run_type", buckets=DELAY),
    "dagrun.first_task_scheduling_delay": Note(
        "Delay of a run's first task against the run's schedule.", "dag_id run_type", buckets=DELAY, sent_twice=True
    ),
    "dagrun.first_task_start_delay": Note(
        "Delay between a run's start and its first task's.", "dag_id run_type", buckets=DELAY
    ),
    "dag.callback_exceptions": Note("DAG-level callbacks that raised.", "dag_id"),
    # scheduler
    "scheduler_heartbeat": Note("Heartbeats of the schedulers."),
    "scheduler.critical_section_busy": Note("Times that another scheduler held the critical section."),
    "scheduler.critical_section_duration": Note("Time in the critical section.", stopwatch=True),
    "scheduler.critical_section_query_duration": Note("Time of the critical section's query.", stopwatch=True),
    "scheduler.scheduler_loop_duration": Note("Time of one pass of the scheduler's loop.", stopwatch=True),
    "scheduler.executor_heartbeat_duration": Note("Time of one executor heartbeat.", "executor", stopwatch=True),
    "scheduler.tasks.killed_externally": Note("Task instances that ended without the scheduler's doing.", _DAG_TASK),
    "scheduler.tasks.starving": Note("Task instances that wait for a pool slot."),
    "scheduler.tasks.executable": Note("Task instances that were ready in the last pass."),
    "scheduler.dagruns.running": Note("Runs in state running.", "dag_id"),
    "scheduler.orphaned_tasks.cleared": Note("Task instances of dead schedulers that were reset."),
    "scheduler.orphaned_tasks.adopted": Note("Task instances of dead schedulers that were taken over."),
    "scheduler.dag_bag.cache_hit": Note("DAGs that the scheduler found in its cache."),
    "scheduler.dag_bag.cache_miss": Note("DAGs that the scheduler had to load."),
    "scheduler.dag_bag.cache_clear": Note("Times that the scheduler's DAG cache was emptied."),
    "scheduler.dag_bag.cache_size": Note("DAGs in the scheduler's cache."),
    "api_server.dag_bag.cache_hit": Note("DAGs that the API server found in its cache."),
    "api_server.dag_bag.cache_miss": Note("DAGs that the API server had to load."),
    "api_server.dag_bag.cache_clear": Note("Times that the API server's DAG cache was emptied."),
    "api_server.dag_bag.cache_size": Note("DAGs in the API server's cache."),
    # DAG files
    "dag_processor_heartbeat": Note("Heartbeats of the DAG processors."),
    "dagbag_size": Note("DAGs found in the last pass over all files."),
    "dag_processing.import_errors": Note("DAG files that can't be imported."),
    "dag_processing.total_parse_time": Note("Time of the last pass over all DAG files.", unit="seconds"),
    "dag_processing.file_path_queue_size": Note("DAG files that wait to be parsed."),
    "dag_processing.file_path_queue_update_count": Note("Times that the queue of DAG files was filled."),
    "dag_processing.processes": Note(
        "Parsing processes: starts less ends, of which Airflow 3 sends the starts alone.",
        "bundle_name file_path",
        drop=("action",),
        type="gauge",
        policy="sum",
    ),
    "dag_processing.processor_timeouts": Note("DAG files whose parsing took too long.", "file_path"),
    "dag_processing.other_callback_count": Note("Callbacks given to the DAG processor."),
    "dag_processing.callback_only_count": Note("Parsing processes started for a callback alone."),
    "dag_processing.sla_callback_count": Note("SLA callbacks given to the DAG processor."),
    "dag_processing.last_run.seconds_ago": Note(
        "Time since a DAG file was parsed.", "file_path bundle_name file_name", unit="seconds"
    ),
    "dag_processing.last_duration": Note(
        "Time to parse a DAG file.",
        "bundle_name file_name",
        seconds_in=("3",),
        parse_time=True,
        legacy=("dag_processing.last_duration.{file_name}",),
        # Commented out in the source of 3.0 and 3.1.
        versions=(("2.11", "3.0"), ("3.2.0", "")),
    ),
    "dag_processing.last_num_of_db_queries.{dag_file}": Note(
        "Database queries that parsing a DAG file made.", "dag_file", versions=_ONLY_2
    ),
    "dag_processing.manager_stalls": Note("Restarts of a stalled DAG processor.", versions=_ONLY_2),
    "dag_file_processor_timeouts": Note("DAG files whose parsing took too long (older name).", versions=_ONLY_2),
    "dag_file_refresh_error": Note("DAG files that could not be read again.", "file_path", versions=_ONLY_2),
    "collect_db_dags": Note("Time to load all DAGs from the database.", stopwatch=True, versions=_ONLY_2),
    "scheduler.loop_exceptions": Note("Ends of the scheduler's loop by an exception.", "exception_class"),
    "scheduler.executor_events.processed": Note("Executor events that were processed."),
    "scheduler.executor_events.failed": Note("Times that processing executor events failed.", "exception_class"),
    "scheduler.executor_events.batch_size": Note("Executor events in the last batch."),
    "scheduler.zombies.detected": Note("Task instances found to be zombies.", "reason"),
    "scheduler.dagruns.queued": Note("Runs in state queued.", "dag_id"),
    "dag.serialization.version_created": Note("DAG versions that were created.", "dag_id bundle_name"),
    "dag.serialization.version_updated": Note("DAG versions that were updated in place.", "dag_id bundle_name"),
    "managed_agent.failover": Note("Changes from one managed agent to the next.", "from_platform to_platform"),
    "managed_agent.served": Note("Calls that a managed agent answered.", "tool platform"),
    "common_ai.tool_calls": Note("Calls of AI tools.", "toolset framework outcome"),
    # executors and pools
    "executor.open_slots": _executor("Free slots of the executor."),
    "executor.queued_tasks": _executor("Task instances queued in the executor."),
    "executor.running_tasks": _executor("Task instances running in the executor."),
    "pool.open_slots": _pool("free"),
    "pool.queued_slots": _pool("taken by queued task instances"),
    "pool.running_slots": _pool("taken by running task instances"),
    "pool.deferred_slots": _pool("taken by deferred task instances"),
    "pool.scheduled_slots": _pool("asked for by scheduled task instances"),
    "pool.starving_tasks": Note("Task instances that wait for a slot of the pool.", "pool_name"),
    "celery.task_timeout_error": Note("Tasks that could not be handed to the Celery broker in time."),
    "celery.execute_command.failure": Note("Celery commands that failed."),
    "kubernetes_executor.pod_creation_status": Note("Pod creations, by status.", "status"),
    "kubernetes_executor.pod_deletion_status": Note("Pod deletions, by status.", "status"),
    "kubernetes_executor.pod_patching_status": Note("Pod patches, by status.", "status"),
    "kubernetes_executor.pod_creation_batch_duration": Note("Time to create a batch of pods."),
    "kubernetes_executor.pod_creation_batch_size": Note("Pods created in the last batch."),
    "kubernetes_executor.adopt_task_instances.duration": Note("Time to adopt task instances.", stopwatch=True),
    "kubernetes_executor.pod_creation": Note("Time to create a pod."),
    "kubernetes_executor.pod_deletion": Note("Time to delete a pod."),
    "kubernetes_executor.pod_patching": Note("Time to patch a pod."),
    "batch_executor.adopt_task_instances.duration": Note("Time to adopt task instances (Batch).", stopwatch=True),
    "ecs_executor.adopt_task_instances.duration": Note("Time to adopt task instances (ECS).", stopwatch=True),
    "lambda_executor.adopt_task_instances.duration": Note("Time to adopt task instances (Lambda).", stopwatch=True),
    "edge_executor.sync.duration": Note("Time of one synchronisation of the edge executor.", stopwatch=True),
    "edge_worker.status": Note("State of an edge worker, as a number.", "worker_name"),
    "edge_worker.connected": Note("Whether an edge worker is connected.", "worker_name"),
    "edge_worker.maintenance": Note("Whether an edge worker is under maintenance.", "worker_name"),
    "edge_worker.jobs_active": Note("Jobs that an edge worker runs.", "worker_name"),
    "edge_worker.concurrency": Note("Jobs that an edge worker may run.", "worker_name"),
    "edge_worker.free_concurrency": Note("Jobs that an edge worker could still take.", "worker_name"),
    "edge_worker.num_queues": Note("Queues that an edge worker listens to.", "worker_name"),
    "edge_worker.heartbeat_count": Note("Heartbeats of an edge worker.", "worker_name"),
    "edge_worker.ti.start": Note("Tries that started on edge workers.", "queue dag_id task_id"),
    "edge_worker.ti.finish": Note("Tries that ended on edge workers.", "queue state dag_id task_id"),
    # triggers
    "triggerer_heartbeat": Note("Heartbeats of the triggerers."),
    "triggers.blocked_main_thread": Note("Times that a trigger blocked the triggerer's loop."),
    "triggers.failed": Note("Triggers that failed before they fired."),
    "triggers.succeeded": Note("Triggers that fired."),
    "triggers.running": Note("Triggers that run.", "hostname"),
    "triggerer.capacity_left": Note("Triggers that the triggerer could still take.", "hostname"),
    "triggerer.batch_trigger_creation_duration": Note("Time to create a batch of triggers."),
    "triggerer.trigger_queue_delay": Note("Time that a trigger waited to be run.", buckets=DELAY),
    # assets and deadlines
    "asset.updates": Note("Updates of assets."),
    "asset.orphaned": Note("Assets that no DAG refers to any more."),
    "asset.triggered_dagruns": Note("Runs that an asset started."),
    "dataset.updates": Note("Updates of datasets (Airflow 2)."),
    "dataset.orphaned": Note("Datasets that no DAG refers to any more (Airflow 2)."),
    "dataset.triggered_dagruns": Note("Runs that a dataset started (Airflow 2)."),
    "deadline_alerts.deadline_created": Note("Deadlines that were set.", "dag_id", drop=("dagrun_id",)),
    "deadline_alerts.deadline_missed": Note("Deadlines that were missed.", "dag_id", drop=("dagrun_id",)),
    "deadline_alerts.deadline_not_missed": Note("Deadlines that were kept.", "dag_id", drop=("dagrun_id",)),
    "deadline_alerts.deadline_creation_failed": Note("Deadlines that could not be set.", "dag_id"),
    "deadline_alerts.callback_{status}": Note("Callbacks of deadlines, by the state they came to.", "dag_id status"),
    "sla_missed": Note("SLAs that were missed (Airflow 2).", _DAG_TASK),
    "sla_callback_notification_failure": Note("SLA callbacks that failed (Airflow 2).", "dag_id func_name"),
    "sla_email_notification_failure": Note("SLA e-mails that failed (Airflow 2).", "dag_id"),
    # OpenLineage, connection tests, loaders
    "ol.event.size": Note("Size of an OpenLineage event.", "event_type operator_name", unit="bytes"),
    "ol.emit.attempts": Note("Time to emit an OpenLineage event.", "event_type transport_type", stopwatch=True),
    "ol.emit.failed": Note("OpenLineage events that could not be emitted."),
    "ol.extract": Note("Time to extract OpenLineage metadata.", "event_type operator_name", stopwatch=True),
    "connection_test.active": Note("Connection tests that run."),
    "connection_test.pending": Note("Connection tests that wait."),
    "connection_test.success": Note("Connection tests that succeeded."),
    "connection_test.failed": Note("Connection tests that failed."),
    "connection_test.reaped": Note("Connection tests that were given up."),
    "connection_test.dispatch_duration": Note("Time to dispatch connection tests.", stopwatch=True),
    "connection_test.hook_duration": Note("Time of a connection test.", stopwatch=True),
    "airflow.io.load_filesystems": Note("Time to load the file systems.", stopwatch=True),
    "serde.load_serializers": Note("Time to load the serializers.", stopwatch=True),
}
