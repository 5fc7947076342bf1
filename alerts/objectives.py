"""The error budget of what `slo` in windsock.yaml promises: how much of it is left, and how fast it is spent.

All objectives are counted alike, as a share that broke: of the runs for `success`, of the time for the others. The
budget is what may break, one less the goal; burning at 1 it lasts for just the four weeks that it is for. Long windows
add up what was recorded for short ones: steps of five minutes make an hour, hours the rest, so that four weeks are 672
values of a DAG, whatever it runs. What the steps hold does not depend on how often the rules are evaluated.
"""

from __future__ import annotations

from windsock.settings.units import format_duration

from .limit import Limit
from .promql import DAG, SLOWLY, by_dag, growth, known
from .record import Record
from .rule import Group, Rule

BUDGET_DAYS = 28
"""Whole weeks: each of them has the same weekend."""
FAST_BURN, FAST_FAILURES = 6, 3
"""The budget is gone within five days; and of a DAG that runs rarely more than one mishap and its repetition."""
SLOW_BURN, SLOW_FAILURES = 2, 2
"""It is gone within two weeks. At 1, where a DAG is as good as promised, it would be an alert every other day."""

_STEP, _HOUR, _DAY = 300, 3600, 86_400
_BY = "cluster, dag_id"

_OBJECTIVE = "cluster_dag_id_objective:airflow_db_dag_objective_ratio"
BUDGET = f"{_OBJECTIVE}:budget"
"""What may break: 1 less the goal."""
_RUNS = "cluster_dag_id_state:airflow_db_dag_runs_finished"
_FAILED = "cluster_dag_id:airflow_db_dag_runs_finished:failed_ratio"
_BROKEN_TIME = f"{_OBJECTIVE}:broken_time"
BROKEN = f"{_OBJECTIVE}:broken28d"
"""What of the last four weeks broke the promise."""
BURN = f"{_OBJECTIVE}:burn3d"
"""The same of the last three days, by what may."""
LEFT = f"{_OBJECTIVE}:budget_left28d"
"""1: nothing is spent; below 0: the promise is broken."""


def _over(function: str, series: str, seconds: int, step: int) -> str:
    """What `series` says at each of the `seconds / step` steps of the clock before, put together."""
    return f"{function}_over_time({series}[{format_duration(seconds - 1)}:{format_duration(step)}])"


def _number(window: str) -> str:
    """How many runs failed."""
    return f'sum by ({_BY}) ({_RUNS}:growth{window}{{state="failed"}})'


def _share(window: str) -> Record:
    """How many of the runs failed; nothing of a DAG of which none ended."""
    ended = f"sum by ({_BY}) ({_RUNS}:growth{window})"
    return Record(f"{_FAILED}{window}", f"({_number(window)} or 0 * {ended}) / ({ended} > 0)")


def _burn(window: str) -> str:
    return f'{_FAILED}{window} / on ({_BY}) {BUDGET}{{objective="success"}}'


def _named(expr: str, objective: str) -> str:
    return f'label_replace({expr}, "objective", "{objective}", "", "")'


def _broken(window: str) -> str:
    """By objective."""
    return f"{_named(f'{_FAILED}{window}', 'success')} or {_BROKEN_TIME}{window}"


_RECORDS = (
    Record(BUDGET, f"1 - max by ({_BY}, objective) ({known('airflow_db_dag_objective_ratio')})"),
    Record(
        f"{_RUNS}:growth5m",
        f"{growth('airflow_db_dag_runs_finished_total', 5, f'{_BY}, state')}\n"
        f'and on ({_BY}) {BUDGET}{{objective="success"}}',
    ),
    Record(f"{_RUNS}:growth1h", _over("sum", f"{_RUNS}:growth5m", _HOUR, _STEP)),
    Record(f"{_RUNS}:growth6h", _over("sum", f"{_RUNS}:growth5m", 6 * _HOUR, _STEP)),
    Record(f"{_RUNS}:growth3d", _over("sum", f"{_RUNS}:growth1h", 3 * _DAY, _HOUR)),
    _share("1h"),
    _share("6h"),
    _share("3d"),
    Record(
        f"{_BROKEN_TIME}1h",
        _over(
            "avg",
            f"({_named('1 - ' + by_dag('airflow_db_dag_fresh'), 'fresh_within')}\n"
            f"  or {_named(by_dag('airflow_db_dag_finish_by_missed'), 'finish_by')})",
            _HOUR,
            _STEP,
        ),
    ),
)

