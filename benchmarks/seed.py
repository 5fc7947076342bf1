"""Fills a PostgreSQL database as years of Airflow 3.3 would: DAGs, runs, task instances, and what goes with them.

    python benchmarks/seed.py URL [--dags 500] [--runs 200] [--tasks 20]

The database has to have the tables (tests/data/schemas/airflow-VERSION-postgresql.sql). The last run of every tenth DAG
is running, and some more are queued; one task instance in a thousand has failed.
"""

from __future__ import annotations

import argparse
import time

import sqlalchemy as sa

STATEMENTS = (
    """
    INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, owners, fileloc, timetable_type, timetable_summary,
                     max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs, has_task_concurrency_limits,
                     last_parsed_time, next_dagrun_create_after, partition_mapper_info)
    SELECT 'dag_' || lpad(d::text, 5, '0'), d % 25 = 0, false, 'dags', 'team_' || d % 9, '/dags/' || d || '.py',
           'cron', '0 * * * *', 16, 16, 0, false, now(), now() + interval '10 minutes', '{}'
    FROM generate_series(1, :dags) d
    """,
    """
    INSERT INTO dag_tag (name, dag_id)
    SELECT 'tag_' || t, 'dag_' || lpad(d::text, 5, '0') FROM generate_series(1, :dags) d, generate_series(1, 5) t
    """,
    """
    INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, logical_date, queued_at, start_date, end_date,
                         updated_at)
    SELECT 'dag_' || lpad(d::text, 5, '0'), 'scheduled__' || r, 'scheduled',
           CASE WHEN r = :runs AND d % 10 = 0 THEN 'running' WHEN r = :runs AND d % 10 = 1 THEN 'queued'
                WHEN (d * 7 + r) % 50 = 0 THEN 'failed' ELSE 'success' END,
           due, CASE WHEN d % 20 <> 3 THEN due END, due + interval '1 second', due + interval '2 seconds',
           CASE WHEN r = :runs AND d % 10 < 2 THEN NULL ELSE due + (60 + (d + r) % 300) * interval '1 second' END,
           due
    FROM generate_series(1, :runs) r, generate_series(1, :dags) d,
         LATERAL (SELECT now() - (:runs - r) * interval '1 hour' - interval '10 minutes' AS due) t
    """,
    """
    INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number, max_tries, pool, pool_slots,
                               queue, priority_weight, operator, hostname, queued_dttm, scheduled_dttm, start_date,
                               end_date, duration, updated_at, last_heartbeat_at, task_display_name)
    SELECT gen_random_uuid(), r.dag_id, r.run_id, 'task_' || t, -1, s.state, 1, 1, 'default_pool', 1, 'default', 1,
           'PythonOperator', 'worker-' || r.id % 20, r.start_date, r.start_date,
           CASE WHEN s.state IN ('success', 'failed', 'running') THEN r.start_date + t * interval '2 seconds' END,
           CASE WHEN s.state IN ('success', 'failed') THEN r.start_date + t * interval '3 seconds' END,
           t, r.start_date, r.start_date, 'task_' || t
    FROM dag_run r, generate_series(1, :tasks) t,
         LATERAL (SELECT CASE WHEN r.state = 'queued' THEN NULL
                              WHEN r.state = 'running' AND t > :tasks / 2 THEN
                                   (ARRAY['scheduled', 'queued', 'running', 'deferred', NULL])[1 + t % 5]
                              WHEN r.state = 'failed' AND t = :tasks THEN 'failed'
                              ELSE 'success' END AS state) s
    ORDER BY r.id
    """,
    """
    INSERT INTO slot_pool (pool, slots, include_deferred)
    SELECT CASE WHEN p = 1 THEN 'default_pool' ELSE 'pool_' || p END, 128, false FROM generate_series(1, 20) p
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO job (job_type, state, hostname, start_date, latest_heartbeat)
    SELECT (ARRAY['SchedulerJob', 'TriggererJob', 'DagProcessorJob'])[1 + j % 3], 'running', 'host-' || j, now(), now()
    FROM generate_series(1, 6) j
    """,
    "INSERT INTO import_error (timestamp, filename, bundle_name) VALUES (now(), 'broken.py', 'dags')",
    """
    INSERT INTO asset (name, uri, "group", extra, created_at, updated_at)
    SELECT 'asset_' || a, 's3://bucket/' || a, 'asset', '{}', now(), now() FROM generate_series(1, 200) a
    """,
    """
    INSERT INTO asset_event (asset_id, extra, timestamp)
    SELECT 1 + e % 200, '{}', now() - e * interval '1 minute' FROM generate_series(1, 20000) e
    """,
    """
    INSERT INTO deadline (id, created_at, last_updated_at, dagrun_id, deadline_time, missed, callback_id)
    SELECT gen_random_uuid(), now(), now(), id, now() + interval '1 hour', id % 2 = 0, gen_random_uuid()
    FROM dag_run WHERE state = 'running'
    """,
    """
    INSERT INTO trigger (classpath, kwargs, created_date, triggerer_id)
    SELECT 'x', '', now() - g * interval '1 second', g % 3 FROM generate_series(1, 200) g
    """,
    """
    INSERT INTO log (dttm, event) SELECT now() - g * interval '1 second', 'x' FROM generate_series(1, 10000) g
    """,
)


def seed(url: str, dags: int, runs: int, tasks: int) -> None:
    engine = sa.create_engine(url, future=True)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no foreign keys, no triggers
        for statement in STATEMENTS:
            sizes = {"dags": dags, "runs": runs, "tasks": tasks}
            connection.execute(sa.text(statement), {key: sizes[key] for key in sizes if f":{key}" in statement})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--runs", type=int, default=200, help="of each DAG")
    parser.add_argument("--tasks", type=int, default=20, help="of each run")
    options = parser.parse_args()
    begun = time.monotonic()
    seed(options.url, options.dags, options.runs, options.tasks)
    total = options.dags * options.runs
    print(
        f"{options.dags:,} DAGs, {total:,} runs, {total * options.tasks:,} task instances in "
        f"{time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    main()
