"""When a run will be done: what a run that was, and what is done of the present one, say about the rest."""

from __future__ import annotations

import json
import math
from itertools import accumulate
from pathlib import Path

import pytest

from windsock.exporter.forecast.estimate import estimate
from windsock.exporter.forecast.plan import Plan
from windsock.exporter.forecast.profile import Profile
from windsock.exporter.forecast.replay import Progress, Replay, Width
from windsock.exporter.forecast.risk import Risk
from windsock.exporter.forecast.watch import Watch

SERIALIZED = sorted((Path(__file__).parents[2] / "data/serialized").glob("*.json"))
DAY = 86_400.0
CHAIN = Plan.of({"load": (), "merge": ("load",), "report": ("merge",)})
LAPS = {"load": 600.0, "merge": 1200.0, "report": 300.0}


def past(plan=CHAIN, laps=LAPS, days=20, delay=10.0, **factors):
    """Runs of the last days, each a little different; `factors`: by task."""
    found = []
    for day in range(-days, 0):
        speed = 1 + 0.05 * (day % 3 - 1)
        due = day * DAY
        ends = {}
        for task, upstream in plan.upstream.items():
            ready = max((ends[one] for one in upstream), default=due + delay)
            ends[task] = ready + laps[task] * speed * factors.get(task, 1.0)
        found.append(Replay.of(plan, Progress(due, due + delay, ends)))
    return found


def middle(progress, now, plan=CHAIN, replays=None):
    found = estimate(Profile(plan, replays if replays is not None else past(plan)), progress, now)
    assert found is not None
    return found.quantile(0.5)


