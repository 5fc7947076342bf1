"""`dag_processing.last_duration` in seconds, as every Airflow 3 sends it, and in milliseconds, as one may."""

from __future__ import annotations

import pytest

FAMILY = "airflow_dag_processing_last_duration_seconds"
LINES = {
    "influxdb": "airflow.dag_processing.last_duration,bundle_name=dags,file_name={}:{:f}|ms",
    "datadog": "airflow.dag_processing.last_duration:{}|ms|#bundle_name:dags,file_name:{}\n",
    "plain": "airflow.dag_processing.last_duration.dags.{}:{:f}|ms",
}


@pytest.fixture
def play(pipeline):
    """Feed each file's value every so many seconds: `play(3, 30, orders=213.5)`; returns what the last round added."""

    def total():
        return sum(value for name, value in pipeline.airflow().items() if name.startswith(f"{FAMILY}_sum"))

    def run(times, seconds, dialect="influxdb", sender="10.0.0.1", **files):
        before = 0.0
        for _ in range(times):
            before = total()
            pipeline.wait(seconds)
            for name, value in files.items():
                given = (value, name) if dialect == "datadog" else (name, value)
                pipeline.feed(LINES[dialect].format(*given), sender=sender)
        if dialect == "plain":
            pipeline.wait()
        return total() - before

    return run


@pytest.mark.parametrize("dialect", LINES)
def test_milliseconds_are_told_by_files_that_would_still_be_parsed(play, dialect):
    assert play(6, 30, dialect, orders=213.456, refunds=98.25) == pytest.approx(0.311706)
    # And that stays, also where a value alone would be plausible.
    assert play(3, 300, dialect, orders=60.5) == pytest.approx(0.0605)


@pytest.mark.parametrize("dialect", LINES)
def test_seconds_stay_seconds(play, dialect):
    assert play(20, 30, dialect, orders=0.213456, heavy=25.5) == pytest.approx(25.713456)


def test_where_every_file_is_heavy_they_stay_seconds_too(play):
    """Longer than any file takes by default (`dag_file_processor_timeout` is 50 s), and parsed again at once."""
    assert play(50, 66, orders=65.5, refunds=44.0) == pytest.approx(109.5)


def test_two_processors_may_parse_a_file_at_once(pipeline, play):
    for _ in range(30):
        play(1, 22, sender="10.0.0.1", orders=40.0)
        assert play(1, 22, sender="10.0.0.2", orders=40.0) == pytest.approx(40)


def test_what_comes_at_once_after_a_pause_of_the_exporter_proves_nothing(play):
    for _ in range(10):
        play(2, 45, orders=40.0, refunds=41.0)
        play(2, 0, orders=40.0, refunds=41.0)
    assert play(1, 45, orders=40.0) == pytest.approx(40)


def test_two_installations_at_one_exporter_do_not_turn_it_back_and_forth(pipeline, play):
    play(6, 30, new=213.456)
    for _ in range(20):
        assert play(1, 15, old=0.25) == pytest.approx(0.25)
        assert play(1, 15, new=213.456) == pytest.approx(0.213456)


def test_airflow_2_sends_milliseconds_and_is_believed(pipeline):
    pipeline.feed("airflow.dag_processing.last_duration.orders:9.5|ms")
    assert pipeline.wait().airflow()[f'{FAMILY}_sum{{file_name="orders"}}'] == pytest.approx(0.0095)


def test_corrections_are_counted_only_where_there_are_some(pipeline, play):
    play(6, 30, orders=213.456)
    counted = pipeline.own()['windsock_corrections_total{reason="seconds_as_milliseconds"}']
    play(6, 30, orders=213.456)
    assert pipeline.own()['windsock_corrections_total{reason="seconds_as_milliseconds"}'] == counted <= 6
