"""The pieces of PromQL that several rules share.

What a rule reads outlives a restart of the exporter: for some scrapes there is nothing, then counters begin at 0 and
gauges come back one by one. None of that may end an alert, so no rule reads an instant where the last known value says
the same.

Nor does a value depend on where the edge of a window falls: whether a sample that lies on it belongs to the window is
answered in one way by Prometheus 2 and in another by Prometheus 3 and VictoriaMetrics. So each window says how many
scrapes it holds, with a margin (`window`), and growth is counted without increase() and rate(), which extrapolate in
Prometheus and do not in VictoriaMetrics. What is counted is whole: the texts name it.
"""

from __future__ import annotations

from windsock.settings.units import format_duration

from .record import Record

SCRAPE = 60
"""Seconds: the longest interval between two scrapes, or two evaluations, that the rules are made for. Shorter ones are
as well: what a rule calls a minute ago is a sample that old, however many came since."""
EVERY = format_duration(SCRAPE)
"""How often a group is evaluated that records steps: each of them is one scrape's."""
SELDOM = format_duration(2 * SCRAPE)
"""The same of what adds up many of these steps, and of what reads that."""
SLOWLY = format_duration(3 * SCRAPE)
"""The same of what changes by the hour: less than the five minutes for which Prometheus shows a value."""
HOUR, DAY = 60, 24 * 60
"""In scrapes."""


def window(scrapes: int) -> str:
    """Return how long a range must be to reach back `scrapes` scrapes: no sample lies on its edge, half of one more."""
    return format_duration((scrapes + 0.5) * SCRAPE)


JOB = "windsock"
"""The scrape job of the exporters; its targets carry the label `cluster`."""
LOGS_JOB = "windsock-logs"
"""The scrape job of what watches the logs, beside each Filebeat."""

TARGETS = f'up{{job="{JOB}"}}'

HEARD = Record("cluster_instance:up:min", f'min by (cluster, instance) (up{{job=~"{JOB}|{LOGS_JOB}"}})')
"""Whether an instance was scraped. Recorded, so that it is as old as what else is recorded: in a Prometheus that gets
these rules anew, nothing is news."""


def known(series: str, memory: int = 5, ago: int = 0) -> str:
    """Return the last value of `series`, which a restart of their exporter within `memory` does not take away.

    `ago`: the one that was the last so long ago. Both in scrapes.
    """
    return f"last_over_time({series}[{window(memory)}]{f' offset {format_duration(ago * SCRAPE)}' if ago else ''})"


CLUSTERS = f"group by (cluster) ({known(TARGETS, DAY)})"
"""Every cluster that has an exporter or had one within a day: `absent()` can't say which cluster is missing."""


INFO = "airflow_db_dag_info"
"""Whose a DAG is, as the exporter says now."""
TEAMS = "cluster_dag_id_team:airflow_dag:group"
"""What is recorded of a DAG's team: 1 for each DAG of which INFO says something, with its team where that is known."""


def of_dags(expr: str) -> str:
    """Return `expr`, which is by cluster and DAG, with the label `team` where it is known; no DAG is lost.

    One that is new waits until its team is recorded: else it would be told to all, and once more to its team.
    """
    team = f"({expr})\n  * on (cluster, dag_id) group_left (team) {TEAMS}"
    return f"{team}\nor on (cluster, dag_id)\n({expr})\nunless on (cluster, dag_id)\n{known(INFO)}"


def by_dag(gauge: str) -> str:
    """Return what `gauge` (a selector) last said of each DAG.

    Of several exporters one reads the database, and the others say nothing.
    """
    return f"max by (cluster, dag_id) ({known(gauge)})"


DAG = ("cluster", "dag_id", "team")
"""The labels of an alert about a DAG."""


def of_this(metric: str) -> str:
    """Return a query of a template: what `metric` says of the alert's DAG."""
    return f'printf "{metric}{{cluster=%q,dag_id=%q}}" $labels.cluster $labels.dag_id | query'


def added(steps: str, scrapes: int) -> str:
    """Return the sum of what the expression `steps` says of each scrape, of so many.

    The steps lie on the minutes of the clock; short of one more by a second, the range holds so many whenever it is
    asked, and none lies on its edge.
    """
    return f"sum_over_time(({steps})[{format_duration(scrapes * SCRAPE - 1)}:{format_duration(SCRAPE)}])"


def step(counter: str) -> str:
    """Return what each series of `counter` (a selector) has added since a scrape ago.

    Exact, over restarts too: the difference to the value before, or the whole value where the counter began anew, or is
    new while its exporter was being scraped. increase() extrapolates, so that two counters of the same events hardly
    ever compare as equal, and leaves out the first sample of a new series. Whole, also where events were sampled and
    the counter counts what they stand for.

    The counter of an exporter that nobody scraped a minute before counts from the first value seen, which is 0 where
    the exporter is new. What grew within the minute before a restart that no scrape missed is lost.
    """
    # What is there now is a scrape old at most; what was not scraped in time adds its part when it is there again.
    now, before = known(counter, 1), known(counter, HOUR, 1)
    return (
        f"\n  {now}\n"
        f"    - {before}\n"
        f"    * ({before} <= bool {now})\n"
        # The product has no name: with two names a series would be two.
        f"  or 1 * {now}\n"
        f"    and on (cluster, instance) {HEARD.name} offset {format_duration(SCRAPE)} == 1\n"
        f"  or {now} - min_over_time({counter}[{window(1)}])\n"
    )


def growth(counter: str, scrapes: int, by: str) -> str:
    """Return how much the series of `counter` (a selector) grew within so many scrapes, summed by the labels `by`.

    For some series and some minutes; what is asked of each DAG is recorded, and added by `grown`.
    """
    return f"round(sum by ({by}) ({added(step(counter), scrapes)}))"


def grown(steps: str, scrapes: int, by: str) -> str:
    """Return what the record `steps` (of `step`, made once in each `SCRAPE`) comes to within so many, by the labels."""
    return f"round(sum by ({by}) (sum_over_time({steps}[{window(scrapes - 1)}])))"


def risen(gauge: str, scrapes: int) -> str:
    """Return how much each series of `gauge` rose within so many scrapes; what it fell makes up for nothing.

    Its first value is no news.
    """
    return added(f"{known(gauge, scrapes)} - {known(gauge, scrapes, 1)} > 0", scrapes)


RECONCILED_WITHIN = 300
"""Seconds after which a reconciler has missed several passes, at any sensible interval."""

RECONCILED = (
    f"max by (cluster) ({known('windsock_reconcile_last_pass_timestamp_seconds')}) > time() - {RECONCILED_WITHIN}"
)