@pytest.mark.parametrize("file", SERIALIZED, ids=lambda file: file.stem)
def test_the_tasks_of_each_airflow_are_read(file):
    # As each version's SerializedDAG.to_dict wrote it: a task group, a mapped task, three in a row.
    plan = Plan.read(json.loads(file.read_text()))
    assert dict(plan.upstream) == {
        "a": (), "m": ("a",), "g.inner": ("m",), "g.inner2": ("g.inner",), "z": ("g.inner2", "m"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [None, 7, {}, {"dag": None}, {"dag": {"tasks": [7]}}, {"dag": {"tasks": [{"__var": {}}]}}],
)
def test_what_is_no_dag_is_an_error_that_says_what_was_expected(data):
    with pytest.raises(ValueError, match=r"expected dag\.tasks"):
        Plan.read(data)


def test_tasks_that_wait_for_one_another_are_an_error():
    tasks = [{"task_id": "a", "downstream_task_ids": ["b"]}, {"task_id": "b", "downstream_task_ids": ["a"]}]
    with pytest.raises(ValueError, match="wait for one another"):
        Plan.read({"dag": {"tasks": tasks}})


def test_a_task_that_waits_for_one_that_is_not_there_waits_for_nothing():
    assert Plan.of({"a": ("gone",), "b": ("a",)}).upstream == {"a": (), "b": ("a",)}


def test_before_it_starts_it_takes_what_it_always_took():
    assert middle(Progress(0.0, None), -3600.0) == pytest.approx(2110, rel=0.06)


def test_runs_that_were_caught_up_on_do_not_say_that_the_next_one_begins_days_late():
    # All of them within the hour before the next one is due, or five days ago; then each at its time.
    for made, rest in ((-3600.0, []), (-5 * DAY - 3600, past()[15:])):
        caught_up = [Replay(one.due, made - one.due, one.took, one.laps, {}) for one in past()[: 20 - len(rest)]]
        found = middle(Progress(0.0, None), -1800.0, replays=[*caught_up, *rest])
        assert found == pytest.approx(2110, rel=0.06)


def test_a_run_that_should_have_started_starts_now():
    assert middle(Progress(0.0, None), 5000.0) == pytest.approx(7100, rel=0.06)


def test_what_is_done_counts_as_it_was():
    # The first task took an hour instead of ten minutes: the others are expected to be slow, too, but not six times.
    done = Progress(0.0, 10.0, {"load": 3610.0})
    assert 3610 + 1500 < middle(done, 3610.0) < 3610 + 1500 * 4


def test_many_slow_tasks_make_the_rest_slow_and_one_does_not():
    plan = Plan.of({f"t{number}": (f"t{number - 1}",) if number else () for number in range(10)})
    laps = dict.fromkeys(plan.upstream, 100.0)
    replays = past(plan, laps)
    all_slow = {f"t{number}": 10 + 200.0 * (number + 1) for number in range(8)}
    one_slow = {f"t{number}": 10 + 100.0 * (number + 1) + 800 * (number > 2) for number in range(8)}
    assert middle(Progress(0.0, 10.0, all_slow), all_slow["t7"], plan, replays) - all_slow["t7"] > 300
    assert middle(Progress(0.0, 10.0, one_slow), one_slow["t7"], plan, replays) - one_slow["t7"] < 260


def unsteady(days=30, tasks=12):
    """Tasks in a row of 100 seconds, and runs in which each is up to a fifth shorter or longer."""
    plan = Plan.of({f"t{number}": (f"t{number - 1}",) if number else () for number in range(tasks)})
    found = []
    for day in range(-days, 0):
        at, ends = day * DAY, {}
        for number, task in enumerate(plan.upstream):
            at += 100.0 * (1 + 0.2 * math.sin(7.0 * day + 3.0 * number))
            ends[task] = at
        found.append(Replay.of(plan, Progress(day * DAY, day * DAY, ends)))
    return plan, found


def rest(laps):
    """How long the rest of such a run takes, when its first tasks have taken so long."""
    plan, replays = unsteady()
    ends = dict(zip(plan.upstream, accumulate(laps), strict=False))
    return middle(Progress(0.0, 0.0, ends), sum(laps), plan, replays) - sum(laps)


def test_a_slow_day_is_recognised_by_its_first_tasks():
    usual, slow = rest([100.0] * 3), rest([200.0] * 3)
    assert usual == pytest.approx(900, rel=0.06)
    assert slow == pytest.approx(1800, rel=0.15)


def test_what_became_slow_on_the_way_stays_slow():
    assert rest([100.0] * 6 + [220.0] * 3) == pytest.approx(3 * 220, rel=0.2)
    # One task that was slow for itself says nothing of the others.
    assert rest([100.0] * 6 + [400.0] + [100.0] * 2) == pytest.approx(300, rel=0.06)


def test_tasks_at_work_say_how_slow_the_run_is_before_they_are_done():
    # Six tasks that take as long, and have taken twice that; then one that has not begun.
    plan = Plan.of({"z": tuple("abcdef"), **dict.fromkeys("abcdef", ())})
    replays = past(plan, dict.fromkeys("abcdefz", 1000.0))
    begun = dict.fromkeys("abcdef", 10.0)
    ends = estimate(Profile(plan, replays), Progress(0.0, 10.0, begun=begun), 2010.0).quantile(0.5)
    assert ends > 2010 + 1600


def test_a_task_that_takes_longer_than_ever_is_not_done_now():
    # `load` has taken an hour and goes on.
    now = 3610.0
    assert middle(Progress(0.0, 10.0), now) > now + 1500 + 100


def test_a_task_that_waits_has_all_of_its_work_before_it():
    # `merge` takes 20 minutes; it has been ready for 15, in which it worked, failed just now, or waited for a slot.
    now = 610.0 + 900.0
    at_work, again, waits = (
        middle(Progress(0.0, 10.0, {"load": 610.0}, begun=begun), now)
        for begun in ({"merge": 615.0}, {"merge": now}, {})
    )
    assert at_work == pytest.approx(2110, rel=0.06)
    assert again == pytest.approx(now + 1200 + 300, rel=0.06)
    assert waits > now + 1200 + 300 + 450


def test_a_wait_that_is_usual_goes_on_as_it_usually_does():
    # Each day `merge` waits 30 minutes for its slot; today it has for 25.
    runs = [
        Progress(
            day * DAY,
            day * DAY + 10,
            {task: day * DAY + end for task, end in {"load": 610, "merge": 3610, "report": 3910}.items()},
            begun={task: day * DAY + at for task, at in {"load": 10, "merge": 2410 + day, "report": 3610}.items()},
        )
        for day in range(-20, 0)
    ]
    replays = [Replay.of(CHAIN, run) for run in runs]
    assert middle(Progress(0.0, 10.0, {"load": 610.0}), 610 + 1500.0, replays=replays) == pytest.approx(3910, rel=0.06)


def test_a_task_on_its_second_try_has_that_try_before_it():
    second = Progress(0.0, 10.0, {"load": 610.0}, begun={"merge": 1810.0})
    assert middle(second, 1820.0) == pytest.approx(1810 + 1200 + 300, rel=0.06)


def test_a_pause_that_is_known_lies_before_the_next_try():
    paused = Progress(0.0, 10.0, {"load": 610.0}, begun={"merge": 5410.0})
    assert middle(paused, 1820.0) == pytest.approx(5410 + 1200 + 300, rel=0.06)


@pytest.mark.parametrize(
    ("task", "tried", "seconds"),
    [
        ({}, 3, 300.0),
        ({"retry_delay": 5.0}, 3, 5.0),
        ({"retry_delay": {"__type": "timedelta", "__var": 60.0}}, 1, 60.0),
        ({"_is_mapped": True, "partial_kwargs": {"retry_delay": {"__type": "timedelta", "__var": 60.0}}}, 1, 60.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": True}, 1, 60.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": True}, 3, 240.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": 3.0}, 3, 540.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": 3.0, "max_retry_delay": 100.0}, 3, 100.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": True}, 5000, 86_400.0),
        ({"retry_delay": 60.0, "has_retry_policy": True}, 1, 0.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": 1e300}, 3, 86_400.0),
        ({"retry_delay": 60.0, "retry_exponential_backoff": 0.5}, 2, 30.0),
        ({"retry_delay": "soon"}, 1, 0.0),
        ({"retry_delay": float("inf")}, 1, 0.0),
    ],
)
def test_the_pause_between_two_tries_is_the_authors(task, tried, seconds):
    plan = Plan.read({"dag": {"tasks": [{"__type": "operator", "__var": {"task_id": "t", **task}}]}})
    assert plan.pauses["t"].after(tried) == seconds


def test_a_pause_may_be_the_default_of_the_one_who_serialized():
    data = {"client_defaults": {"tasks": {"retry_delay": 30.0}}, "dag": {"tasks": [{"__var": {"task_id": "t"}}]}}
    assert Plan.read(data).pauses["t"].after(1) == 30.0


def test_a_run_cannot_be_done_before_now():
    done = Progress(0.0, 10.0, {"load": 610.0, "merge": 1810.0, "report": 2110.0})
    assert middle(done, 9000.0) == 2110.0
    waiting = Progress(0.0, 10.0, {"load": 610.0, "merge": 1810.0})
    assert middle(waiting, 9000.0) > 9000.0


def test_a_skipped_task_costs_nothing():
    assert middle(Progress(0.0, 10.0, {"load": 610.0, "merge": None}), 620.0) == pytest.approx(910, rel=0.06)


def test_a_task_that_is_new_is_taken_for_one_that_takes_no_time():
    plan = Plan.of({**CHAIN.upstream, "mail": ("report",)})
    assert middle(Progress(0.0, None), -100.0, plan, past()) == pytest.approx(2110, rel=0.06)


def test_tasks_at_work_that_are_not_late_do_not_make_the_run_fast():
    plan = Plan.of({"z": tuple("abcdef"), **dict.fromkeys("abcdef", ())})
    replays = past(plan, dict.fromkeys("abcdefz", 1000.0))
    at_work = Progress(0.0, 10.0, begun=dict.fromkeys("abcdef", 10.0))
    assert middle(at_work, 810.0, plan, replays) == pytest.approx(2030, rel=0.06)


def test_a_day_of_the_week_that_is_slow_as_a_whole_is_expected_to_be():
    replays = []
    for day in range(-28, 0):
        (one,) = past(days=1, **dict.fromkeys(LAPS, 1.5 if day % 7 == 0 else 1.0))
        replays.append(Replay(day * DAY, one.delay, one.took, one.laps, {}))
    assert middle(Progress(0.0, None), -60.0, replays=replays) == pytest.approx(10 + 1.5 * 2100, rel=0.08)
    assert middle(Progress(DAY, None), DAY - 60.0, replays=replays) == pytest.approx(DAY + 2110, abs=170)


def test_a_task_that_is_new_says_nothing_of_how_slow_the_run_is():
    plan = Plan.of({"check": (), "load": ("check",), "merge": ("load",), "report": ("merge",)})
    done = Progress(0.0, 10.0, {"check": 14.0, "load": 614.0})
    assert middle(done, 614.0, plan, past()) == pytest.approx(2114, rel=0.06)


def test_the_longest_way_decides():
    plan = Plan.of({"a": (), "b": (), "z": ("a", "b")})
    replays = past(plan, {"a": 100.0, "b": 1000.0, "z": 10.0})
    found = estimate(Profile(plan, replays), Progress(0.0, 10.0, {"a": 910.0}, begun={"b": 10.0}), 910.0)
    assert found.quantile(0.5) == pytest.approx(1020, rel=0.6)
    assert found.quantile(0.5) > 1020 * 0.9


def test_a_mapped_task_of_more_instances_than_run_side_by_side_takes_longer():
    replays = [Replay(one.due, one.delay, one.took, one.laps, {"merge": Width(32, 8.0)}) for one in past()]
    wider = Progress(0.0, 10.0, {"load": 610.0}, {"merge": Width(64, 1.0)})
    assert middle(wider, 615.0, CHAIN, replays) == pytest.approx(610 + 2 * 1200 + 300, rel=0.06)
    few = [Replay(one.due, one.delay, one.took, one.laps, {"merge": Width(4, 8.0)}) for one in past()]
    all_at_once = Progress(0.0, 10.0, {"load": 610.0}, {"merge": Width(8, 1.0)})
    assert middle(all_at_once, 615.0, CHAIN, few) == pytest.approx(610 + 1200 + 300, rel=0.06)


def test_the_same_day_of_the_week_counts_more():
    slow_sundays = []
    for day in range(-28, 0):
        factor = 3.0 if day % 7 == 0 else 1.0
        (one,) = past(days=1, merge=factor)
        slow_sundays.append(Replay(day * DAY, one.delay, one.took, one.laps, {}))
    sunday = estimate(Profile(CHAIN, slow_sundays), Progress(0.0, None), 0.0)
    monday = estimate(Profile(CHAIN, slow_sundays), Progress(DAY, None), DAY)
    assert sunday.chance_after(3000.0) > 2 * monday.chance_after(DAY + 3000.0)


@pytest.mark.parametrize(
    ("ends", "now", "task"),
    [({"load": 610.0}, 3600.0, "merge"), ({"load": 3610.0}, 3700.0, "load"), ({}, 3000.0, "load")],
)
def test_it_names_the_task_that_makes_it_late(ends, now, task):
    assert estimate(Profile(CHAIN, past()), Progress(0.0, 10.0, ends), now).task == task


def test_it_names_none_where_the_run_began_late():
    assert estimate(Profile(CHAIN, past()), Progress(0.0, None), 4000.0).task is None
    assert estimate(Profile(CHAIN, past()), Progress(0.0, 4000.0), 4010.0).task is None


def test_few_runs_say_nothing():
    assert estimate(Profile(CHAIN, past(days=4)), Progress(0.0, None), 0.0) is None
    assert estimate(Profile(CHAIN, past(days=5)), Progress(0.0, None), 0.0) is not None


def test_a_dag_without_tasks_is_done_when_it_starts():
    plan = Plan.of({})
    assert middle(Progress(0.0, 50.0), 60.0, plan, past(plan, {})) == 50.0


@pytest.mark.parametrize(
    ("left", "chance", "on"),
    [
        (900, 0.94, False),
        (900, 0.95, True),
        (300, 0.94, False),
        (300, 0.98, True),
        (260, 0.39, False),
        (260, 0.41, True),
    ],
)
def test_an_alarm_begins_when_it_is_sure_or_when_it_is_time(left, chance, on):
    assert Risk().look(chance, left=left, usual=1000) == on


def test_the_last_look_that_comes_in_time_decides_however_far_apart_they_are():
    seldom, often = Risk(), Risk()
    assert [seldom.look(0.5, left=left, usual=1000) for left in (700, 500, 300)] == [False, False, True]
    assert [often.look(0.5, left=left, usual=1000) for left in (310, 300, 290, 270)] == [False, False, False, True]


def test_an_alarm_ends_when_it_is_unlikely_and_not_before():
    risk = Risk()
    seen = [risk.look(chance, left=1000, usual=1000) for chance in (0.1, 0.99, 0.4, 0.21, 0.19, 0.5)]
    assert seen == [False, True, True, True, False, False]


def test_no_alarm_begins_when_nobody_can_act_any_more_but_one_that_stands_stays():
    late, early = Risk(), Risk()
    assert not any(late.look(1.0, left=240, usual=1000) for _ in range(5))
    assert [early.look(1.0, left=left, usual=1000) for left in (300, 200, 50)] == [True, True, True]


def test_a_dag_that_has_changed_is_learned_anew():
    watch = Watch()
    watch.adopt(CHAIN)
    for number in range(6):
        watch.learn(number, Progress(number * DAY, number * DAY, {"load": number * DAY + 60}))
    watch.adopt(Plan.of(CHAIN.upstream))
    assert watch.look(None, Progress(7 * DAY, None), 8 * DAY, 7 * DAY) is not None
    watch.adopt(Plan.of({"other": ()}))
    assert watch.look(None, Progress(7 * DAY, None), 8 * DAY, 7 * DAY) is None
    assert not watch.knows(5)


def test_what_is_played_again_is_bounded_and_the_latest():
    watch = Watch()
    watch.adopt(CHAIN)
    for number in range(100):
        watch.learn(number, Progress(number * DAY, number * DAY, {"load": number * DAY + 60}))
    assert [number for number in range(100) if watch.knows(number)] == list(range(44, 100))
