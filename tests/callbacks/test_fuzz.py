"""Contexts that nobody meant: each of them is told, in time, in a form that Alertmanager and the inbox take."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windsock.callbacks import Notify, on_failure
from windsock.callbacks.context import read
from windsock.callbacks.event import build
from windsock.settings import Settings

CYCLE: list[object] = []
CYCLE.append(CYCLE)
RING: dict[object, object] = {}
RING["ring"] = RING


class Hostile:
    """Raises whatever is done with it."""

    def __str__(self):
        raise ZeroDivisionError

    __iter__ = __len__ = __eq__ = __bool__ = __str__
    __hash__ = None

    def __repr__(self):
        return "Hostile()"


class HostileError(Exception):
    def __str__(self):
        raise ZeroDivisionError


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "🛬" * 300,
            "\u202eevil\u202c",
            "\x00\x1b[31mred\x1b[0m\x07",
            "\ud800",
            "مرحبا",
            "<!channel> @here <script>alert(1)</script>",
            "{{ ti }} {% raise %}",
            "a" * 100_000,
            "\n" * 500,
        ]
    ),
)
ODD = st.one_of(
    st.none(),
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(max_size=20),
    st.lists(st.integers(), max_size=3),
    st.datetimes(timezones=st.just(timezone.utc)),
    st.datetimes(),
    st.just(CYCLE),
    st.just(RING),
    st.just(object()),
    st.builds(Hostile),
)
ERRORS = st.one_of(
    st.none(),
    TEXTS.map(ValueError),
    st.just(HostileError()),
    st.builds(KeyError, st.just(CYCLE)),
    st.just(SystemExit(3)),
    st.just(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")),
    ODD,
)
NAMES = TEXTS.filter(lambda text: text.strip())
IDS = st.one_of(NAMES, ODD)
FACTS = ("start_date", "end_date", "try_number", "max_tries", "map_index", "hostname", "log_url", "operator", "state")


@st.composite
def contexts(draw):
    """A context with some facts missing, some odd, some right."""
    dag = SimpleNamespace(dag_id=draw(NAMES), owner=draw(ODD), tags=draw(ODD))
    task = SimpleNamespace(dag=dag, operator_name=draw(ODD), task_id=draw(IDS))
    instance = SimpleNamespace(task=task, task_id=draw(IDS), run_id=draw(NAMES))
    for name in draw(st.sets(st.sampled_from(FACTS))):
        setattr(instance, name, draw(ODD))
    if draw(st.booleans()):
        instance.start_date = datetime(2026, 1, 1, tzinfo=timezone.utc)
        instance.end_date = instance.start_date + timedelta(days=draw(st.integers(-(10**5), 10**5)))
    run = SimpleNamespace(conf=draw(st.one_of(ODD, st.just(RING), st.just({"k": CYCLE}))), start_date=draw(ODD))
    context = {"dag": dag, "dag_run": run, "task_instance": instance, "run_id": instance.run_id}
    if draw(st.booleans()):
        context["exception"] = draw(ERRORS)
    if draw(st.booleans()):
        context["reason"] = draw(ODD)
    for name in draw(st.sets(st.sampled_from(["dag", "dag_run", "run_id"]), max_size=2)):
        context[name] = draw(ODD)
    return context


def is_fit(event):
    """Whether Alertmanager's API, and a person, can take it."""
    for name, value in {**event.labels, **event.annotations}.items():
        assert isinstance(value, str), name
        assert len(value) <= 4000, name
        assert value, name
    assert set(event.labels) >= {"alertname", "cluster", "dag_id", "severity", "team"}
    for value in event.annotations.values():
        value.encode()  # no halves of characters
        assert not {*value} & {chr(code) for code in (*range(9), *range(11, 32), 127, 0x202E)}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(contexts())
def test_every_context_is_an_event(context):
    start = time.process_time()
    is_fit(build(read(context, "failure"), Settings()))
    assert time.process_time() - start < 5


@pytest.fixture(scope="module")
def corpus():
    """Contexts of one run, the odd ones among them."""
    made = []

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(contexts())
    def collect(context):
        made.append(context)

    collect()
    return made


def test_a_real_alertmanager_takes_them_all(corpus, alertmanager, configure, lines):
    configure(alertmanager={"urls": [alertmanager.url]}, callbacks={"budget": 19})
    for context in corpus:
        start = time.process_time()
        on_failure(context)
        assert time.process_time() - start < 5
    assert [line for level, line in lines() if level != "INFO"] == []
    assert alertmanager.alerts()


def test_slack_takes_them_all(corpus, direct, inbox, configure, lines):
    direct = {**direct, "defaults": {"slack": "#all"}, "callbacks": {"budget": 19, **direct["callbacks"]}}
    configure(**direct)
    for number, context in enumerate(corpus):
        context["task_instance"].run_id = f"run {number}"
        Notify(channels=["slack"])({**context, "run_id": f"run {number}"})
    assert [line for level, line in lines() if level != "INFO" and "nothing to tell" not in line] == []
    assert [message.problems for message in inbox.messages() if message.problems] == []
    assert len(inbox.messages()) > len(corpus) // 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x" * 10_000_000),
        ValueError("password=" * 1_000_000),
        ValueError("🛬\n" * 3_000_000),
        KeyError(CYCLE),
    ],
    ids=["ten megabytes", "of secrets", "of lines", "a cycle"],
)
def test_huge_exceptions(airflow, alertmanager, configure, error):
    configure(alertmanager={"urls": [alertmanager.url]}, callbacks={"budget": 19})
    start = time.process_time()
    on_failure(airflow.task_failure(error))
    assert time.process_time() - start < 5
    (alert,) = alertmanager.alerts()
    assert len(alert["annotations"]["exception"]) <= 1000
