"""What windsock reads from Airflow's metadata database: name, type, help, labels, unit, buckets.

A gauge is a snapshot: what a pass does not find any more is gone. Counters and histograms hold what finished while
this process looked; they begin at 0 with every start and with every change of the leader.
"""

from __future__ import annotations

from windsock.catalog.airflow_metrics import DELAY, TASK

Row = tuple[str, str, str, str, str, tuple[float, ...]]


def _gauge(name: str, text: str, labels: str = "", unit: str = "") -> Row:
    return f"airflow_db_{name}", "gauge", text, labels, unit, ()


def _counter(name: str, text: str, labels: str) -> Row:
    return f"airflow_db_{name}_total", "counter", text, labels, "", ()


def _histogram(name: str, text: str, labels: str, buckets: tuple[float, ...]) -> Row:
    return f"airflow_db_{name}_seconds", "histogram", text, labels, "seconds", buckets


DB_METRICS: tuple[Row, ...] = (
    _gauge("up", "Whether Airflow's metadata database answers, and lets itself be read."),
    # DAGs; a stale one (its file is gone) has only airflow_db_dag_stale
    _gauge("dag_info", "Always 1; the labels say whose the DAG is.", "dag_id owner team severity tags"),
    _gauge("dag_paused", "Whether the DAG is paused.", "dag_id"),
    _gauge("dag_paused_with_schedule", "1 for a DAG that has a schedule and is paused; else no series.", "dag_id"),
    _gauge(
        "dag_paused_by_failures",
        "1 for a paused DAG whose last runs failed as often in a row as makes Airflow pause it; else no series.",
        "dag_id",
    ),
    _gauge("dag_stale", "1 for a DAG whose file no longer brings it; else no series.", "dag_id"),
    _gauge("dag_last_parsed_timestamp_seconds", "When the DAG's file was last parsed.", "dag_id", "seconds"),
    _gauge(
        "dag_schedule_lag_seconds",
        "How long the DAG's next run has been due without being created; 0 where none is due or the DAG is paused.",
        "dag_id",
        "seconds",
    ),
    # runs
    _gauge("dag_runs", "Runs of the DAG that are queued or running.", "dag_id state"),
    _gauge(
        "dag_run_oldest_age_seconds",
        "Age of the DAG's oldest queued run (since it was queued) or running run (since it started).",
        "dag_id state",
        "seconds",
    ),
    _gauge(
        "dag_last_success_timestamp_seconds",
        "When the latest successful run ended; the latest is the one that was due last.",
        "dag_id",
        "seconds",
    ),
    _gauge("dag_last_run_state", "1 for the state of the finished run that was due last.", "dag_id state"),
    _gauge("dag_last_run_timestamp_seconds", "When the finished run that was due last ended.", "dag_id", "seconds"),
    _gauge(
        "dag_consecutive_failures",
        "Failed runs since the last success, in the order in which they were due; counted up to 30.",
        "dag_id",
    ),
    _gauge(
        "dag_run_usual_seconds",
        "95th percentile of the run time of the successes among the DAG's last 30 finished runs; needs 3 of them.",
        "dag_id",
        "seconds",
    ),
    _gauge(
        "dag_run_usual_ratio",
        "Age of the DAG's oldest running run, divided by its usual run time; 0 for ten minutes after the last.",
        "dag_id",
    ),
    _gauge(
        "dag_success_pause_seconds",
        "Longest time between two successes among the last 30 finished runs of a DAG with a schedule that is not"
        " paused; needs 5 of them.",
        "dag_id",
        "seconds",
    ),
    _gauge(
        "dag_success_lag_seconds",
        "How long the oldest run has been due that was due after the last success; 0: none is. Of the DAGs that have"
        " dag_success_pause_seconds.",
        "dag_id",
        "seconds",
    ),
    _counter("dag_runs_finished", "Runs that finished, by state.", "dag_id state"),
    _histogram("dag_run_duration", "Time from start to end of finished runs.", "dag_id state", TASK),
    # what slo in windsock.yaml promises
    _gauge(
        "dag_objective_ratio",
        "What slo promises: the share of the runs that succeed, of the time in which the other objectives hold.",
        "dag_id objective",
        "ratio",
    ),
    _gauge("dag_fresh_within_seconds", "What slo.fresh_within promises.", "dag_id", "seconds"),
    _gauge("dag_fresh", "Whether the last success is as young as slo.fresh_within promises.", "dag_id"),
    _gauge(
        "dag_finish_by_timestamp_seconds",
        "The last time of day that slo.finish_by names, before now.",
        "dag_id",
        "seconds",
    ),
    _gauge(
        "dag_finish_by_missed",
        "Whether the run that was due before slo.finish_by has still not succeeded; 0 on days without a run.",
        "dag_id",
    ),
    _gauge(
        "dag_expected_finish_timestamp_seconds",
        "When the run that slo.finish_by waits for will be done, by the DAG's tasks and its own history.",
        "dag_id quantile",
        "seconds",
    ),
    _gauge(
        "dag_finish_at_risk",
        "Whether that run is likely to be late; 0 on days without one, and once it has failed or succeeded.",
        "dag_id",
    ),
    _gauge(
        "dag_expected_late_seconds",
        "While it is at risk: how late it is expected to be, and the task that costs most; none where its start does.",
        "dag_id task_id",
        "seconds",
    ),
    # task instances
    _gauge("task_instances", "Task instances that are not finished, by state.", "dag_id state"),
    _gauge(
        "task_instance_oldest_age_seconds",
        "Longest time that one of the DAG's task instances has been scheduled, queued or running.",
        "dag_id state",
        "seconds",
    ),
    _gauge(
        "deferred_oldest_age_seconds",
        "Longest time that a task instance of the DAG waits for its trigger.",
        "dag_id",
        "seconds",
    ),
    _gauge(
        "dag_ready_oldest_age_seconds",
        "Longest time that a task instance of the DAG has been scheduled although its pool has free slots.",
        "dag_id",
        "seconds",
    ),
    _counter("task_instances_finished", "Task instances that finished, by state.", "dag_id state"),
    _counter(
        "dag_tries_finished",
        "Task instances that succeeded or failed, for as long as nothing has said to the exporter how tries end.",
        "dag_id state",
    ),
    _histogram(
        "task_instance_duration",
        "Time from start to end of task instances that succeeded or failed.",
        "dag_id state",
        TASK,
    ),
    _histogram(
        "task_instance_queue_wait",
        "Time from queued to start of task instances that succeeded or failed.",
        "dag_id",
        DELAY,
    ),
    _histogram("queue_wait", "Time from queued to start of the task instances of all DAGs.", "", DELAY),
    # capacity
    _gauge(
        "executor_task_instances", "Task instances queued or running, by executor and queue.", "executor queue state"
    ),
    _gauge("pool_slots", "Slots of the pool; +Inf for a pool without a limit.", "pool_name"),
    _gauge("pool_used_slots", "Slots that task instances in this state take or ask for.", "pool_name state"),
    _gauge("pool_open_slots", "Slots of the pool that are free.", "pool_name"),
    _gauge("pool_starving_tasks", "Scheduled task instances of a pool that has no free slot.", "pool_name"),
    _gauge(
        "pool_oldest_wait_seconds",
        "Longest time that a task instance of the pool has been scheduled.",
        "pool_name",
        "seconds",
    ),
    # components
    _gauge(
        "heartbeat_timestamp_seconds",
        "Last heartbeat of a component that has not ended properly; one without a heartbeat for a day is left out.",
        "job_type hostname",
        "seconds",
    ),
    _gauge(
        "heartbeat_age_seconds",
        "Age of the last heartbeat of a component that has not ended properly, up to a day.",
        "job_type hostname",
        "seconds",
    ),
    _gauge("triggers", "Triggers: taken by a triggerer (assigned) or not (waiting).", "state"),
    _gauge("trigger_oldest_age_seconds", "Age of the oldest trigger.", "state", "seconds"),
    _gauge(
        "import_error_timestamp_seconds",
        "When a DAG file that can't be imported was last found so.",
        "file_path bundle_name",
        "seconds",
    ),
    # deadlines, assets, backfills
    _gauge("deadlines", "Deadlines of runs: pending, or missed in the last day.", "dag_id state"),
    _gauge("deadline_next_timestamp_seconds", "The earliest pending deadline.", "dag_id", "seconds"),
    _gauge("asset_last_event_timestamp_seconds", "Last event of an asset (2.11: dataset).", "asset", "seconds"),
    _gauge(
        "backfill_runs", "Runs of a backfill that is not completed; none: not created yet.", "dag_id backfill_id state"
    ),
    _gauge("backfill_paused", "1 for a backfill that is paused; else no series.", "dag_id backfill_id"),
    # the database itself
    _gauge("table_rows", "Rows of a table, as the database estimates them.", "table"),
    _gauge("table_size_bytes", "Size of a table with its indexes.", "table", "bytes"),
    _gauge("table_oldest_row_timestamp_seconds", "Time of a table's oldest row.", "table", "seconds"),
)

COLLECTOR_METRICS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "windsock_metadata_leader",
        "gauge",
        "Whether this exporter reads the database; of several, one does.",
        (),
    ),
    ("windsock_metadata_collection_duration_seconds", "gauge", "Time of the last pass over the database.", ()),
    ("windsock_metadata_statements", "gauge", "Statements of the last pass over the database.", ()),
    ("windsock_metadata_query_duration_seconds", "gauge", "Time of a query, at its last try.", ("query",)),
    ("windsock_metadata_query_errors_total", "counter", "Queries that failed, by reason.", ("query", "reason")),
    (
        "windsock_metadata_query_supported",
        "gauge",
        "Whether the database's schema has what a query needs.",
        ("query",),
    ),
    (
        "windsock_metadata_last_success_timestamp_seconds",
        "gauge",
        "When a query last succeeded.",
        ("query",),
    ),
    ("windsock_metadata_series", "gauge", "Series read from the database; a histogram counts as one.", ()),
    ("windsock_metadata_overflow_total", "counter", "New series that a budget kept out.", ("budget",)),
)
