"""Rules about assets, which other DAGs wait for."""

from __future__ import annotations

from windsock.settings.units import format_duration

from .limit import Limit
from .promql import DAY, HOUR, SCRAPE, SLOWLY, known
from .rule import Group, Rule

_EVENT = "airflow_db_asset_last_event_timestamp_seconds"
_BY = "cluster, asset"
_LAST = f"max by ({_BY}) ({known(_EVENT, HOUR)})"
_SINCE = f"(time() - {_LAST})"
_REMEMBERED = 8 * DAY
"""In scrapes: one weekend at least."""
_LONGEST = (
    f"max_over_time(({_LAST} - max by ({_BY}) ({known(_EVENT, HOUR, HOUR)}))"
    f"[{format_duration(_REMEMBERED * SCRAPE - 1)}:{format_duration(HOUR * SCRAPE)}])"
)
"""By how much the time of the last event moved within an hour, at most: the longest pause that has ended, or an hour of
what comes more often."""
_GRACE = 3600

ASSETS = Group(
    "airflow-assets",
    (
        Rule(
            name="AirflowAssetStale",
            # Only of what is known for longer than it remembers: else the first weekend were too long a pause.
            limit=Limit(
                of=f"{_SINCE} / ({_LONGEST} > 0)",
                sign=">",
                threshold=1.5,
                also=f"and on ({_BY})\n{_SINCE} - {_LONGEST} > {_GRACE}\n"
                f"and on ({_BY})\nmax by ({_BY}) ({known(_EVENT, HOUR, _REMEMBERED)})",
            ),
            severity="warning",
            by=("cluster", "asset"),
            summary='{{ $labels.asset }} of {{ $labels.cluster }} has had no update for {{ $value | printf "%.1f" }}'
            " times its longest pause of a week",
            description="DAGs that wait for it do not run meanwhile, and nothing fails: no run of theirs is due.",
        ),
    ),
    interval=SLOWLY,
)
