"""What windsock says about itself: name, type, help, labels."""

from __future__ import annotations

OWN_METRICS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    # the exporter
    (
        "windsock_build_info",
        "gauge",
        "Always 1; the labels say which windsock and which Python run.",
        ("version", "python"),
    ),
    ("windsock_datagrams_total", "counter", "Datagrams received, or stream reads that held lines.", ("listener",)),
    (
        "windsock_kernel_drops_total",
        "counter",
        "Datagrams that the kernel dropped: its buffer was full.",
        ("listener",),
    ),
    ("windsock_read_buffer_bytes", "gauge", "Receive buffer that the kernel granted.", ("listener",)),
    ("windsock_read_buffer_asked_bytes", "gauge", "Receive buffer that is configured.", ("listener",)),
    (
        "windsock_receive_backlog_bytes",
        "gauge",
        "Memory of the receive buffer in use: by datagrams that are yet to be read.",
        ("listener",),
    ),
    (
        "windsock_receive_pause_seconds",
        "gauge",
        "Longest time in the last minute that a datagram may have waited to be stored: an upper bound.",
        ("listener",),
    ),
    (
        "windsock_refused_total",
        "counter",
        "Datagrams and connections of senders outside the allowed networks.",
        ("listener",),
    ),
    (
        "windsock_connections_hung_up_total",
        "counter",
        "StatsD connections that were silent and hung up: for an hour (idle), to make room (crowded, no_files).",
        ("reason",),
    ),
    (
        "windsock_thread_restarts_total",
        "counter",
        "Times that a thread of the exporter died of an error that nobody expected, and began again.",
        ("thread",),
    ),
    (
        "windsock_relay_datagrams_total",
        "counter",
        "Datagrams passed on (relayed), those that could not be (dropped), and answers that nothing listens (refused).",
        ("outcome",),
    ),
    ("windsock_lines_total", "counter", "StatsD lines received.", ()),
    ("windsock_samples_total", "counter", "Lines that were stored, by type.", ("type",)),
    ("windsock_unmapped_total", "counter", "Lines whose name the catalogue does not know.", ("prefix",)),
    (
        "windsock_duplicates_total",
        "counter",
        "Lines that repeat a fact under its legacy or its untagged name.",
        ("form",),
    ),
    ("windsock_sample_errors_total", "counter", "Lines that could not be stored, by reason.", ("reason",)),
    ("windsock_corrections_total", "counter", "Values whose unit or sign was corrected, by reason.", ("reason",)),
    (
        "windsock_unmapped_metrics",
        "gauge",
        "Names that the catalogue does not know and that are kept (exporter.statsd.unmapped: keep).",
        (),
    ),
    (
        "windsock_tags_left_out_total",
        "counter",
        "Tags that became no label, by reason; counted once for each text that holds them.",
        ("reason",),
    ),
    ("windsock_ambiguous_ids_total", "counter", "Legacy names that several DAG and task ids could have made.", ()),
    (
        "windsock_ignored_total",
        "counter",
        "Lines that are nothing to store: a StatsD client's own telemetry.",
        ("reason",),
    ),
    (
        "windsock_otlp_points_total",
        "counter",
        "OpenTelemetry's points by what became of them: stored, repeated (nothing new), or why they were left out.",
        ("outcome",),
    ),
    (
        "windsock_otlp_requests_total",
        "counter",
        "OpenTelemetry's exports by the answer's HTTP status; of gRPC's the one that means the same.",
        ("status",),
    ),
    (
        "windsock_otlp_forwarded_points_total",
        "counter",
        "Points passed on as OpenTelemetry's: taken, rejected by the other side, or given up until the next (failed).",
        ("outcome",),
    ),
    ("windsock_otlp_instances", "gauge", "Processes whose OpenTelemetry exports are remembered.", ()),
    ("windsock_otlp_streams", "gauge", "Sets of attributes that are remembered of them.", ()),
    (
        "windsock_otlp_forgotten_streams_total",
        "counter",
        "Such sets that were forgotten: heard of no more (silent), or to make room (crowded).",
        ("reason",),
    ),
    (
        "windsock_openlineage_events_total",
        "counter",
        "OpenLineage events: of a job that names datasets (stored), or none (bare), and from a month ago (old).",
        ("outcome",),
    ),
    ("windsock_openlineage_requests_total", "counter", "OpenLineage requests answered, by HTTP status.", ("status",)),
    (
        "windsock_openlineage_dropped_total",
        "counter",
        "Names that were not kept (too_long, crowded), and relations that gave way to newer ones (forgotten).",
        ("reason",),
    ),
    ("windsock_openlineage_edges", "gauge", "Relations of jobs and datasets that are remembered.", ()),
    (
        "airflow_celery_queue_messages",
        "gauge",
        "Tasks that wait in a queue of Celery's broker, and no worker has taken.",
        ("queue",),
    ),
    (
        "airflow_celery_unacked_messages",
        "gauge",
        "Tasks that Celery's workers have taken and not finished: they run, or wait in a worker.",
        (),
    ),
    ("airflow_celery_workers", "gauge", "Celery's workers whose heartbeats the broker passes on.", ()),
    ("windsock_celery_up", "gauge", "Whether Celery's broker could be read: 1 or 0.", ()),
    ("windsock_series", "gauge", "Series in the store; a histogram counts as one.", ()),
    (
        "windsock_metric_series",
        "gauge",
        "Series of the metrics that have the most; all others together are `other`.",
        ("metric",),
    ),
    ("windsock_overflow_total", "counter", "New series that a budget kept out.", ("budget",)),
    ("windsock_ingest_errors_total", "counter", "Batches that failed inside the exporter: always a bug.", ()),
    ("windsock_scrape_duration_seconds", "gauge", "Time to render the last exposition.", ()),
    ("windsock_config_reload_success", "gauge", "Whether the last reading of the configuration was good.", ()),
    (
        "windsock_config_reload_timestamp_seconds",
        "gauge",
        "When a configuration was last taken over.",
        (),
    ),
    (
        "windsock_doctor_finding",
        "gauge",
        "Whether the exporter finds this wrong with what it receives and reads; 0: it did, and does no more.",
        ("check", "severity"),
    ),
    # the reconciler
    (
        "windsock_silent_failures_total",
        "counter",
        "Failures that nobody had told Alertmanager of before the reconciler did.",
        ("dag_id",),
    ),
    ("windsock_reconcile_expected", "gauge", "Always 1 where a reconciler is configured to run.", ()),
    ("windsock_reconcile_leader", "gauge", "Whether this reconciler acts; of several, one does.", ()),
    ("windsock_reconcile_pass_duration_seconds", "gauge", "Time of the reconciler's last pass.", ()),
    ("windsock_reconcile_statements", "gauge", "Statements of the last pass that only the reconciler needed.", ()),
    (
        "windsock_reconcile_last_pass_timestamp_seconds",
        "gauge",
        "When a pass of the reconciler last read the database.",
        (),
    ),
    ("windsock_reconcile_firing", "gauge", "Failures that last, as far as the reconciler knows.", ()),
    (
        "windsock_reconcile_covers_since_timestamp_seconds",
        "gauge",
        "From when on the reconciler looks for all failures.",
        (),
    ),
    (
        "windsock_reconcile_gap_seconds",
        "gauge",
        "Time before that which nobody looked at, as the outage was longer than the window; for a day, then 0.",
        (),
    ),
    (
        "windsock_reconcile_posts_total",
        "counter",
        "Alerts posted: failures that are new (fired), go on (renewed), or are over (resolved).",
        ("outcome",),
    ),
    (
        "windsock_reconcile_errors_total",
        "counter",
        "What went wrong in the reconciler's passes, by part: database, alertmanager, store, details, clock, internal.",
        ("part",),
    ),
    ("windsock_airflow_version_info", "gauge", "Airflow's major version, by the metrics seen.", ("major", "dialect")),
)

