"""Where statsd_exporter breaks, or would show nonsense, the exposition stays sound, and what is left out is counted."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from windsock.exporter.series.exposition import OPENMETRICS

# Mapping, lines, what is exposed of them, what is counted.
CASES = {
    "two texts for one name": (
        (
            "mappings:\n"
            "- {match: a.*, name: x, help: one, labels: {id: $1}}\n"
            "- {match: b.*, name: x, help: two, labels: {name: $1}}\n"
        ),
        ["a.1:1|c", "b.1:2|c"],
        {'x{id="1"}': 1, 'x{name="1"}': 2},
        {},
    ),
    "labels that Prometheus keeps to itself": (
        "mappings:\n- {match: h.*, name: h, observer_type: histogram, buckets: [1], labels: {le: x}}\n",
        ["c:1|c|#__name__:x,le:y", "s:1|h|#quantile:z", "h.a:1|h"],
        {
            'c{_name__="x",le="y"}': 1,
            's{tag_quantile="z",quantile="0.5"}': 1,
            's{tag_quantile="z",quantile="0.9"}': 1,
            's{tag_quantile="z",quantile="0.99"}': 1,
            's_sum{tag_quantile="z"}': 1,
            's_count{tag_quantile="z"}': 1,
            'h_bucket{tag_le="x",le="1"}': 1,
            'h_bucket{tag_le="x",le="+Inf"}': 1,
            'h_sum{tag_le="x"}': 1,
            'h_count{tag_le="x"}': 1,
        },
        {},
    ),
    "a summary named like another one's sum": (
        "defaults: {summary_options: {quantiles: [{quantile: 0.5}]}}",
        ["t:1|h", "t.sum:1|h", "u.count:1|h", "u:1|h"],
        {'t{quantile="0.5"}': 1, "t_sum": 1, "t_count": 1}
        | {'u_count{quantile="0.5"}': 1, "u_count_sum": 1, "u_count_count": 1},
        {"type_conflict": 2},
    ),
    "brackets the wrong way round": ("", ["a]b[c:1|c"], {"a_b_c": 1}, {}),
    "the exporter's own names": (
        "",
        ["windsock.lines.total:5|c", "windsock_series:1|g", "airflow.db.task-instances:1|g", "a:1|c"],
        {"a": 1, "statsd_windsock_lines_total": 5, "statsd_windsock_series": 1},
        {"type_conflict": 1},
    ),
    "the names of what Prometheus says of a target, and of rules": (
        "mappings:\n- {match: down, name: up}\n- {match: a.b, name: scrape_$1}\n",
        ["up:0|g", "down:1|c", "ALERTS,alertname=x:1|g", "scrape.duration.seconds:9|g", "upper:1|c", "alerts:1|c"],
        {
            "statsd_up": 0,
            'statsd_ALERTS{alertname="x"}': 1,
            "statsd_scrape_duration_seconds": 9,
            "upper": 1,
            "alerts": 1,
        },
        {"type_conflict": 1},
    ),
    "the names of what the exporter says of its process": (
        "",
        ["process.cpu.seconds.total:7|c", "python_info:7|g", "process.orders:7|c"],
        {"statsd_process_cpu_seconds_total": 7, "statsd_python_info": 7},
        {},
    ),
    "a name that becomes empty": (
        "mappings:\n- {match: a.*, name: $9}\n",
        ["a.b:1|c", ",k=v:1|c"],
        {},
        {"empty_name": 1, "no_name": 1},
    ),
    "timers times nothing": (
        "mappings:\n- {match: t, name: t, scale: 0}\n- {match: u, name: u, scale: -1}\n",
        ["t:1|ms", "u:1|ms"],
        {},
        {"scale_not_positive": 2},
    ),
    "a tag with a time in it": ("", ["a,run=00:01:02:1|c"], {'a{run="00:01:02"}': 1}, {}),
    # A label of the container would be a series a task: docs/exporter.md says why there is none.
    "DogStatsD's newer fields": (
        "",
        ["a:1|c|#k:v|c:abc|e:x|card:low", "a:1|c|T1656581400", "a:1|c|c:abc"],
        {'a{k="v"}': 1, "a": 2},
        {},
    ),
    "no number": ("", ["g:nan|g", "t:nan|ms", "c:inf|c"], {}, {"bad_value": 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_sound_and_counted(case, ours, write):
    mapping, lines, exposed, counted = CASES[case]
    mine = ours(write(mapping)).feed(*lines)

    assert mine.exposed().samples == exposed
    assert mine.counted() == counted
    list(parse_text(mine.text()))
    list(parse_openmetrics(mine.text(OPENMETRICS)))


@pytest.mark.parametrize("case", list(CASES)[:4])
def test_statsd_exporter_does_not_survive_it(case, theirs, write):
    """The reason to differ: its scrapes fail from then on, or it ends."""
    mapping, lines, *_ = CASES[case]
    with pytest.raises((AssertionError, requests.ConnectionError)):
        theirs(write(mapping)).feed(*lines).text()


def test_what_statsd_exporter_makes_of_a_container(ours, theirs, write):
    """The reason to differ: a series a task's pod, and lines that are lost."""
    lines = [f"a:1|c|#k:v|{fields}" for fields in ("c:one", "c:two|T1656581400", "c:three|e:x", "card:low")]
    assert theirs(write("")).feed(*lines, "b:1|c|c:one").exposed().samples == {
        'a{container_id="one",k="v"}': 1,
        'a{container_id="two",k="v"}': 1,
    }
    assert ours(write("")).feed(*lines, "b:1|c|c:one").exposed().samples == {'a{k="v"}': 4, "b": 1}


def test_a_dropped_line_is_counted(ours, write):
    mine = ours(write("mappings:\n- {match: ., match_type: regex, action: drop, name: x}\n")).feed(
        "a:1|c", "b:2|g", "c:3|h"
    )
    assert mine.exposed().samples == {}
    assert mine.counted() == {"dropped_by_mapping": 3}


def test_names_are_forgotten_with_what_holds_them(ours):
    mine = ours()
    before = len(mine.translator._metrics)
    mine.feed("a:1|c", "b:1|g")
    assert len(mine.translator._metrics) == before + 2
    for family in list(mine.store.families.values()):
        mine.store.drop(family.metric, ())
    mine.store.families.clear()
    del family
    mine.ingest._learner._targets.clear()
    mine.ingest._learner.forget()
    assert len(mine.translator._metrics) == before
    assert mine.feed("a:1|g").exposed().families["a"][0] == "gauge"
