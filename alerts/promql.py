"""The pieces of PromQL that several rules share."""

from __future__ import annotations

JOB = "windsock"
"""The scrape job of the exporters; its targets carry the label `cluster`."""

TARGETS = f'up{{job="{JOB}"}}'

CLUSTERS = f"group by (cluster) (last_over_time({TARGETS}[1d]))"
"""Every cluster that has an exporter or had one within a day: `absent()` can't say which cluster is missing."""


def growth(counter: str, window: str, by: str) -> str:
    """Return how much the series of `counter` (a selector) grew within `window`, summed by the labels `by`.

    In whole events: increase() extrapolates, so that two counters of the same events hardly ever compare as equal, and
    of a series whose first sample is not 0 it leaves that sample out. Here a series that was not there one window ago,
    although its exporter was being scraped, counts as a whole. Every other one counts from its lowest value within the
    window, which is where a restart of the exporter put it. A Prometheus that is younger than the window can't tell a
    new series from an old one and leaves a first sample out: no loss, as the exporter shows a new counter as 0 first.
    """
    return (
        f"sum by ({by}) (\n"
        f"  ({counter} unless {counter} offset {window})\n"
        f"    and on (cluster, instance) ({TARGETS} offset {window} == 1)\n"
        "  or\n"
        f"  {counter} - min_over_time({counter}[{window}])\n"
        ")"
    )