LISTENER_METRICS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    # What the plugin's listeners send through Airflow's own StatsD, as below.
    (
        "windsock.listener.dag_runs",
        "counter",
        "windsock.listener.dag_runs.{state}.{dag_id}",
        "Runs that began (running) or finished, as Airflow's listeners saw them.",
        ("state", "dag_id"),
    ),
    (
        "windsock.listener.import_errors",
        "counter",
        "windsock.listener.import_errors.{event}.{file_path}",
        "Times that a DAG file could not be imported: for the first time (new) or still (existing).",
        ("event", "file_path"),
    ),
    (
        "windsock.listener.asset_events",
        "counter",
        "windsock.listener.asset_events.{asset}",
        "Events of an asset (2.11: dataset); what StatsD can't carry in its name is `_`.",
        ("asset",),
    ),
    (
        "windsock.listener.dropped",
        "counter",
        "windsock.listener.dropped",
        "What listeners saw and could not send.",
        (),
    ),
)

CALLBACK_METRICS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    # What callbacks send through Airflow's own StatsD: name there, type, name in its plain dialect, help, labels.
    (
        "windsock.callback.sent",
        "counter",
        "windsock.callback.sent.{alertname}.{dag_id}",
        "Failures that a callback delivered, each of them once; not their ends.",
        ("alertname", "dag_id"),
    ),
    (
        "windsock.callback.failed",
        "counter",
        "windsock.callback.failed.{reason}.{alertname}.{dag_id}",
        "Alert events that a callback could not deliver.",
        ("reason", "alertname", "dag_id"),
    ),
    # by way: alertmanager, or one of windsock.channels; a team's name may have dots, so it comes last
    (
        "windsock.channel.sent",
        "counter",
        "windsock.channel.sent.{channel}.{team}",
        "Messages that Alertmanager or a channel took.",
        ("channel", "team"),
    ),
    (
        "windsock.channel.failed",
        "counter",
        "windsock.channel.failed.{reason}.{channel}.{team}",
        "Deliveries that failed; each of them is spooled or a dead letter.",
        ("reason", "channel", "team"),
    ),
    (
        "windsock.channel.spooled",
        "counter",
        "windsock.channel.spooled.{channel}.{team}",
        "Messages put into the spool, again after each attempt that failed.",
        ("channel", "team"),
    ),
    (
        "windsock.channel.held",
        "counter",
        "windsock.channel.held.{channel}.{team}",
        "Failures that are counted for the next message of their run.",
        ("channel", "team"),
    ),
    (
        "windsock.channel.superseded",
        "counter",
        "windsock.channel.superseded.{channel}.{team}",
        "Messages of the spool that were dropped: what they tell is over, or was told.",
        ("channel", "team"),
    ),
    (
        "windsock.channel.dead",
        "counter",
        "windsock.channel.dead.{reason}.{channel}.{team}",
        "Messages that nobody will get: rejected, expired, unreadable, or not kept (no_spool).",
        ("reason", "channel", "team"),
    ),
    (
        "windsock.channel.duration",
        "timer",
        "windsock.channel.duration.{channel}.{team}",
        "Time that a delivery took, all its attempts.",
        ("channel", "team"),
    ),
)

POLICY_METRICS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    (
        "windsock.policy.errors",
        "counter",
        "windsock.policy.errors.{reason}",
        "DAG files in which the policy could not attach callbacks, by reason; the DAGs are loaded all the same.",
        ("reason",),
    ),
)
