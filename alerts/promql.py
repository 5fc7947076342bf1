"""The pieces of PromQL that several rules share.

What a rule reads outlives a restart of the exporter: for some scrapes there is nothing, then counters begin at 0 and
gauges come back one by one. None of that may end an alert, so no rule reads an instant where the last known value says
the same.
"""

from __future__ import annotations

from .rule import Record

JOB = "windsock"
"""The scrape job of the exporters; its targets carry the label `cluster`."""
LOGS_JOB = "windsock-logs"
"""The scrape job of what watches the logs, beside each Filebeat."""

TARGETS = f'up{{job="{JOB}"}}'

CLUSTERS = f"group by (cluster) (last_over_time({TARGETS}[1d]))"
"""Every cluster that has an exporter or had one within a day: `absent()` can't say which cluster is missing."""

HEARD = Record("cluster_instance:up:min", f'min by (cluster, instance) (up{{job=~"{JOB}|{LOGS_JOB}"}})')
"""Whether an instance was scraped. Recorded, so that it is as old as what else is recorded: in a Prometheus that gets
these rules anew, nothing is news."""


def known(series: str, memory: str = "5m", ago: str = "") -> str:
    """Return the last value of `series`, which a restart of their exporter within `memory` does not take away.

    `ago`: the one that was the last so long ago.
    """
    return f"last_over_time({series}[{memory}]{f' offset {ago}' if ago else ''})"


def growth(counter: str, minutes: int, by: str) -> str:
    """Return how much the series of `counter` (a selector) grew within `minutes`, summed by the labels `by`.

    Exact, over restarts too: each minute counts what it added to the value before, or the whole value where the counter
    began anew, or is new while its exporter was being scraped. increase() extrapolates, so that two counters of the
    same events hardly ever compare as equal, and leaves out the first sample of a new series.

    The counter of an exporter that nobody scraped a minute before counts from the first value seen, which is 0 where
    the exporter is new. What grew within the minute before a restart that no scrape missed is lost. The range ends
    short of a minute more, so that it has `minutes` steps whether its left edge belongs to it (up to Prometheus 2) or
    not.
    """
    now, before = known(counter, "1h"), known(counter, "1h", "1m")
    return (
        f"sum by ({by}) (sum_over_time((\n"
        f"  {now}\n"
        f"    - {before}\n"
        f"    * ({before} <= bool {now})\n"
        # The product has no name: with two names a series would be two.
        f"  or 1 * {now}\n"
        f"    and on (cluster, instance) {HEARD.name} offset 1m == 1\n"
        f"  or {now} - min_over_time({counter}[1m])\n"
        f")[{minutes - 1}m59s:1m]))"
    )


def risen(gauge: str, minutes: int) -> str:
    """Return how much each series of `gauge` rose within `minutes`; what it fell in between makes up for nothing.

    Its first value is no news.
    """
    memory = f"{minutes}m"
    return f"sum_over_time(({known(gauge, memory)} - {known(gauge, memory, '1m')} > 0)[{minutes - 1}m59s:1m])"
