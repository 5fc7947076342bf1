"""What `windsock logs watch` says of the way of a log line: name, type, help, labels."""

from __future__ import annotations

LOG_METRICS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("windsock_log_up", "gauge", "Whether Filebeat answered with its statistics.", ()),
    ("windsock_log_read_total", "counter", "Lines that Filebeat has read since its start.", ()),
    ("windsock_log_acknowledged_total", "counter", "Lines that Elasticsearch has taken.", ()),
    ("windsock_log_duplicates_total", "counter", "Lines that were sent again, and were there already.", ()),
    ("windsock_log_failed_total", "counter", "Lines that could not be sent; they are tried again.", ()),
    ("windsock_log_dropped_total", "counter", "Lines that Filebeat gave up.", ()),
    ("windsock_log_queue_lines", "gauge", "Lines that Filebeat has read and Elasticsearch has not taken.", ()),
    ("windsock_log_queue_limit_lines", "gauge", "Lines at which Filebeat stops reading.", ()),
    ("windsock_log_open_files", "gauge", "Files that Filebeat holds open.", ()),
    ("windsock_log_rejected_lines", "gauge", "Lines in the index of those that Elasticsearch rejected.", ()),
    (
        "windsock_log_canary_latency_seconds",
        "gauge",
        "From writing the last canary to finding it in Elasticsearch; one that is looked for counts with its age.",
        (),
    ),
    (
        "windsock_log_canaries_total",
        "counter",
        "Canaries that were found (found), not within a minute (lost), or could not be written (unwritten).",
        ("outcome",),
    ),
)
