"""Rules about what `slo` in windsock.yaml promises of a DAG; the exporter reads in Airflow's database how it stands."""

from __future__ import annotations

from .promql import DAG, EVERY, by_dag, of_this
from .rule import Group, Rule


def _holds(metric: str, value: int) -> str:
    """DAGs of which a gauge says that."""
    return f"{by_dag(metric)} == {value}"


_LATE = "airflow_db_dag_expected_late_seconds"

PROMISES = Group(
    "promises",
    (
        Rule(
            # No `for`: the exporter itself needs more to begin than to go on.
            name="AirflowFinishAtRisk",
            found=_holds("airflow_db_dag_finish_at_risk", 1),
            severity="warning",
            by=DAG,
            summary="{{ $labels.dag_id }} is likely to be late"
            f"{{{{ range {of_this(_LATE)} }}}}, by {{{{ . | value | humanizeDuration }}}}{{{{ end }}}}",
            description=f"{{{{ range {of_this(_LATE)} }}}}"
            '{{ if eq (label "task_id" .) "none" }}Its run has not begun when it should, or began late.'
            '{{ else }}The task {{ label "task_id" . }} takes the most beyond its usual time.{{ end }} {{ end }}'
            "By its tasks and its own history the run will not be done by the time that slo.finish_by promises.",
        ),
        Rule(
            name="AirflowFinishMissed",
            found=_holds("airflow_db_dag_finish_by_missed", 1),
            # The run that ends at last ends the risk, too: Alertmanager does not tell that end while this goes on.
            keep="2m",
            severity="warning",
            by=DAG,
            summary="{{ $labels.dag_id }} was not done in time",
            description="The run that was due before the time which slo.finish_by promises has not succeeded, nor a"
            " later one.",
        ),
        Rule(
            name="AirflowDataStale",
            found=_holds("airflow_db_dag_fresh", 0),
            severity="warning",
            by=DAG,
            summary="{{ $labels.dag_id }} has not succeeded for longer than promised",
            description="Its last success is older than slo.fresh_within"
            f"{{{{ range {of_this('airflow_db_dag_fresh_within_seconds')} }}}}"
            " ({{ . | value | humanizeDuration }}){{ end }}, or it has none.",
        ),
    ),
    interval=EVERY,
)
