"""Every line that real installations sent is stored once under a catalogued name, or counted under a reason."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from windsock import catalog

DATA = Path(__file__).parents[1] / "data"
CAPTURES = sorted(file.name.removesuffix(".txt.gz") for file in (DATA / "captures").glob("*.txt.gz"))
EXPECTED = DATA / "series"

pytestmark = pytest.mark.parametrize("name", CAPTURES)


def test_every_line_is_accounted_for(name, captures, pipeline):
    pipeline.feed(*captures[name]).wait()

    accounted = pipeline.accounted()
    assert sum(accounted.values()) == len(captures[name]) == pipeline.own()["windsock_lines_total"]
    reasons = {key for key in accounted if not key.startswith("samples_total")}
    assert reasons <= {
        'duplicates_total{form="legacy"}',
        'duplicates_total{form="untagged"}',
        'ignored_total{reason="client_telemetry"}',
    }


def test_the_series_are_the_reviewed_ones(name, captures, pipeline, read, tmp_path):
    series = read.series(pipeline.feed(*captures[name]).wait().text())
    airflow = [one for one in series if one.startswith("airflow_")]

    (tmp_path / "series.txt").write_text("\n".join(airflow) + "\n")
    reviewed = (EXPECTED / f"{name}.txt").read_text().splitlines()
    assert airflow == reviewed, f"after a review, {tmp_path / 'series.txt'} becomes {EXPECTED / name}.txt"


def test_every_name_and_label_is_catalogued(name, captures, pipeline, read):
    for series in read.series(pipeline.feed(*captures[name]).wait().text()):
        metric = catalog.family(series.partition("{")[0])
        assert set(re.findall(r'[{,](\w+)="', series)) <= set(metric.labels), series


def parse(line: bytes) -> tuple[str, float, str]:
    """The name without its tags, the value and the type: as little of a parser as these captures need."""
    sample, type_ = line.decode().strip().split("|")[:2]
    head, _, value = sample.rpartition(":")
    return head.partition(",")[0].removeprefix("airflow."), float(value), type_


def test_each_fact_is_stored_once(name, captures, pipeline):
    """Airflow sends each fact exactly once under its modern name, with or without tags: these lines alone are the sum.

    What has no modern name (jobs, whose kind is inside the name) is left to the test of the series.
    """
    totals: Counter[str] = Counter()
    observations: Counter[str] = Counter()
    for sample, value, type_ in map(parse, captures[name]):
        totals[sample] += value if type_ == "c" else 0
        observations[sample] += type_ == "ms"

    exposed: dict[str, float] = defaultdict(float)
    for series, value in pipeline.feed(*captures[name]).wait().airflow().items():
        exposed[series.partition("{")[0]] += value

    checked = 0
    for metric in catalog.airflow():
        if metric.sample in exposed and metric.kind != "gauge" and "{" not in metric.name:
            expected = totals[metric.name] if metric.kind == "counter" else observations[metric.name]
            only_legacy = not any(sample == metric.name for sample, _, _ in map(parse, captures[name]))
            assert only_legacy or exposed[metric.sample] == expected, metric.name
            checked += not only_legacy
    assert checked >= 20


@pytest.mark.parametrize("batch", [1, 7, 20_000])
def test_how_lines_are_batched_changes_nothing(name, batch, captures, make_pipeline):
    usual = make_pipeline().feed(*captures[name], batch=512).wait()
    other = make_pipeline().feed(*captures[name], batch=batch).wait()

    assert other.airflow() == pytest.approx(usual.airflow())
    assert other.accounted() == usual.accounted()


def test_random_batches_and_pauses_change_nothing(name, captures, make_pipeline):
    usual = make_pipeline().feed(*captures[name]).wait()
    chance = random.Random(name)
    other, lines = make_pipeline(), list(captures[name])
    while lines:
        size = chance.choice((1, 2, 3, 10, 100, 512))
        other.feed(*lines[:size])
        del lines[:size]
        if chance.random() < 0.2:
            other.text()

    assert other.wait().airflow() == pytest.approx(usual.airflow())


def test_the_exposition_holds_no_unbounded_label(name, captures, pipeline):
    text = pipeline.feed(*captures[name]).wait().text()

    assert not re.search(r"(run_id|dagrun_id|job_id|logical_date)=", text)