_LONG_RECORDS = (
    Record(f"{_RUNS}:growth28d", _over("sum", f"{_RUNS}:growth1h", BUDGET_DAYS * _DAY, _HOUR)),
    _share("28d"),
    Record(f"{_BROKEN_TIME}3d", _over("avg", f"{_BROKEN_TIME}1h", 3 * _DAY, _HOUR)),
    Record(f"{_BROKEN_TIME}28d", _over("avg", f"{_BROKEN_TIME}1h", BUDGET_DAYS * _DAY, _HOUR)),
    Record(BROKEN, _broken("28d")),
    Record(BURN, f"({_broken('3d')}) / on ({_BY}, objective) {BUDGET}"),
    Record(LEFT, f"1 - {BROKEN} / on ({_BY}, objective) {BUDGET}"),
)


def _burns(rate: int, long: str, short: str, failures: int) -> Limit:
    """It burns so fast over both windows, and so many runs failed.

    Where no run ended within the short one, its last run says whether the DAG has recovered.
    """
    failing = f"{by_dag('airflow_db_dag_consecutive_failures')} > 0 unless on ({_BY}) {_FAILED}{short}"
    return Limit(
        of=_burn(long),
        sign=">",
        threshold=rate,
        also=f"and on ({_BY}) {_number(long)} >= {failures}\n"
        f"and on ({_BY}) ({_burn(short)} > {rate} or on ({_BY}) {failing})",
    )


def _says(window: str) -> str:
    failed = f'sum({_RUNS}:growth{window}{{state=\\"failed\\",cluster=%q,dag_id=%q}})'
    return (
        f'{{{{ with printf "{failed}" $labels.cluster $labels.dag_id | query }}}}'
        "{{ . | first | value }} of its runs failed within "
        f"{window.replace('h', ' hours').replace('d', ' days')}: {{{{ end }}}}"
    )


_SPENT = 'the error budget of {{ $labels.dag_id }} is spent {{ $value | printf "%.3g" }} times as fast as slo allows'

BUDGETS = Group("budgets", (), _LONG_RECORDS, interval=SLOWLY)
"""What is read by people, and changes by the hour: no need to add up four weeks each time that rules are evaluated."""

OBJECTIVES = Group(
    "objectives",
    (
        Rule(
            name="AirflowErrorBudgetBurnsFast",
            limit=_burns(FAST_BURN, "6h", "1h", FAST_FAILURES),
            # Of a DAG that runs once an hour and fails every other time.
            keep="1h",
            severity="critical",
            by=DAG,
            summary=f"Within 6 hours {_SPENT}",
            description=f"{_says('6h')}going on like this, what slo.success leaves for {BUDGET_DAYS} days is gone"
            " within days.",
        ),
        Rule(
            name="AirflowErrorBudgetBurns",
            limit=_burns(SLOW_BURN, "3d", "6h", SLOW_FAILURES),
            keep="6h",
            severity="warning",
            by=DAG,
            summary=f"Within 3 days {_SPENT}",
            description=f"{_says('3d')}going on like this, what slo.success leaves for {BUDGET_DAYS} days does"
            " not last.",
        ),
    ),
    _RECORDS,
    # Each step is evaluated twice, always at the same moments of it: what grew is in one of them, and in no other.
    interval=format_duration(_STEP / 2),
)
