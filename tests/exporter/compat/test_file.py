"""A mapping file that can't be used says where, which key, and what was expected; what has no effect is remarked on."""

from __future__ import annotations

import subprocess

import pytest

from windsock.exceptions import SettingsError
from windsock.exporter.compat.file import load


def rule(text: str) -> str:
    return f"mappings:\n- match: a.*\n  name: a\n  {text}\n"


BAD = {
    "mappings:\n  a: b": "2: mappings: expected a list",
    "mappings: [1]": "1: mappings[0]: expected a mapping",
    "mappings:\n- match: a.*": "2: mappings[0].name: expected the metric's name; a mapping that drops needs one too",
    "mappings:\n- name: a": "2: mappings[0].match: expected parts of letters",
    "mappings:\n- {match: a, name: a-b}": "2: mappings[0].name: expected letters, digits, _ and references such as ${",
    "mappings:\n- {match: a, name: 1a}": "2: mappings[0].name: expected letters",
    "mappings:\n- {match: a*, name: a}": "2: mappings[0].match: expected parts of letters, digits, _ and -, or a lone",
    "mappings:\n- {match: 1a.*, name: a}": "2: mappings[0].match: expected parts",
    "mappings:\n- {match: 'a(', match_type: regex, name: a}": "2: mappings[0].match: expected a regular expression",
    "mappings:\n- {match: '(?=a)', match_type: regex, name: a}": "match: expected a regular expression as RE2 and",
    "mappings:\n- {match: '\\C', match_type: regex, name: a}": "2: mappings[0].match: expected characters, not single",
    rule("labels: {a-b: x}"): "4: mappings[0].labels: 'a-b': expected letters, digits and _, the first no digit",
    rule("labels: [a]"): "4: mappings[0].labels: expected a mapping",
    rule("labels: {a: [b]}"): "4: mappings[0].labels.a: expected a string",
    rule("match_type: globb"): "4: mappings[0].match_type: expected 'glob' or 'regex'",
    rule("match_metric_type: timing"): "4: mappings[0].match_metric_type: expected 'counter' or 'gauge' or 'observer'",
    rule("action: keep"): "4: mappings[0].action: expected 'map' or 'drop'",
    rule("observer_type: gauge"): "4: mappings[0].observer_type: expected 'summary' or 'histogram'",
    rule("timer_type: gauge"): "4: mappings[0].timer_type: expected 'summary' or 'histogram'",
    rule("honor_labels: maybe"): "4: mappings[0].honor_labels: expected true or false",
    rule("ttl: soon"): "4: mappings[0].ttl: expected a duration with its unit, such as 90s or 1m30s",
    rule("ttl: 60"): "4: mappings[0].ttl: expected a duration with its unit",
    rule("ttl: -5s"): "4: mappings[0].ttl: expected a duration",
    rule("scale: much"): "4: mappings[0].scale: expected a number",
    rule("scale: .inf"): "4: mappings[0].scale: expected a finite number",
    rule("buckets: 1"): "4: mappings[0].buckets: expected a list",
    rule("buckets: [1, x]"): "4: mappings[0].buckets: expected a list of numbers",
    rule("buckets: [1, 1]"): "4: mappings[0].buckets: expected bounds in rising order",
    rule("histogram_options: {buckets: [2, 1]}"): "4: mappings[0].histogram_options.buckets: expected bounds",
    rule("summary_options: {quantiles: [{quantile: 2}]}"): "quantiles[0].quantile: expected a number between 0 and 1",
    rule("summary_options: {quantiles: [0.5]}"): "4: mappings[0].summary_options.quantiles[0]: expected a mapping",
    rule("summary_options: {age_buckets: 0.5}"): "summary_options.age_buckets: expected a whole number from 1 to 100",
    rule("summary_options: {max_age: 5}"): "4: mappings[0].summary_options.max_age: expected a duration",
    rule("observer_type: histogram\n  summary_options: {max_age: 5m}"): (
        "5: mappings[0].summary_options: expected none: observer_type is histogram"
    ),
    rule("observer_type: summary\n  histogram_options: {buckets: [1]}"): (
        "5: mappings[0].histogram_options: expected none: observer_type is summary"
    ),
    rule("observer_type: histogram\n  buckets: [1]\n  histogram_options: {buckets: [1]}"): (
        "5: mappings[0].buckets: expected it here or in histogram_options, not in both"
    ),
    "defaults: {observer_type: x}": "1: defaults.observer_type: expected 'summary' or 'histogram'",
    "defaults:\n  ttl: x": "2: defaults.ttl: expected a duration",
    "defaults: {glob_disable_ordering: 2}": "1: defaults.glob_disable_ordering: expected true or false",
    "- a": "1: expected a mapping with the key `mappings`",
    "a: [": "2: not valid YAML: ",
    "a: b\n c: d": "2: not valid YAML: ",
}


# What statsd_exporter accepts: nanoseconds, and what ends it when the first line comes.
ONLY_HERE = ("ttl: 60", "ttl: -5s", "max_age: 5}", ".inf", "[2, 1]", "quantile: 2", "0.5}\n")


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_says_where_and_what(text, write):
    file = write(text)
    with pytest.raises(SettingsError) as error:
        load(str(file))
    assert str(error.value).startswith(f"{file}:")
    assert BAD[text] in str(error.value)


def test_all_problems_are_told_at_once(write):
    with pytest.raises(SettingsError) as error:
        load(str(write("mappings:\n- {match: '-', name: a}\n- {match: a, name: '-'}\n- {match: a, name: a, ttl: x}\n")))
    assert [problem.rpartition("mapping.yml:")[2][:1] for problem in error.value.problems] == ["2", "3", "4"]


@pytest.mark.parametrize("name", ["missing.yml", "."])
def test_a_file_that_can_not_be_read(name, tmp_path):
    with pytest.raises(SettingsError, match=r"can't be read: (No such file|Is a directory)"):
        load(str(tmp_path / name))


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "mapping.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="can't be read"):
        load(str(tmp_path / "mapping.yml"))


def test_what_has_no_effect_is_remarked_on(write):
    file = write(
        "default: {ttl: 5m}\n"
        "mappings:\n"
        "- match: a\n"
        "  name: a\n"
        "  lables: {}\n"
        "  histogram_options: {native_histogram_bucket_factor: 1.1, buckets: [1]}\n"
        "  quantiles: [{quantile: 0.5, error: 0.1}]\n"
    )
    assert [remark.removeprefix(f"{file}:") for remark in load(str(file)).remarks] == [
        "1: default: unknown key, left out; did you mean 'defaults'?",
        "5: mappings[0].lables: unknown key, left out; did you mean 'labels'?",
        "6: mappings[0].histogram_options: has no effect without `observer_type: histogram`",
        "7: mappings[0].quantiles: has no effect without `observer_type: summary`",
        (
            "6: mappings[0].histogram_options.native_histogram_bucket_factor: "
            "native histograms have no form in Prometheus' text formats"
        ),
    ]


def test_what_statsd_exporter_refuses_is_refused(write, statsd_exporter):
    good_there = []
    for text in BAD:
        command = [statsd_exporter, "--check-config", f"--statsd.mapping-config={write(text)}"]
        if subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0:
            good_there.append(text)
    assert good_there == [text for text in BAD if any(part in text for part in ONLY_HERE)]
