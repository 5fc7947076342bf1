"""Rules about what the exporter takes in: lines that it keeps out or does not know, senders and queries gone silent."""

from __future__ import annotations

from .limit import Limit
from .promql import DAY, HOUR, TARGETS, growth, known, window
from .rule import Group, Rule

_INSTANCE = ("cluster", "instance")
_LATELY = 15
"""In scrapes, of a minute: what is said of so long."""

SILENT_SCRAPES = 10
"""Schedulers beat every five seconds."""
_READ_WITHIN = 900
"""Seconds: the rarest queries come every twentieth pass, five minutes at the usual interval."""


def _grown(counter: str, by: str, scrapes: int = _LATELY) -> str:
    return f"{growth(counter, scrapes, by)} > 0"


_HEARD_ONCE = f"max_over_time(windsock_datagrams_total[{window(DAY)}]) > 0"
_STANDS = f"{known('windsock_datagrams_total')} == {known('windsock_datagrams_total', ago=SILENT_SCRAPES)}"
_LISTENED = f"min_over_time({TARGETS}[{window(SILENT_SCRAPES)}]) == 1"
_BEATS = " or ".join(
    known(f"airflow_{one}_heartbeat_total", DAY) for one in ("scheduler", "dag_processor", "triggerer")
)
_FOR_TASKS = (
    f"{known('windsock_datagrams_total', DAY)}\n"
    f"  unless on (cluster, instance) ({_BEATS})\n"
    f"  and on (cluster) ({_BEATS})"
)
"""Exporters to which tasks alone send, while another one of the cluster hears what beats every five seconds."""

_TOLD = (
    "callbacks.dead|database.down|database.query|exporter.errors|exporter.overflow|exporter.reload|statsd.drops|"
    "statsd.silent"
)
"""Findings of the exporter that have an alert of their own."""

INTAKE = Group(
    "windsock-exporter",
    (
        Rule(
            name="WindsockSeriesOverflow",
            expr=f"{_grown('windsock_overflow_total', 'cluster, instance, budget')}\n"
            f"or\n{_grown('windsock_metadata_overflow_total', 'cluster, instance, budget')}",
            severity="warning",
            by=(*_INSTANCE, "budget"),
            summary="Series that a budget of the exporter of {{ $labels.cluster }} kept out within 15 minutes: "
            "{{ $value }}",
            description="The budget {{ $labels.budget }} is used up: what is new is added up in one series a metric,"
            " and no rule sees whose it is. What was there goes on.",
        ),
        Rule(
            name="WindsockLinesUnmapped",
            limit=Limit(
                of=f"{growth('windsock_unmapped_total', HOUR, 'cluster, instance')}\n"
                f"  / on (cluster, instance) {growth('windsock_lines_total', HOUR, 'cluster, instance')}",
                sign=">",
                # A metric or two of one's own are less, a version that the catalogue does not know is more.
                threshold=0.01,
                unit="share",
            ),
            for_="15m",
            # Nothing is lost that a rule or a panel of windsock asks for.
            severity="info",
            by=_INSTANCE,
            summary="{{ $value | humanizePercentage }} of the lines that {{ $labels.instance }} gets have names that"
            " the catalogue does not know",
            description="Metrics of your own, or an Airflow that is newer than this windsock: exporter.statsd.unmapped"
            " says what becomes of them.",
        ),
        Rule(
            name="WindsockSendersStopped",
            expr=f"{_HEARD_ONCE}\nand {_STANDS}\nand on (cluster, instance) {_LISTENED}\n"
            f"unless on (cluster, instance) ({_FOR_TASKS})",
            # An exporter that starts anew has to listen first.
            keep="15m",
            severity="warning",
            by=(*_INSTANCE, "job", "listener"),
            summary="Nothing has arrived at {{ $labels.listener }} of {{ $labels.cluster }} for 10 minutes",
            description="Within a day there was something: whoever sent it has stopped, or sends elsewhere.",
        ),
        Rule(
            name="WindsockExporterFaults",
            expr=f"{_grown('windsock_ingest_errors_total', 'cluster, instance')}\n"
            f"or\n{_grown('windsock_thread_restarts_total', 'cluster, instance')}",
            severity="warning",
            by=_INSTANCE,
            summary="Errors inside the exporter of {{ $labels.cluster }} that nobody expected within 15 minutes: "
            "{{ $value }}",
            description="A bug: {{ $labels.instance }} went on, without what it was about to store. Its log has the"
            " traceback.",
        ),
        Rule(
            name="WindsockConfigRefused",
            expr=f"min by (cluster, instance) ({known('windsock_config_reload_success')}) == 0",
            for_="1m",
            severity="warning",
            by=_INSTANCE,
            summary="The exporter of {{ $labels.cluster }} could not take over its configuration",
            description="It goes on with the old one, and will not start with the new one: `windsock config show` on"
            " its host says what is wrong.",
        ),
        Rule(
            name="WindsockDoctorFinding",
            expr="max by (cluster, check) (" + known(f'windsock_doctor_finding{{check!~"{_TOLD}"}}') + ") == 1",
            for_="15m",
            severity="warning",
            by=("cluster", "check"),
            summary="The exporter of {{ $labels.cluster }} has found something wrong: {{ $labels.check }}",
            description="For a quarter of an hour. Its page says what, and what mends it, under What needs attention;"
            " so does `windsock doctor`.",
        ),
        Rule(
            name="WindsockCollectorStale",
            expr=f"""{_grown('windsock_metadata_query_errors_total{reason!="depends"}', "cluster, query", 30)}\n"""
            "unless on (cluster, query)\n"
            f"max by (cluster, query) ({known('windsock_metadata_last_success_timestamp_seconds')})"
            f" > time() - {_READ_WITHIN}",
            for_="5m",
            severity="warning",
            by=("cluster", "query"),
            summary="The exporter of {{ $labels.cluster }} can't read {{ $labels.query }} in the metadata database",
            description="The query has failed for a quarter of an hour at least: what it reads is missing on the"
            " dashboards, and to the rules. windsock_metadata_query_errors_total has the reason, the exporter's log the"
            " error.",
        ),
    ),
)
