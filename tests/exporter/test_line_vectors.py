"""The protocol, line by line: what each dialect's lines say, and which lines are none."""

from __future__ import annotations

import pytest

from windsock.exporter.statsd.line import LineError, parse, split

# Datagram → name, type, value, rate, tags, dialect of each sample; where a sample is none, the reason.
VECTORS = {
    "foo:2|c": [("foo", "c", 2, 1, {}, "plain")],
    "foo:3|g|@0.2": [("foo", "g", 3, 0.2, {}, "plain")],
    "g:333|g\ng:-10|g\ng:+4|g": [("g", "g", value, 1, {}, "plain") for value in (333, -10, 4)],
    "foo:200|ms": [("foo", "ms", 200, 1, {}, "plain")],
    "foo:200|h": [("foo", "h", 200, 1, {}, "plain")],
    "foo:.5|d": [("foo", "d", 0.5, 1, {}, "plain")],
    # DogStatsD
    "foo:100|c|@0.1|#tag1:bar,#tag2:baz": [("foo", "c", 100, 0.1, {"tag1": "bar", "tag2": "baz"}, "datadog")],
    "foo:1|c|#a:b|@0.5": [("foo", "c", 1, 0.5, {"a": "b"}, "datadog")],
    "foo:1|c|#a:b|#c:d": [("foo", "c", 1, 1, {"a": "b", "c": "d"}, "datadog")],
    "foo:1|c|#tag_without_a_value,tag:value": [("foo", "c", 1, 1, {"tag": "value"}, "datadog")],
    "foo:1|c|#tag:value,,": [("foo", "c", 1, 1, {"tag": "value"}, "datadog")],
    "foo:1|c|#tag1:foo:bar": [("foo", "c", 1, 1, {"tag1": "foo:bar"}, "datadog")],
    "foo:1|c|#:v,k:": [("foo", "c", 1, 1, {}, "datadog")],
    "t:0.5:120:3000|ms|@0.5|#a:b": [("t", "ms", value, 0.5, {"a": "b"}, "datadog") for value in (0.5, 120, 3000)],
    # both ways of packing at once
    "foo:1:2|c|@0.5:3|ms": [("foo", "c", value, 0.5, {}, "plain") for value in (1, 2)]
    + [("foo", "ms", 3, 1, {}, "plain")],
    "foo:1|c|c:container123": [("foo", "c", 1, 1, {}, "plain")],
    "foo:1|c|#k:v|c:in-83": [("foo", "c", 1, 1, {"k": "v"}, "datadog")],
    "foo:1|c|@0.5|c:ab|T1656581400|e:it-false,cn-x|card:low": [("foo", "c", 1, 0.5, {}, "plain")],
    "foo:1|c|c:ab:5|g": [("foo", "c", 1, 1, {}, "plain"), ("foo", "g", 5, 1, {}, "plain")],
    "foo:1|c|T1656581400": [("foo", "c", 1, 1, {}, "plain")],
    "foo:1|c|e:external": [("foo", "c", 1, 1, {}, "plain")],
    "foo:1|c|card:low": [("foo", "c", 1, 1, {}, "plain")],
    # InfluxDB
    "foo,tag1=bar,tag.2=baz:100|c": [("foo", "c", 100, 1, {"tag1": "bar", "tag.2": "baz"}, "influxdb")],
    "foo,run=a__2024-01-01T00:00:00+00:00:1|c": [
        ("foo", "c", 1, 1, {"run": "a__2024-01-01T00:00:00+00:00"}, "influxdb")
    ],
    "foo,a=b=c,d=,e,=f:1|c": [("foo", "c", 1, 1, {"a": "b=c"}, "influxdb")],
    "foo,file=/dags/[old]/x#1.py:1|c": [("foo", "c", 1, 1, {"file": "/dags/[old]/x#1.py"}, "influxdb")],
    "foo,:1|c": [("foo", "c", 1, 1, {}, "plain")],
    "foo,a=b:1|c:2|ms": [("foo", type_, value, 1, {"a": "b"}, "influxdb") for type_, value in (("c", 1), ("ms", 2))],
    # Librato
    "foo#tag1=bar,tag2=baz:100|c": [("foo", "c", 100, 1, {"tag1": "bar", "tag2": "baz"}, "librato")],
    "foo#09digits=0,tag.with.dots=1:100|c": [("foo", "c", 100, 1, {"09digits": "0", "tag.with.dots": "1"}, "librato")],
    "foo#at=12:30:1|g": [("foo", "g", 1, 1, {"at": "12:30"}, "librato")],
    "foo#:1|c": [("foo", "c", 1, 1, {}, "plain")],
    # SignalFX
    "foo.[tag1=bar,tag2=baz]test:100|c": [("foo.test", "c", 100, 1, {"tag1": "bar", "tag2": "baz"}, "signalfx")],
    "[tag1=bar]foo.test:100|c": [("foo.test", "c", 100, 1, {"tag1": "bar"}, "signalfx")],
    "foo.test[tag1=bar]:100|c": [("foo.test", "c", 100, 1, {"tag1": "bar"}, "signalfx")],
    "foo.[]test:100|c": [("foo.test", "c", 100, 1, {}, "plain")],
    "foo.[tag1,tag2]test:100|c": [("foo.test", "c", 100, 1, {}, "plain")],
    "[tag1=bar,tag2=bazfoo.test:100|c": [("[tag1=bar,tag2=bazfoo.test", "c", 100, 1, {}, "plain")],
    "foo[at=12:30]:1|g": [("foo", "g", 1, 1, {"at": "12:30"}, "signalfx")],
    # several samples
    "foo:200|ms:300|ms:5|c|@0.1:6|g\nbar:1|c:5|ms": [
        ("foo", "ms", 200, 1, {}, "plain"),
        ("foo", "ms", 300, 1, {}, "plain"),
        ("foo", "c", 5, 0.1, {}, "plain"),
        ("foo", "g", 6, 1, {}, "plain"),
        ("bar", "c", 1, 1, {}, "plain"),
        ("bar", "ms", 5, 1, {}, "plain"),
    ],
    "foo:1|c:bad:2|c": [("foo", "c", 1, 1, {}, "plain"), "no_type", ("foo", "c", 2, 1, {}, "plain")],
    "foo\n\nbar:1|c\r\n": ["no_colon", ("bar", "c", 1, 1, {}, "plain")],
    # a rate that can't be costs nothing but itself
    "foo:1|c|@bar": [("foo", "c", 1, 1, {}, "plain")],
    "foo:1|c|@0": [("foo", "c", 1, 1, {}, "plain")],
    "foo:1|c|@2": [("foo", "c", 1, 1, {}, "plain")],
    "foo:1|ms|@1e-320": [("foo", "ms", 1, 1, {}, "plain")],
    # none
    "foo": ["no_colon"],
    "foo:1": ["no_type"],
    "foo:1o|c": ["bad_value"],
    "foo:|c": ["bad_value"],
    "foo:nan|g": ["bad_value"],
    "foo:2|t": ["unknown_type"],
    "foo:a|s": ["set"],
    ":100|ms": ["no_name"],
    ",a=b:1|c": ["no_name"],
    "[a=b]:1|c": ["no_name"],
    "foo:1|c|": ["empty_field"],
    "foo:1|c|x": ["unknown_field"],
    "foo,a=b:1|c|#c:d": ["mixed_tags"],
    "foo#a=b:1|c|#c:d": ["mixed_tags"],
    "foo[a=b]:1|c|#c:d": ["mixed_tags"],
    "foo,a=b:1|c|#": ["mixed_tags"],
    "foo\udcff:1|c": ["invalid_utf8"],
}


@pytest.mark.parametrize("datagram", VECTORS)
def test_a_line_says_what_its_dialect_means(datagram):
    found: list[object] = []
    for line in split(datagram.encode(errors="surrogateescape")):
        try:
            sample = parse(line)
        except LineError as error:
            found.append(error.reason)
        else:
            head = sample.head
            found.append((head.name, head.type, sample.value, head.rate, dict(head.tags), head.dialect))
    assert found == VECTORS[datagram]


def test_what_is_packed_in_both_ways_is_taken_apart_once():
    parts = split(b"foo" + b":1" * 500 + b"|g" + b":2|g" * 500)
    assert len(parts) == 1000
    assert all(split(part) == [part] for part in parts)
