"""The catalogue's metrics that no panel shows, each with the reason why not."""

from __future__ import annotations

_TWICE = "says what airflow_ti_finish_total says, without the state"
_OLD = "Airflow 2 alone sends it, and what it says another panel shows for every version"
_OPENLINEAGE = "about OpenLineage's own delivery, which its back end watches; no on-call decision rests on it"
_TEST = "about connection tests that people start by hand in Airflow's UI, and see there"
_AI = "about AI tools of single tasks (Airflow 3.4): a matter of those tasks' authors"
_RULE = "what an alert goes by, which says it; the panels show the age and the number that it follows from"
_OTLP = "of OpenTelemetry's receiver, which few have; `windsock explain --otlp` and docs/otlp.md say more"
_LINEAGE = "of OpenLineage's receiver, which few have; docs/openlineage.md says more"
_LOADING = "time of loading code at the start of each process; no on-call decision rests on it"

UNPLOTTED = {
    "airflow_db_dag_tries_finished_total": "for rules, where Airflow does not say it; task_instances_finished has all",
    "airflow_local_task_job_prolonged_heartbeat_failure_total": _OLD,
    "airflow_local_task_job_task_exit_total": _OLD,
    "airflow_ti_failures_total": _TWICE,
    "airflow_ti_successes_total": _TWICE,
    "airflow_dag_processing_manager_stalls_total": _OLD,
    "airflow_dag_file_processor_timeouts_total": _OLD,
    "airflow_dag_file_refresh_error_total": _OLD,
    "airflow_task_instance_created_total": "counts what the runs' size decides; what became of them is shown",
    "airflow_dag_processing_last_num_of_db_queries": _OLD,
    "airflow_collect_db_dags_seconds": _OLD,
    "airflow_airflow_io_load_filesystems_seconds": _LOADING,
    "airflow_serde_load_serializers_seconds": _LOADING,
    "airflow_ol_emit_failed_total": _OPENLINEAGE,
    "airflow_ol_event_size": _OPENLINEAGE,
    "airflow_ol_emit_attempts_seconds": _OPENLINEAGE,
    "airflow_ol_extract_seconds": _OPENLINEAGE,
    "airflow_connection_test_success_total": _TEST,
    "airflow_connection_test_failed_total": _TEST,
    "airflow_connection_test_reaped_total": _TEST,
    "airflow_connection_test_active": _TEST,
    "airflow_connection_test_pending": _TEST,
    "airflow_connection_test_dispatch_duration_seconds": _TEST,
    "airflow_connection_test_hook_duration_seconds": _TEST,
    "airflow_edge_worker_status": "a number that only Airflow's code explains; connected and maintenance say it",
    "airflow_edge_worker_num_queues": "a setting of the worker, which its configuration says",
    "airflow_managed_agent_failover_total": _AI,
    "airflow_managed_agent_served_total": _AI,
    "airflow_common_ai_tool_calls_total": _AI,
    "windsock_otlp_points_total": _OTLP,
    "windsock_otlp_requests_total": _OTLP,
    "windsock_otlp_forwarded_points_total": _OTLP,
    "windsock_otlp_instances": _OTLP,
    "windsock_otlp_streams": _OTLP,
    "windsock_otlp_forgotten_streams_total": _OTLP,
    "windsock_openlineage_events_total": _LINEAGE,
    "windsock_openlineage_requests_total": _LINEAGE,
    "windsock_openlineage_dropped_total": _LINEAGE,
    "windsock_openlineage_edges": _LINEAGE,
    "windsock_celery_up": "the panel of Celery's queues is empty then, and the exporter's page says why",
    "windsock_reconcile_covers_since_timestamp_seconds": "a setting; windsock_reconcile_gap_seconds is what it misses",
    "airflow_dagrun_dependency_check_seconds": "by DAG; airflow_dependency_check_seconds adds it up, and is shown",
    "airflow_db_heartbeat_timestamp_seconds": "the same as airflow_db_heartbeat_age_seconds, which is shown",
    "airflow_db_dag_success_pause_seconds": _RULE,
    "airflow_db_dag_success_lag_seconds": _RULE,
    "airflow_db_dag_ready_oldest_age_seconds": _RULE,
    "airflow_db_pool_oldest_wait_seconds": _RULE,
    "airflow_db_dag_paused_by_failures": "an alert says it, and the DAG's page that it is paused and failed",
    "airflow_db_backfill_paused": "keeps an alert quiet; Airflow's page of the backfill says it",
}
"""By family."""
