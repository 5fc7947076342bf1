"""What is learned by the shape of a line is what would be learned from the line alone."""

from __future__ import annotations

import random

import pytest

from windsock.airflow.versions import NEWEST, NEXT
from windsock.exporter.statsd.shapes import Shapes

TAKEN = "airflow_ti_start_total"
START = {
    "influxdb": "airflow.ti.start,dag_id={},task_id={}:1|c",
    "datadog": "airflow.ti.start:1|c|#dag_id:{},task_id:{}\n",
}


@pytest.fixture(params=START)
def start(request):
    return START[request.param]


@pytest.fixture
def shapes(monkeypatch):
    """The datagrams whose shape was known."""
    found = []
    find = Shapes.find

    def watched(self, datagram, head):
        alike = find(self, datagram, head)
        if alike is not None:
            found.append(datagram)
        return alike

    monkeypatch.setattr(Shapes, "find", watched)
    return found


def mutated(line: bytes, rng: random.Random) -> bytes:
    """The line with some of its characters changed for those that mean something."""
    text = bytearray(line)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(text))
        text[place : place + rng.randint(0, 1)] = rng.choice(
            [b",", b":", b"|", b"=", b"#", b"[", b"\n", b"x", b"7", b"\xff", b'"']
        )
    return bytes(text)


def test_the_second_line_of_a_kind_is_known_by_its_shape(start, make_pipeline, shapes):
    lines = [start.format(f"dag_{number}", 'ta"sk\\') for number in range(5)]
    pipeline = make_pipeline().feed(*lines)
    assert shapes == [line.encode() for line in lines[1:]]
    assert pipeline.airflow() == {f'{TAKEN}{{dag_id="dag_{n}",task_id="ta\\"sk\\\\"}}': 1 for n in range(5)}


@pytest.mark.parametrize("name", [f"airflow-{NEWEST}-influxdb", f"airflow-{NEWEST}-datadog", f"airflow-{NEXT}-datadog"])
def test_captures_and_what_resembles_them_come_to_the_same_without_shapes(
    name, captures, make_pipeline, shapes, monkeypatch
):
    rng = random.Random(name)
    lines = sorted(set(captures[name]))[::7]
    tagged = [line for line in lines if b"dag_id" in line]
    lines += [line.replace(b"dag_id=", b"dag_id=%d" % rng.randrange(9)) for line in tagged]
    lines += [mutated(line, rng) for line in rng.choices(lines, k=1500)]
    rng.shuffle(lines)
    with_shapes = make_pipeline().feed(*lines).wait()
    assert len(shapes) > 40
    monkeypatch.setattr(Shapes, "find", lambda *_: None)
    without = make_pipeline().feed(*lines).wait()
    assert with_shapes.airflow() == without.airflow()
    assert with_shapes.accounted() == without.accounted()


def test_a_known_shape_tells_the_legacy_twin_too(make_pipeline, shapes):
    """Modern lines first, then their legacy names: none of these is stored a second time, or waited for."""
    pairs = [(f"dag.{number}", f"task__{number}") for number in range(20)]
    modern = [START["influxdb"].format(dag, task) for dag, task in pairs]
    legacy = [f"airflow.ti.start.{dag.replace('.', '__')}.{task}:1|c" for dag, task in pairs]
    pipeline = make_pipeline().feed(*modern, *legacy)
    assert len(shapes) == len(modern) - 1
    assert sum(pipeline.airflow().values()) == len(modern)
    assert pipeline.accounted() == {
        'samples_total{type="counter"}': len(modern),
        'duplicates_total{form="legacy"}': len(modern),
    }


def test_a_shape_is_forgotten_when_lines_mean_something_else(make_pipeline, shapes):
    """Airflow 2's queued durations are in seconds: a line that is Airflow 2's alone turns what was learned."""
    line = "airflow.task.queued_duration,dag_id=d{},task_id=t:5|ms"
    pipeline = make_pipeline().feed(line.format(1), line.format(2), "airflow.dag_processing.last_duration.f:1|ms")
    pipeline.feed(line.format(3), line.format(4))
    sums = {name: value for name, value in pipeline.airflow().items() if "queued_duration_seconds_sum" in name}
    assert [value for _, value in sorted(sums.items())] == [0.005, 0.005, 5, 5]
    assert len(shapes) == 2


def test_tags_without_an_end_leave_no_more_than_some_shapes(make_pipeline):
    pipeline = make_pipeline().feed(*[f"airflow.ti.start,dag_id=d,task_id=t,x{n}=1:1|c" for n in range(100)])
    assert [len(kept) for kept in pipeline.service.translator._shapes._shapes.values()] == [8]
