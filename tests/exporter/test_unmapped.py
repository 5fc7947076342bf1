"""`exporter.statsd.unmapped: keep`: the metrics of plugins beside the catalogue's, and never instead of one."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from windsock import catalog, cli
from windsock.airflow.versions import NEWEST
from windsock.exporter.series.exposition import OPENMETRICS
from windsock.exporter.state import State

KEEP = {"statsd": {"unmapped": "keep"}}


@pytest.fixture
def keeping(make_pipeline):
    return make_pipeline(**KEEP)


def test_they_are_only_counted_where_nobody_asks_for_them(pipeline):
    pipeline.feed("airflow.vault.reads:2|c")
    assert pipeline.airflow() == {}
    assert pipeline.accounted() == {'unmapped_total{prefix="vault"}': 1}


class TestKept:
    @pytest.mark.parametrize(
        ("line", "exposed"),
        [
            ("vault.reads:2|c", {"vault_reads_total": 2}),
            ("vault.reads_total:2|c", {"vault_reads_total": 2}),
            ("vault.reads.total:2|c|@0.5", {"vault_reads_total": 4}),
            ("vault.open-leases:7|g", {"vault_open_leases": 7}),
            ("vault.size_total:7|g", {"vault_size_total": 7}),
            ("vault.wait:1500|ms", {"vault_wait_seconds_count": 1, "vault_wait_seconds_sum": 1.5}),
            ("vault.wait_seconds:1.5|h", {"vault_wait_seconds_count": 1, "vault_wait_seconds_sum": 1.5}),
            ("9lives:1|g", {"9lives": 1}),
            ("s3/bucket:1|g", {"s3_bucket": 1}),
            ("vault.nightly_job_start:1|c", {"vault_nightly_job_start_total": 1}),
        ],
    )
    def test_with_the_right_type_and_unit(self, keeping, line, exposed):
        keeping.feed(f"airflow.{line}")
        assert keeping.airflow() == {f"airflow_unmapped_{name}": value for name, value in exposed.items()}

    def test_with_a_help_that_says_the_name_in_statsd(self, keeping):
        text = keeping.feed("airflow.vault.open-leases:7|g").text()
        assert (
            "# HELP airflow_unmapped_vault_open_leases "
            "StatsD's vault.open-leases, which windsock's catalogue does not know." in text
        )
        assert "# TYPE airflow_unmapped_vault_open_leases gauge" in text

    @pytest.mark.parametrize(
        "line",
        [
            "airflow.vault.reads,dag_id=a.b,path=/x,run_id=r:2|c",
            "airflow.vault.reads:2|c|#dag_id:a.b,path:/x,run_id:r\n",
        ],
    )
    def test_tags_are_labels(self, keeping, line):
        assert keeping.feed(line).airflow() == {'airflow_unmapped_vault_reads_total{dag_id="a.b",path="/x"}': 2}

    def test_counted_as_stored_and_by_name(self, keeping):
        keeping.feed("airflow.vault.reads:2|c", "airflow.vault.leases:1|g", "airflow.vault.leases:2|g")
        assert keeping.accounted() == {'samples_total{type="counter"}': 1, 'samples_total{type="gauge"}': 2}
        assert keeping.own()["windsock_unmapped_metrics"] == 2
        assert keeping.own()['windsock_metric_series{metric="airflow_unmapped_vault_leases"}'] == 1

    def test_buckets_and_policies_can_be_configured(self, make_pipeline):
        pipeline = make_pipeline(
            **KEEP, buckets={"airflow_unmapped_wait_seconds": [1, 60]}, gauges={"airflow_unmapped_slots": "sum"}
        )
        pipeline.feed("airflow.wait:2000|ms", "airflow.slots:2|g").feed("airflow.slots:3|g", sender="10.0.0.2")
        assert 'airflow_unmapped_wait_seconds_bucket{le="60.0"} 1' in pipeline.text()
        assert pipeline.airflow()["airflow_unmapped_slots"] == 5

    @pytest.mark.parametrize(("second", "kept"), [("keep", 4), ("count", 0)])
    def test_they_outlive_a_clean_stop(self, make_pipeline, tmp_path, second, kept):
        file = str(tmp_path / "state.json")
        lines = ["airflow.vault.reads:2|c", "airflow.wait_seconds:5|ms"]
        first = make_pipeline(**KEEP).feed(*lines).service
        kept_in = State(file)
        kept_in.save(first.store, first.translator)
        kept_in.close()
        pipeline = make_pipeline(statsd={"unmapped": second})
        State(file).load(pipeline.service.store, pipeline.service.translator, pipeline.service._metrics)
        pipeline.feed("airflow.wait_seconds:5|g", *lines)
        assert pipeline.airflow().get("airflow_unmapped_vault_reads_total", 0) == kept
        assert pipeline.own().get('windsock_sample_errors_total{reason="type_conflict"}', 0) == bool(kept)


class TestNeverTwice:
    def test_no_name_of_the_catalogue_begins_so(self):
        assert not [name for name in catalog.by_family() if name.startswith(catalog.UNMAPPED)]
        assert not catalog.custom("unmapped_x", "gauge").family.startswith(catalog.UNMAPPED)

    def test_what_the_catalogue_knows_stays_its_own(self, keeping, pipeline, captures):
        lines = captures[f"airflow-{NEWEST}-influxdb"][:5000]
        assert keeping.feed(*lines).wait().airflow() == pipeline.feed(*lines).wait().airflow()

    @pytest.mark.parametrize(
        "line", ["airflow.eu.ti.finish.d.t.failed:1|c", "prod.ti.finish:1|c", "vault.reads:1|c", "airflow.custom.:1|g"]
    )
    def test_nor_a_name_behind_another_prefix_nor_what_others_send(self, keeping, line):
        keeping.feed(line)
        assert keeping.airflow() == {}
        assert sum(keeping.accounted().values()) == 1

    @pytest.mark.parametrize(
        ("first", "second", "reason"),
        [
            ("a.b:1|c", "a_b:1|c", "name_conflict"),
            ("rows:1|c", "rows_total:1|c", "name_conflict"),
            ("rows:1|c", "rows_total:1|g", "name_conflict"),
            ("wait:1|ms", "wait_seconds_count:1|g", "name_conflict"),
            ("wait_seconds_sum:1|g", "wait:1|ms", "name_conflict"),
            ("wait_seconds:1|g", "wait_seconds:1|ms", "type_conflict"),
            ("a..b:1|g", "a.é:1|g", "bad_name"),
            ("a..b:1|g", ".-_:1|g", "bad_name"),
        ],
    )
    def test_of_two_names_that_come_to_one_the_first_has_it(self, keeping, first, second, reason):
        alone = keeping.feed(f"airflow.{first}").airflow()
        assert keeping.feed(f"airflow.{second}", f"airflow.{second}").airflow() == alone
        assert keeping.own()[f'windsock_sample_errors_total{{reason="{reason}"}}'] == 2

    def test_a_counter_and_a_gauge_of_one_name_are_valid_in_openmetrics(self, keeping):
        text = keeping.feed("airflow.rows:1|c", "airflow.rows:1|g", "airflow.rows:1|ms").text(OPENMETRICS)
        found = [family.name for family in parse_openmetrics(text) if family.name.startswith(catalog.UNMAPPED)]
        assert sorted(found) == [f"{catalog.UNMAPPED}{name}" for name in ("rows", "rows_seconds", "rows_total")]


class TestBudgets:
    def test_names(self, make_pipeline):
        pipeline = make_pipeline(**KEEP, budgets={"custom": 3})
        pipeline.feed(*(f"airflow.vault.{i}:1|c" for i in range(10)))
        pipeline.feed("airflow.vault.0:1|c", "airflow.custom.x:1|g")
        assert len(pipeline.airflow()) == 4, "they take nothing from the metrics of DAG authors"
        assert pipeline.own()['windsock_sample_errors_total{reason="unmapped_budget"}'] == 7

    def test_series(self, make_pipeline):
        pipeline = make_pipeline(**KEEP, budgets={"metric": 3})
        pipeline.feed(*(f"airflow.vault.reads,path={i}:1|c" for i in range(10)))
        assert pipeline.airflow()['airflow_unmapped_vault_reads_total{overflow="metric"}'] == 7


class TestExplain:
    @pytest.fixture
    def explained(self, tmp_path, monkeypatch):
        def run(line: str, unmapped: str) -> dict:
            monkeypatch.chdir(tmp_path)
            (tmp_path / "windsock.yaml").write_text(f"exporter: {{statsd: {{unmapped: {unmapped}}}}}\n")
            done = CliRunner().invoke(cli.windsock, ["explain", "--json", line])
            assert done.exit_code == 0, done.output
            return json.loads(done.stdout)

        return run

    def test_what_is_kept(self, explained):
        told = explained("airflow.vault.reads:2|c", "keep")
        assert told["series"] == "airflow_unmapped_vault_reads_total"
        assert told["note"] == "kept because exporter.statsd.unmapped says so"

    def test_what_could_be(self, explained):
        told = explained("airflow.vault.reads:2|c", "count")
        assert told["stored"] is False
        assert "set exporter.statsd.unmapped to keep" in told["to do"]
        assert "to do" not in explained("vault.reads:2|c", "count")
