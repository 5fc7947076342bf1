"""What Airflow 3.4.0b2 sends otherwise than 3.3.2, by the lines that a real one sent."""

from __future__ import annotations

import re

import pytest

from windsock.airflow.versions import NEXT

DIALECTS = ("datadog", "influxdb", "plain")


def mean(exposed, family):
    """In seconds; None where nothing was timed."""
    sums, counts = (
        [value for name, value in exposed.items() if re.match(rf"{family}_seconds_{what}\b", name)]
        for what in ("sum", "count")
    )
    return sum(sums) / sum(counts) if counts else None


def test_the_dialects_agree_on_the_time_that_everything_takes(captures, make_pipeline):
    """The same DAGs on a machine that was now more, now less busy: a wrong unit would be a factor of 1000."""
    exposed = [make_pipeline().feed(*captures[f"airflow-{NEXT}-{name}"]).wait().airflow() for name in DIALECTS]
    families = {name.partition("_seconds_")[0] for one in exposed for name in one if "_seconds_count" in name}
    several = {family: [found for one in exposed if (found := mean(one, family)) is not None] for family in families}
    several = {family: means for family, means in several.items() if len(means) > 1}
    assert {"airflow_task_queued_duration", "airflow_triggerer_batch_trigger_creation_duration"} <= several.keys()
    for family, means in several.items():
        assert max(means) < 40 * min(means), (family, means)


def test_a_time_in_the_queue_is_no_sign_of_airflow_2(pipeline):
    """It came back: Airflow 2.11 sends seconds, 3.0 to 3.3 nothing, 3.4 milliseconds."""
    line = "airflow.task.queued_duration,dag_id=d,run_type=scheduled,task_id=t,queue=default:41622.242|ms"
    pipeline.feed(line, "airflow.dag_processing.last_duration,bundle_name=b,file_name=f:0.25|ms")
    found = pipeline.airflow()
    (waited,) = (value for name, value in found.items() if name.startswith("airflow_task_queued_duration_seconds_sum"))
    assert waited == pytest.approx(41.622242)
    assert 'windsock_airflow_version_info{dialect="influxdb",major="3"}' in pipeline.own()


def test_runs_that_wait_are_counted_for_all_dags_together(captures, pipeline):
    """The registry of 3.4.0b2 gives `scheduler.dagruns.queued` a DAG; its scheduler sends none."""
    found = pipeline.feed(*captures[f"airflow-{NEXT}-influxdb"]).wait().airflow()
    assert found["airflow_scheduler_dagruns_queued"] == 0
    assert found["airflow_scheduler_dagruns_running"] >= 0
