"""Promises: freshness, and a time of day with its zone, over clock changes and days without a run."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from windsock.exceptions import SettingsError
from windsock.exporter.database.slo import FinishBy
from windsock.settings import load

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400.0


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def shown(found: dict[str, float], name: str, dag_id: str = "d") -> float | None:
    return found.get(f'airflow_db_dag_{name}{{dag_id="{dag_id}"}}')


@pytest.mark.parametrize(
    ("now", "before", "last"),
    [
        ("2026-06-10 05:59", "2026-06-08 06:00", "2026-06-09 06:00"),
        ("2026-06-10 06:00", "2026-06-09 06:00", "2026-06-10 06:00"),
        ("2026-03-29 12:00", "2026-03-28 06:00", "2026-03-29 06:00"),  # a day of 23 hours
        ("2026-10-25 12:00", "2026-10-24 06:00", "2026-10-25 06:00"),  # a day of 25 hours
    ],
)
def test_the_last_two_times_of_day(now, before, last):
    assert FinishBy.parse("06:00 Europe/Berlin").window(at(now)) == (at(before), at(last))


def test_days_have_as_many_hours_as_the_clock_gives_them():
    for day, hours in (("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)):
        before, last = FinishBy.parse("06:00 Europe/Berlin").window(at(f"{day} 12:00"))
        assert last - before == hours * 3600


def test_a_time_that_the_clock_skips_or_shows_twice():
    skipped = FinishBy.parse("02:30 Europe/Berlin")
    assert skipped.window(at("2026-03-29 12:00"))[1] == at("2026-03-29 03:30")
    twice = skipped.window(at("2026-10-25 12:00"))[1]
    assert datetime.fromtimestamp(twice, ZoneInfo("UTC")).isoformat() == "2026-10-25T00:30:00+00:00"


@pytest.fixture
def promised(pg_database, look, clock):
    """Look at the DAG `d` at a time of day in Berlin."""
    eye = look(pg_database.url, slo={"d": {"finish_by": "06:00 Europe/Berlin", "fresh_within": "26h"}})

    def see(now: str) -> dict[str, float]:
        clock(at(now))
        return eye()

    return see


def test_a_run_that_is_late_and_then_done(pg_database, promised):
    pg_database.dag("d", next_dagrun_create_after=at("2026-06-11 04:00"))
    pg_database.run(1, "d", "success", at("2026-06-09 04:00"), start_date=1, end_date=at("2026-06-09 04:30"))
    pg_database.run(2, "d", "running", at("2026-06-10 04:00"), start_date=at("2026-06-10 04:00"))
    assert shown(promised("2026-06-10 05:59"), "finish_by_missed") == 0
    found = promised("2026-06-10 06:01")
    assert shown(found, "finish_by_missed") == 1
    assert shown(found, "finish_by_timestamp_seconds") == at("2026-06-10 06:00")
    assert shown(found, "fresh") == 1
    pg_database.update("dag_run", {"id": 2}, state="success", end_date=at("2026-06-10 07:00"))
    assert shown(promised("2026-06-10 07:01"), "finish_by_missed") == 0


def test_a_run_that_failed_and_one_after_it_that_succeeds(pg_database, promised):
    pg_database.dag("d")
    pg_database.run(2, "d", "failed", at("2026-06-10 04:00"), start_date=1, end_date=at("2026-06-10 04:30"))
    found = promised("2026-06-10 06:01")
    assert shown(found, "finish_by_missed") == 1
    assert shown(found, "fresh") == 0
    assert shown(found, "fresh_within_seconds") == 26 * 3600
    pg_database.run(3, "d", "success", at("2026-06-10 08:00"), start_date=1, end_date=at("2026-06-10 08:30"))
    found = promised("2026-06-10 09:00")
    assert shown(found, "finish_by_missed") == 0
    assert shown(found, "fresh") == 1


def test_a_day_without_a_run_breaks_no_promise(pg_database, promised):
    pg_database.dag("d", next_dagrun_create_after=at("2026-06-15 04:00"))
    pg_database.run(1, "d", "failed", at("2026-06-12 04:00"), start_date=1, end_date=at("2026-06-12 04:30"))
    assert shown(promised("2026-06-12 06:01"), "finish_by_missed") == 1
    assert shown(promised("2026-06-13 06:01"), "finish_by_missed") == 0  # a Saturday


def test_a_run_of_yesterday_that_is_still_at_work_is_late(pg_database, promised):
    pg_database.dag("d")
    pg_database.run(1, "d", "running", at("2026-06-12 04:00"), start_date=at("2026-06-12 04:00"))
    assert shown(promised("2026-06-13 06:01"), "finish_by_missed") == 1


def test_a_run_that_was_never_made_is_late_unless_the_dag_is_paused(pg_database, promised):
    pg_database.dag("d", next_dagrun_create_after=at("2026-06-10 04:00"))
    assert shown(promised("2026-06-10 06:01"), "finish_by_missed") == 1
    assert shown(promised("2026-06-13 06:01"), "finish_by_missed") == 1
    pg_database.update("dag", {"dag_id": "d"}, is_paused=True)
    assert shown(promised("2026-06-13 06:01"), "finish_by_missed") == 0


def test_a_promise_about_a_dag_that_is_not_there_is_not_kept(promised):
    found = promised("2026-06-10 06:01")
    assert shown(found, "fresh") == 0
    assert shown(found, "finish_by_missed") == 0


def goals(found: dict[str, float], dag_id: str) -> dict[str, float]:
    start = f'airflow_db_dag_objective_ratio{{dag_id="{dag_id}",objective="'
    return {name.removeprefix(start).removesuffix('"}'): value for name, value in found.items() if start in name}


def test_promises_by_pattern_tag_and_team_and_the_first_that_makes_one_makes_it(pg_database, look):
    for dag_id, owner in (("orders_daily", "data"), ("orders_hourly", "data"), ("mart", "bi"), ("other", "ann")):
        pg_database.dag(dag_id, owners=owner)
    pg_database.insert("dag_tag", {"dag_id": "mart", "name": "gold"})
    pg_database.insert("dag_tag", {"dag_id": "orders_hourly", "name": "gold"})
    eye = look(
        pg_database.url,
        teams={"bi": {"match": {"owner": "bi"}}},
        slo={
            "orders_daily": {"success": "99.5%"},
            "orders_*": {"success": "99%", "fresh_within": "26h", "kept": "98%"},
            "gold ones": {"match": {"tag": "gold", "team": "bi"}, "finish_by": "06:00 Europe/Berlin"},
            "the team's": {"match": {"team": "b?"}, "success": "90%"},
            "gone": {"success": "95%"},
        },
    )
    found = eye()
    assert goals(found, "orders_daily") == {"success": 0.995, "fresh_within": 0.98}
    assert goals(found, "orders_hourly") == {"success": 0.99, "fresh_within": 0.98}
    assert goals(found, "mart") == {"success": 0.9, "finish_by": 0.99}
    assert goals(found, "gone") == {"success": 0.95}
    assert goals(found, "other") == {}
    assert shown(found, "fresh_within_seconds", "orders_hourly") == 26 * 3600
    assert shown(found, "finish_by_missed", "mart") == 0


def test_an_entry_that_only_matches_what_is_not_there_promises_nothing(pg_database, look):
    pg_database.dag("a")
    found = look(pg_database.url, slo={"b*": {"success": "99%"}, "c": {"match": {"tag": "x"}, "success": "99%"}})()
    assert not [name for name in found if "objective" in name]


def test_a_zone_that_is_none_is_found_when_the_configuration_is_read(tmp_path):
    file = tmp_path / "w.yaml"
    file.write_text('slo: {d: {finish_by: "06:00 Europe/Berln"}}\n')
    with pytest.raises(SettingsError, match=r"slo\.d\.finish_by: expected a time zone that this machine knows"):
        load(file, {})
