"""`windsock otel build`: a configuration for OpenTelemetry's collector; benchmarks/otlp.py runs it on a real one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from windsock import catalog
from windsock.cli import windsock
from windsock.exporter.otlp.meaning import kind_of
from windsock.exporter.otlp.point import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    def run(*arguments: str, config: str = "{}") -> dict:
        folder = tmp_path_factory.mktemp("otel")
        (folder / "windsock.yaml").write_text(config)
        out = folder / "otelcol.yaml"
        done = CliRunner().invoke(
            windsock, ["otel", "build", "--config", str(folder / "windsock.yaml"), "--out", str(out), *arguments]
        )
        assert done.exit_code == 0, done.output
        assert re.fullmatch(r"\S+: good: \d+ metrics have our names\n", done.output)
        return yaml.safe_load(out.read_text())

    return run


def renamed(name: str, transforms: list[dict]) -> str:
    """What a metric is called in the end, as the collector works: each transform sees what those before it made."""
    for one in transforms:
        if one.get("match_type") == "regexp":
            name = re.sub(one["include"], one["new_name"].replace("$${1}", r"\1"), name)
        elif name == one["include"]:
            name = one["new_name"]
    return name


def points(exports) -> Iterator[tuple]:
    for request in exports:
        for part in request.resource_metrics:
            for scope in part.scope_metrics:
                for metric in scope.metrics:
                    for point in getattr(metric, metric.WhichOneof("data")).data_points:
                        yield metric, point


def test_what_an_airflow_exported_has_our_names_or_is_marked_as_legacy(build, capture, receive):
    transforms = build()["processors"]["metrics_transform"]["transforms"]
    meanings = receive().intake.meanings
    marked = 0
    for metric, point in points(capture):
        data = metric.WhichOneof("data")
        found = meanings.find(metric.name, kind_of(data, getattr(metric, data), metric.unit), tags_of(point.attributes))
        name = renamed(metric.name, transforms)
        if name.startswith("legacy_"):
            marked += 1
            # A name that holds a variable is none that a collector could be told.
            assert found == "legacy" or "{" in found.metric.name, metric.name
        else:
            # The same name may be a twin without its attributes, which a collector can't tell.
            assert found == "legacy" or found.metric.family == name, metric.name
    assert marked > 100


def test_each_process_is_added_up(build):
    made = build(config="exporter: {otlp: {forget: 20m}}")
    chain = made["service"]["pipelines"]["metrics"]["processors"]
    assert chain == ["cumulative_to_delta", "resource", "delta_to_cumulative", "metrics_transform"]
    assert made["processors"]["cumulative_to_delta"] == {"initial_value": "auto", "max_staleness": "1200s"}
    assert made["processors"]["resource"]["attributes"] == [{"key": "service.instance.id", "action": "delete"}]


def test_timers_are_in_seconds(build):
    transforms = {one["new_name"]: one for one in build()["processors"]["metrics_transform"]["transforms"]}
    scaled = {name for name, one in transforms.items() if "operations" in one}
    assert scaled == {one.family for one in catalog.statsd() if one.kind == "histogram"}
    scale = transforms["airflow_task_duration_seconds"]["operations"]
    assert scale == [{"action": "experimental_scale_value", "experimental_scale": 0.001}]


def test_addresses_and_airflows_prefix(build):
    made = build("--listen", "127.0.0.1", "--expose", "127.0.0.1:9999", config="exporter: {otlp: {prefix: prod.af}}")
    assert made["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "127.0.0.1:4317"
    assert made["exporters"]["prometheus"]["endpoint"] == "127.0.0.1:9999"
    transforms = made["processors"]["metrics_transform"]["transforms"]
    assert renamed("prod.af.ti.finish", transforms) == "airflow_ti_finish_total"
    assert renamed("prod.af.ti.finish.d.t.success", transforms) == "legacy_ti.finish.d.t.success"
    assert renamed("prodxaf.ti", transforms) == "prodxaf.ti"
