"""/metrics as Prometheus and others read it: both formats, any text, and the 0 that a new series begins with."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from windsock import catalog
from windsock.airflow.versions import NEWEST, OLDEST
from windsock.exporter.series.exposition import OPENMETRICS, TEXT, ZeroInit, content_type

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;"
    "q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
WITH_PROTOBUF = (
    f"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,{PROMETHEUS_3}"
)


@pytest.mark.parametrize(
    ("accept", "content"),
    [
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (WITH_PROTOBUF, TEXT),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("*/*", TEXT),
        ("", TEXT),
        ("application/json", TEXT),
        (";;,,=", TEXT),
    ],
)
def test_the_format_that_is_asked_for(accept, content):
    assert content_type(accept) == content


@pytest.mark.parametrize(("accept", "content"), [(PROMETHEUS_2_42, OPENMETRICS), ("*/*", TEXT)])
def test_over_http(accept, content, serve, read):
    service = serve()
    answer = requests.get(read.url(service), headers={"Accept": accept}, timeout=60)
    assert answer.headers["Content-Type"] == content
    assert answer.text.endswith("# EOF\n") is (content == OPENMETRICS)


@pytest.mark.parametrize("name", [f"airflow-{OLDEST}-plain", f"airflow-{NEWEST}-influxdb", f"airflow-{NEWEST}-datadog"])
class TestCaptures:
    def test_both_formats_say_the_same(self, name, captures, pipeline, read):
        pipeline.feed(*captures[name]).wait()
        assert read.values(pipeline.text(OPENMETRICS)) == read.values(pipeline.text(TEXT))

    def test_promtool_finds_nothing_wrong(self, name, captures, pipeline):
        promtool = shutil.which("promtool") or pytest.fail("promtool is not installed: apt-get install prometheus")
        text = pipeline.feed(*captures[name]).wait().text()
        found = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
        )
        # Airflow's own names for some gauges and counters are kept; promtool would have called them differently.
        odd = [line for line in found.stderr.splitlines() if "airflow_" not in line]
        assert not odd, odd
        assert all("no help text" not in line and "error" not in line for line in found.stderr.splitlines())

    def test_the_parsers_of_prometheus_client_read_it(self, name, captures, pipeline):
        pipeline.feed(*captures[name]).wait()
        kinds = {"histogram": "histogram", "gauge": "gauge", "counter": "counter"}
        for family in parse_text(pipeline.text(TEXT)):
            known = catalog.by_family().get(family.name) or catalog.by_family().get(f"{family.name}_total")
            assert known is not None, family.name
            assert family.type == kinds[known.kind]
            assert family.documentation == known.help
        names = [family.name for family in parse_openmetrics(pipeline.text(OPENMETRICS))]
        assert len(names) == len(set(names)) > 40

    def test_histograms_are_whole(self, name, captures, pipeline):
        pipeline.feed(*captures[name]).wait()
        for family in parse_text(pipeline.text()):
            if family.type != "histogram":
                continue
            series: dict[tuple, dict] = {}
            for sample in family.samples:
                labels = {key: value for key, value in sample.labels.items() if key != "le"}
                one = series.setdefault(tuple(sorted(labels.items())), {"buckets": []})
                if sample.name.endswith("_bucket"):
                    one["buckets"].append((float(sample.labels["le"]), sample.value))
                else:
                    one[sample.name.rpartition("_")[2]] = sample.value
            for one in series.values():
                bounds, counts = zip(*one["buckets"], strict=True)
                assert list(bounds) == sorted(bounds)
                assert list(counts) == sorted(counts), "buckets are cumulative"
                assert bounds[-1] == math.inf
                assert counts[-1] == one["count"]
                assert one["sum"] <= sum(bound * one["count"] for bound in bounds[-2:-1]) + one["sum"] * (
                    counts[-2] < counts[-1]
                )


@pytest.mark.parametrize(
    ("value", "bucket"),
    [("99.9", "0.1"), ("100", "0.1"), ("100.1", "0.25"), ("0", "0.001"), ("60000", "60.0"), ("60001", "+Inf")],
)
@pytest.mark.parametrize("crowd", [1, 40])
def test_a_bound_belongs_to_its_bucket(value, bucket, crowd, pipeline, read):
    """Alone, and among so many that they are counted otherwise."""
    pipeline.feed(*[f"airflow.scheduler.scheduler_loop_duration:{value}|ms"] * crowd)
    found = read.values(pipeline.text())
    reached = {
        name.partition('le="')[2].rstrip('"}'): value
        for name, value in found.items()
        if name.startswith("airflow_scheduler_scheduler_loop_duration_seconds_bucket")
    }
    assert next(edge for edge, count in reached.items() if count) == bucket
    assert set(reached.values()) <= {0, crowd}


VALID = st.characters(exclude_characters=",=:|#\n\r", exclude_categories=["Cs"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dag=st.text(VALID, min_size=1).filter(str.strip),
    odd=st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()),
)
def test_any_label_value_comes_out_as_it_went_in(make_pipeline, dag, odd):
    pipeline = make_pipeline().feed(f'airflow.ti.start,dag_id={dag},task_id=\\"{dag}:1|c')
    for content, parse in ((TEXT, parse_text), (OPENMETRICS, parse_openmetrics)):
        samples = [
            sample.labels
            for family in parse(pipeline.text(content))
            for sample in family.samples
            if sample.name == "airflow_ti_start_total"
        ]
        assert samples == [{"dag_id": dag, "task_id": f'\\"{dag}'}]


# Pieces that lines are made of, and what should never be in one.
PIECES = (
    *(
        "airflow.",
        "ti.start",
        "ti.finish.",
        "pool.open_slots",
        "task.duration",
        "dagbag_size",
        "dag_id",
        "le",
        "é",
        "__",
    ),
    *(",", "=", ":", "|", "c", "g", "ms", "h", "|#", "|@0.1", "|@1e-320", "-", "+", "1", "0.5", "inf", "e9", "0"),
    *("\\", '"', "{", "}", "#", " ", "\n", "\r", "\0", "\udcff"),
)
NEAR_THE_PROTOCOL = st.lists(
    st.sampled_from([piece.encode(errors="surrogateescape") for piece in PIECES]), max_size=14
).map(b"".join)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=60), NEAR_THE_PROTOCOL), max_size=20))
def test_any_bytes_give_a_valid_exposition(make_pipeline, datagrams):
    pipeline = make_pipeline().feed(*datagrams, batch=7).wait()

    assert "windsock_ingest_errors_total" not in pipeline.own()
    list(parse_text(pipeline.text(TEXT)))
    list(parse_openmetrics(pipeline.text(OPENMETRICS)))


@pytest.mark.parametrize(
    "tag", ["le", "quantile", "__name__", "0", "a-b", "é", "a.b", "__", "9x", "job", "instance", "overflow"]
)
def test_any_tag_becomes_a_valid_label(tag, pipeline):
    pipeline.feed(
        f"airflow.ti.start,dag_id=d,task_id=t,{tag}=v:1|c", f"airflow.task.duration,dag_id=d,task_id=t,{tag}=v:1|ms"
    )
    for content, parse in ((TEXT, parse_text), (OPENMETRICS, parse_openmetrics)):
        samples = [sample for family in parse(pipeline.text(content)) for sample in family.samples]
        started = next(sample for sample in samples if sample.name == "airflow_ti_start_total")
        assert list(started.labels.values()).count("v") == 1
        assert "le" not in started.labels


class TestBirth:
    """A new counter or histogram is shown as 0 first: from nothing to 1 is no increase to Prometheus."""

    FAILED = 'airflow_ti_failures_total{dag_id="d",task_id="t"}'
    LINE = "airflow.ti_failures,dag_id=d,task_id=t:1|c"
    HEADER = "X-Prometheus-Scrape-Timeout-Seconds"

    def test_the_first_scrape_shows_0_and_the_second_what_was_counted(self, pipeline, read):
        pipeline.feed(self.LINE, "airflow.task.duration,dag_id=d,task_id=t:1500|ms", "airflow.dagbag_size:7|g")
        name = 'airflow_task_duration_seconds_{}{{dag_id="d",task_id="t"}}'

        first = read.values(pipeline.text(zero=ZeroInit(0, 0)))
        assert first[self.FAILED] == first[name.format("count")] == first[name.format("sum")] == 0
        assert first['airflow_task_duration_seconds_bucket{dag_id="d",task_id="t",le="+Inf"}'] == 0
        assert first["airflow_dagbag_size"] == 7, "a gauge is what it is"

        second = read.values(pipeline.text(zero=ZeroInit(15, 0)))
        assert (second[self.FAILED], second[name.format("count")], second[name.format("sum")]) == (1, 1, 1.5)

    def test_who_looks_without_being_prometheus_uses_nothing_up(self, pipeline, read):
        pipeline.feed(self.LINE)
        assert read.values(pipeline.text())[self.FAILED] == 1
        assert read.values(pipeline.text(zero=ZeroInit(0, 0)))[self.FAILED] == 0
        assert read.values(pipeline.text())[self.FAILED] == 1
        assert read.values(pipeline.text(zero=ZeroInit(1, 0)))[self.FAILED] == 1

    def test_several_prometheis_each_see_the_0(self, pipeline, read):
        pipeline.feed(self.LINE)
        shown = [read.values(pipeline.text(zero=ZeroInit(now, hold=15)))[self.FAILED] for now in (0, 7, 15, 16, 22)]
        assert shown == [0, 0, 0, 1, 1]

    def test_a_known_series_is_never_0_again(self, pipeline, read):
        pipeline.feed(self.LINE).text(zero=ZeroInit(0, 0))
        for now in range(1, 5):
            pipeline.feed(self.LINE)
            assert read.values(pipeline.text(zero=ZeroInit(now, 0)))[self.FAILED] == now + 1

    def test_over_http_the_header_of_prometheus_decides(self, serve, read, eventually):
        service = serve("udp://127.0.0.1:0")
        port = int(service.addresses()[0].rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(self.LINE.encode(), ("127.0.0.1", port))

        def shown(**headers) -> float | None:
            return read.values(requests.get(read.url(service), headers=headers, timeout=60).text).get(self.FAILED)

        eventually(lambda: shown() == 1)
        scraper = {self.HEADER: "10"}
        assert [shown(**scraper), shown(), shown(**scraper), shown()] == [0, 1, 1, 1]
