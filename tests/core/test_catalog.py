"""The catalogue: one name a metric, what Airflow's own registry says, and what is known beyond it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from windsock import catalog
from windsock.airflow.versions import NEWEST, OLDEST
from windsock.catalog.airflow_metrics import NOTES
from windsock.catalog.own_metrics import OWN_METRICS

ROOT = Path(__file__).parent.parent.parent
AIRFLOW = "WINDSOCK_AIRFLOW_PYTHON"
EVERY = (*catalog.statsd(), *catalog.own())
VERSIONS = (OLDEST, "3.0.6", "3.1.3", "3.1.6", "3.1.8", "3.2.0", NEWEST)


@pytest.fixture(scope="module")
def airflow() -> str:
    """The Python of the newest Airflow, installed."""
    python = Path(os.environ.get(AIRFLOW) or ROOT / ".windsock" / f"airflow-{NEWEST}" / "bin" / "python")
    if not python.exists():
        pytest.fail(f"there is no Airflow {NEWEST}: `make install` brings it, or set {AIRFLOW} to its Python")
    return str(python)


def test_the_registry_of_the_installed_airflow_is_the_one_that_is_kept(airflow):
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "catalog.py", airflow, "--check"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == f"airflow-{NEWEST}.json: current\n"


class TestNames:
    def test_no_name_twice(self):
        families = [metric.family for metric in EVERY]
        assert len(families) == len(set(families))

    def test_no_sample_of_one_metric_is_the_name_of_another(self):
        endings = {"histogram": ("_bucket", "_count", "_sum"), "summary": ("", "_count", "_sum")}
        samples = [m.family + ending for m in EVERY for ending in endings.get(m.kind, ("",))]
        assert len(samples) == len(set(samples))

    @pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
    def test_names_keep_to_prometheus_conventions(self, metric):
        assert re.fullmatch(r"(airflow|windsock)_[a-z0-9_]*[a-z0-9]", metric.family)
        assert "__" not in metric.family
        assert metric.family.endswith("_total") is (metric.kind == "counter")
        assert metric.family.endswith("_seconds") or metric.kind != "histogram"
        assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", label) for label in metric.labels)
        assert not {"le", "quantile", "run_id", "dagrun_id", "job_id", "map_index"} & set(metric.labels)

    @pytest.mark.parametrize(
        ("name", "kind", "family"),
        [
            ("ti.finish", "counter", "airflow_ti_finish_total"),
            ("dagrun.dependency-check", "histogram", "airflow_dagrun_dependency_check_seconds"),
            ("pool.open_slots", "gauge", "airflow_pool_open_slots"),
            ("{job_name}_start", "counter", "airflow_job_start_total"),
            (
                "dag_processing.last_num_of_db_queries.{dag_file}",
                "gauge",
                "airflow_dag_processing_last_num_of_db_queries",
            ),
        ],
    )
    def test_from_airflows_name_to_the_exposed_one(self, name, kind, family):
        assert catalog.exposed_name(name, kind) == family

    def test_looking_one_up(self):
        assert catalog.family("airflow_ti_finish_total").name == "ti.finish"
        with pytest.raises(KeyError):
            catalog.family("airflow_nothing")


class TestMetrics:
    def test_every_metric_of_airflow_has_a_note_and_every_note_a_metric(self):
        assert {metric.name for metric in catalog.airflow()} == set(NOTES)

    @pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
    def test_help_is_a_sentence(self, metric):
        assert re.fullmatch(r"[A-Z].*\.", metric.help, re.DOTALL)
        assert len(metric.help) < 160

    @pytest.mark.parametrize("metric", catalog.airflow(), ids=lambda metric: metric.name)
    def test_what_a_legacy_name_holds_is_a_label_or_is_left_out_on_purpose(self, metric):
        for form in metric.legacy:
            assert set(re.findall(r"\{(\w+)\}", form)) <= {*metric.labels, *metric.note.drop}, form

    @pytest.mark.parametrize(
        "metric", [metric for metric in EVERY if metric.kind == "histogram"], ids=lambda metric: metric.name
    )
    def test_buckets_grow(self, metric):
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert 5 <= len(metric.buckets) <= 20
        assert all(bound > 0 for bound in metric.buckets)

    def test_buckets_suit_batch_work(self):
        """The scheduler's loop takes milliseconds, tasks run for hours."""
        assert catalog.family("airflow_scheduler_scheduler_loop_duration_seconds").buckets[0] <= 0.001
        assert catalog.family("airflow_task_duration_seconds").buckets[-1] >= 24 * 3600

    def test_own_metrics_are_the_ones_that_were_written_down(self):
        assert {name for name, *_ in OWN_METRICS} <= {metric.family for metric in catalog.own()}


class TestVersions:
    """Which Airflow really sends a metric; that its registry has the name is no proof."""

    @pytest.mark.parametrize(
        ("family", "emitted"),
        [
            ("airflow_ti_successes_total", "yes no yes yes yes yes yes"),
            ("airflow_task_duration_seconds", "yes no yes yes yes yes yes"),
            ("airflow_operator_successes_total", "yes no yes yes yes yes yes"),
            ("airflow_ti_failures_total", "yes no no yes yes yes yes"),
            ("airflow_operator_failures_total", "yes no no yes yes yes yes"),
            ("airflow_ti_start_total", "yes no no no yes yes yes"),
            ("airflow_ti_finish_total", "yes no no no yes yes yes"),
            ("airflow_task_queued_duration_seconds", "yes no no no no no no"),
            ("airflow_local_task_job_task_exit_total", "yes no no no no no no"),
            ("airflow_scheduler_heartbeat_total", "yes yes yes yes yes yes yes"),
            ("airflow_zombies_killed_total", "yes no no no no no no"),
        ],
    )
    def test_emitted_by(self, family, emitted):
        metric = catalog.family(family)
        assert ["yes" if metric.emitted_by(version) else "no" for version in VERSIONS] == emitted.split()

    @pytest.mark.parametrize(
        "name", ["dag_file_processor_timeouts", "dag_processing.manager_stalls", "collect_db_dags"]
    )
    def test_what_is_registered_and_never_sent(self, name):
        metric = next(metric for metric in catalog.airflow() if metric.name == name)
        assert not metric.emitted_by(NEWEST)
