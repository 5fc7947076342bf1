"""What leaves windsock: messages of failures, alerts of the reconciler, log lines."""

from __future__ import annotations

from windsock.dashboards.panels import BAD, GOOD, WARN, Panel, timeseries
from windsock.dashboards.queries import Query
from windsock.dashboards.sources import quantile

_STEP = "[$__rate_interval]"


def delivery_panels() -> list[Panel]:
    """The way of a failure's message, from the callback to a channel."""
    return [
        timeseries(
            "Callbacks",
            "Good: delivered alone. Alert events of callbacks, in each step of time.",
            Query(f"sum(increase(windsock_callback_sent_total{_STEP}))", "delivered"),
            Query(f"sum by (reason) (increase(windsock_callback_failed_total{_STEP})) > 0", "failed: {{reason}}"),
            bars=True,
            colors={"delivered": GOOD},
            no_value="no callback had to tell anything",
        ),
        timeseries(
            "Channels",
            "Good: sent alone. Held: counted for the next message of the run, as in a storm; dead: nobody gets it.",
            *(
                Query(
                    f"sum by (channel) (increase(windsock_channel_{name}_total{_STEP})) > 0", f"{name} {{{{channel}}}}"
                )
                for name in ("sent", "held", "spooled", "superseded", "failed", "dead")
            ),
            bars=True,
            no_value="no message had to be sent",
        ),
        timeseries(
            "Time of a delivery",
            "Good: under a second; a task's process waits for it.",
            Query(quantile(0.95, "windsock_channel_duration_seconds_bucket", by="channel"), "p95 {{channel}}"),
            unit="s",
            steps=(("transparent", None), (WARN, 5.0)),
            no_value="no message had to be sent",
        ),
    ]


def reconciler_panels() -> list[Panel]:
    """The one who tells what nobody told."""
    return [
        timeseries(
            "Alerts posted",
            "Renewed while a failure lasts. And failures that nobody had told of before, in each step of time.",
            Query(f"sum by (outcome) (increase(windsock_reconcile_posts_total{_STEP}))", "{{outcome}}"),
            Query(f"sum(increase(windsock_silent_failures_total{_STEP}))", "nobody had told"),
            Query("max(windsock_reconcile_firing)", "failures that last"),
            no_value="no reconciler runs",
        ),
        timeseries(
            "Its passes",
            "Good: seconds. Time of the last pass, and the time that nobody looked at.",
            Query("max(windsock_reconcile_pass_duration_seconds)", "pass"),
            Query("max(windsock_reconcile_gap_seconds)", "not looked at"),
            unit="s",
            no_value="no reconciler runs",
        ),
        timeseries(
            "Its health",
            "Good: one leader where one is expected, no errors.",
            Query("sum(windsock_reconcile_leader)", "leaders"),
            Query("max(windsock_reconcile_expected)", "expected"),
            Query("max(windsock_reconcile_statements)", "statements of a pass"),
            Query(f"sum by (part) (increase(windsock_reconcile_errors_total{_STEP})) > 0", "errors: {{part}}"),
            no_value="no reconciler runs",
        ),
    ]


def logs_panels() -> list[Panel]:
    """From Filebeat to Elasticsearch, as `windsock logs watch` sees it."""
    not_watched = "not watched: windsock logs watch"
    return [
        timeseries(
            "Log lines",
            "Good: taken follows read. Lines a second.",
            *(
                Query(f"sum(rate(windsock_log_{name}_total{_STEP}))", text)
                for name, text in (
                    ("read", "read"),
                    ("acknowledged", "taken"),
                    ("duplicates", "sent again"),
                    ("failed", "not sent yet"),
                    ("dropped", "given up"),
                )
            ),
            unit="cps",
            no_value=not_watched,
        ),
        timeseries(
            "Log lines that wait",
            "Good: far below the limit, none rejected.",
            Query("sum(windsock_log_queue_lines)", "waiting"),
            Query("sum(windsock_log_queue_limit_lines)", "limit"),
            Query("max(windsock_log_rejected_lines)", "rejected"),
            Query("sum(windsock_log_open_files)", "open files"),
            colors={"rejected": BAD},
            no_value=not_watched,
        ),
        timeseries(
            "Canaries",
            "Good: found within seconds. From writing a line to finding it in Elasticsearch.",
            Query("max(windsock_log_canary_latency_seconds)", "latency, seconds"),
            Query(f"sum by (outcome) (increase(windsock_log_canaries_total{_STEP}))", "{{outcome}}"),
            no_value=not_watched,
        ),
    ]
