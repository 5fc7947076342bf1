"""When failures are a storm."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from windsock import causes, recurrence, storms
from windsock.events import DAG_RUN_FAILED, DEADLINE_MISSED, TASK_FAILED, Event, rfc3339

NOW = datetime(2026, 11, 28, 4, 35, 2, 120_000, tzinfo=timezone.utc)
REFUSED = 'OperationalError: connection to server at "db{0}" (10.0.0.{0}), port 5432 failed: Connection refused'


def failed(dag_id, exception="", team="data", **given):
    annotations = {"exception": exception or REFUSED.format(1), "failed_at": rfc3339(NOW - timedelta(seconds=1))}
    return Event(TASK_FAILED, "prod", dag_id, "r1", task_id="load", team=team, annotations=annotations, **given)


class Sky:
    """What Alertmanager does with signs: the earliest beginning stays, what has ended is not shown."""

    def __init__(self):
        self.alerts = {}

    def post(self, alerts, now):
        for alert in alerts:
            name = tuple(sorted(alert["labels"].items()))
            old = self.alerts.get(name)
            began = old["startsAt"] if old and old["endsAt"] > rfc3339(now) else alert["startsAt"]
            self.alerts[name] = {**alert, "startsAt": began}

    def seen(self, now):
        return [alert for alert in self.alerts.values() if alert["endsAt"] > rfc3339(now)]

    def tell(self, event, now):
        """As a callback does; returns the event as it is told."""
        self.post(storms.beacons(event, now), now)
        (placed,) = storms.gather([event], self.seen(now), now)
        self.post(storms.marks([placed], now), now)
        return placed


@pytest.fixture
def sky():
    return Sky()


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def test_a_cause_is_bounded_however_long_the_text_is():
    assert len(causes.fingerprint("ValueError: " + "no " * 100_000)) <= causes.LIMIT


@pytest.mark.parametrize(
    ("alertname", "annotations", "cause"),
    [
        (TASK_FAILED, {"exception": "ValueError: x", "reason": "its heartbeat was lost"}, "ValueError: x"),
        (TASK_FAILED, {"reason": "its heartbeat was lost"}, "its heartbeat was lost"),
        (
            TASK_FAILED,
            {
                "log_tail": "Traceback\n  File 1\nsqlalchemy.exc.OperationalError: refused\nINFO it is over",
                "reason": "x",
            },
            "sqlalchemy.exc.OperationalError: refused",
        ),
        (DAG_RUN_FAILED, {"reason": "task_failure"}, ""),
        (DEADLINE_MISSED, {}, "a deadline was missed"),
        (TASK_FAILED, {}, ""),
    ],
)
def test_a_cause_is_taken_of_what_is_known(alertname, annotations, cause):
    assert causes.of(alertname, annotations) == cause


def test_enough_dags_of_one_cause_are_a_storm_and_what_was_told_before_stays_single(sky):
    told = [sky.tell(failed(f"dag_{number}", REFUSED.format(number)), after(number * 0.1)) for number in range(60)]
    first, rest = told[: storms.DAGS - 1], told[storms.DAGS - 1 :]
    assert {event.storm for event in first} == {""}
    (storm,) = {event.storm for event in rest}
    assert storm.startswith("2026-11-28T04:35:00.000Z/")
    assert {event.annotations["first"] for event in rest} == {"dag_0 at 04:35 UTC"}
    assert {event.annotations["cause"] for event in rest} == {causes.fingerprint(REFUSED.format(1))}
    assert all(event.labels["storm"] == storm and "storm" not in event.identity for event in rest)
    assert all("storm" not in event.labels for event in first)


def test_those_that_fail_at_the_same_moment_see_each_other(sky):
    events = [failed(f"dag_{number}") for number in range(storms.DAGS)]
    for event in events:
        sky.post(storms.beacons(event, NOW), NOW)
    placed = [storms.gather([event], sky.seen(NOW), NOW)[0] for event in events]
    assert len({event.storm for event in placed}) == 1
    assert placed[0].storm


def test_a_dag_that_fails_every_minute_for_a_day_is_told_twice_and_then_as_one_that_recurs(sky):
    told = [sky.tell(failed("orders"), after(60 * number)) for number in range(1440)]
    assert [event.storm for event in told[:2]] == ["", ""]
    (again,) = {event.storm for event in told[2:]}
    assert again.endswith("/again")
    assert told[-1].annotations["again"] == "1440 since 2026-11-28T04:35:02.120Z"
    assert storms.worded(told[-1], "Europe/Berlin", after(60)).annotations["recurring"] == "1440 times since 05:35"
    assert storms.worded(told[1], "Europe/Berlin", after(60)) == told[1]
    # Nobody joins it, and another task of the DAG has not failed before.
    assert sky.tell(failed("orders", "KeyError")._replace(task_id="clean"), after(86_400)).storm == ""


def test_the_tasks_of_a_dag_that_recurs_are_together(sky):
    told = [
        sky.tell(failed("orders")._replace(task_id=f"t{task}"), after(60 * minute + task)).storm
        for minute in range(5)
        for task in range(20)
    ]
    assert set(told[:40]) == {""}
    assert len(set(told[40:])) == 1


def test_what_fails_every_hour_or_anew_after_half_an_hour_is_told_as_ever(sky):
    told = [sky.tell(failed("orders"), after(1801 * number)).storm for number in range(5)]
    assert set(told) == {""}


def test_a_storm_that_comes_every_minute_is_one_from_the_third_on(sky):
    rounds = [[sky.tell(failed(f"dag_{n}"), after(60 * minute + n)) for n in range(12)] for minute in range(60)]
    labels = {event.storm for told in rounds[2:] for event in told}
    # The first of each round is told by itself: twice, and then as one that recurs. The second has the label of the
    # first.
    assert len(labels) == 2
    assert all(one.endswith("/again") for one in labels)
    assert len(labels | {event.storm for told in rounds for event in told}) == 4
    one = storms.worded(rounds[5][1], "UTC", after(86_400))
    assert one.annotations["recurring"] == "6 times since 04:35 UTC on 28 Nov"


def test_what_joins_a_storm_of_ten_minutes_is_told_now_and_then(sky):
    told = [sky.tell(failed(f"dag_{number}"), after(10 * number)).storm for number in range(360)]
    first, lasting = told[1], told[-1]
    assert told[0] == ""
    assert lasting == f"{first}/again"
    assert told.index(lasting) == 90
    assert set(told[1:]) == {first, lasting}


def test_what_fails_beside_a_storm_every_minute_recurs_too(sky):
    labels = set()
    for minute in range(10):
        for number in range(4):
            sky.tell(failed(f"dag_{number}"), after(60 * minute + number))
        labels.add(sky.tell(failed("customers", "ImportError: no pandas"), after(60 * minute + 5)).storm)
    assert sum(one.endswith("/beside") for one in labels) == 2
    assert sum(one.endswith("/again") for one in labels) == 1
    assert len(labels) == 3


def test_a_batch_counts_each_failure(sky):
    runs = [failed("orders")._replace(run_id=f"r{number}") for number in range(5)]
    placed = storms.gather(runs, [], NOW)
    assert [bool(event.storm) for event in placed] == [False, False, True, True, True]
    sky.post(storms.marks(placed, NOW), NOW)
    assert sky.tell(failed("orders"), after(60)).annotations["again"].startswith("6 since")


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'price'",
        "AirflowException: Bash command failed. The command returned a non-zero exit code 1.",
        "Pod load-x7f2 returned a failure.",
    ],
)
def test_words_that_say_little_are_a_storm_only_where_there_are_many(sky, text):
    told = [sky.tell(failed(f"dag_{number}", text), NOW).storm for number in range(20)]
    assert set(told[: storms.CAUSES - 1]) == {""}
    # Two names may take the same slot.
    assert len(set(told[storms.CAUSES + 3 :])) == 1
    assert told[-1]


def test_other_causes_other_teams_and_other_clusters_stay_apart(sky):
    storm = [sky.tell(failed(f"dag_{number}"), NOW) for number in range(10)][-1].storm
    assert storm
    assert sky.tell(failed("customers", "KeyError: 'price'"), after(1)).storm not in {"", storm}
    assert sky.tell(failed("pay", team="pay"), after(1)).storm == ""
    others = [sky.tell(failed(f"pay_{number}", team="pay"), after(2)) for number in range(4)]
    assert others[-1].storm == storm
    # Alertmanager groups by team, too.
    assert others[-1].team == "pay"
    query = storms.patterns(failed("orders"))
    assert query["cluster"] == "prod"
    assert query["alertname"] == "AirflowTaskFailed|WindsockFailing|WindsockStorm|WindsockRecurring"
    assert query["dag_id"] == "|orders"


def test_a_storm_goes_on_while_failures_join_it_and_what_comes_later_is_another(sky):
    storm = [sky.tell(failed(f"dag_{number}"), NOW) for number in range(5)][-1].storm
    # Every beacon but its own is out, and the mark stands.
    assert {sky.tell(failed(f"late_{number}"), after(40 * number)).storm for number in (1, 2, 3)} == {storm}
    assert sky.tell(failed("unrelated"), after(120 + 300)).storm == ""
    again = [sky.tell(failed(f"again_{number}"), after(600)).storm for number in range(5)]
    assert again[0] == ""
    assert again[-1] not in {"", storm}


def test_who_can_not_ask_has_the_label_of_those_who_can(sky):
    """They are told late, and say what they know: the cause, and when they failed."""
    storm = [sky.tell(failed(f"dag_{number}"), after(number)) for number in range(3)][-1]
    assert storms.assume(failed("late"), after(40)).storm == storm.storm
    # What waited for an Alertmanager for an hour fails with what is told now.
    assert storms.assume(failed("replayed"), after(3600)).storm.startswith("2026-11-28T05:35:00.000Z/")
    # Nobody knows more than that of them, and whoever joins them neither.
    alone = storms.assume(failed("alone", "ImportError: no module"), NOW)
    assert "first" not in alone.annotations
    sky.post(storms.marks([alone], NOW), NOW)
    assert sky.tell(failed("next", "ImportError: no module"), after(1)).storm == alone.storm


def test_a_dag_that_has_failed_for_an_hour_is_no_beginning_of_a_storm(sky):
    for second in range(0, 3600, 20):
        sky.tell(failed("every_minute"), after(second))
    storm = [sky.tell(failed(f"dag_{number}"), after(3590)) for number in range(4)][-1].storm
    assert storm.startswith("2026-11-28T05:3")


def test_many_causes_at_once_are_a_storm_of_the_team(sky):
    told = [sky.tell(failed(f"dag_{number}", f"Error{'x' * number}: it"), after(number)) for number in range(25)]
    assert [event.storm[23:] for event in told[: storms.CAUSES - 1]] == ["", *["Z/meanwhile"] * (storms.CAUSES - 2)]
    assert len({event.storm for event in told[-10:]}) == 1
    assert told[-1].storm.endswith("Z")


def test_a_batch_is_a_storm_as_a_whole_and_others_join_it(sky):
    batch = [failed(f"dag_{number}") for number in range(12)] + [failed("alone", "KeyError: 'x'")]
    placed = storms.gather(batch, [], NOW)
    (storm,) = {event.storm for event in placed[:-1]}
    assert placed[-1].storm == "2026-11-28T04:35:02.120Z/beside"
    sky.post(storms.marks(placed, NOW), NOW)
    assert sorted(alert["labels"]["alertname"] for alert in sky.alerts.values()) == [
        *["WindsockRecurring"] * 2,
        *["WindsockStorm"] * 2,
    ]
    assert sky.tell(failed("next"), after(20)).storm == storm


def test_of_two_marks_the_earlier_one_is_joined(sky):
    first = failed("a", storm="2026-11-28T04:35:02.120Z/" + storms.beacons(failed("a"), NOW)[0]["labels"]["cause"])
    second = failed("b", storm=first.storm.replace("02.120", "02.240"))
    sky.post(storms.marks([second, first], NOW), NOW)
    assert sky.tell(failed("c"), after(1)).storm == first.storm


def test_signs_are_for_nobody_and_end_soon():
    (by_dag, by_cause) = storms.beacons(failed("orders"), NOW)
    for sign in (by_dag, by_cause):
        assert sign["labels"]["severity"] == "info"
        assert "dag_id" not in sign["labels"]
        assert sign["endsAt"] == "2026-11-28T04:35:32.120Z"


@pytest.mark.parametrize(
    "alert",
    [
        {},
        {"labels": {"alertname": storms.BEACON}},
        {
            "labels": {"alertname": storms.BEACON, "slot": "1"},
            "annotations": {"dag_id": "x"},
            "startsAt": "?",
            "endsAt": "?",
        },
        {"labels": {"alertname": storms.MARK}},
        {"labels": {"alertname": storms.MARK, "storm": "yesterday/beside", "team": "data"}},
        {"labels": {"alertname": recurrence.SIGN, "team": "data"}, "annotations": {"again": "x since y"}},
        {
            "labels": {"alertname": recurrence.SIGN, "team": "data", "cause": "KEY"},
            "annotations": {"again": f"{'9' * 5000} since 2026-11-28T04:35:02Z"},
        },
    ],
)
def test_what_is_not_understood_is_passed_over(sky, alert):
    sky.tell(failed("orders"), NOW)
    key = next(one["labels"]["cause"] for one in sky.seen(NOW) if one["labels"]["alertname"] == recurrence.SIGN)
    if alert.get("labels", {}).get("cause"):
        alert["labels"]["cause"] = key
    assert storms.gather([failed("orders")], [alert] * 5, NOW) == [failed("orders")]


@pytest.mark.parametrize("dag_id", ['a "b"', "a|b", "a.b*", "ü\\n", "\ud800"])
def test_any_name_can_be_looked_for(dag_id):
    import re  # noqa: PLC0415

    pattern = storms.patterns(failed(dag_id))["dag_id"]
    assert re.fullmatch(pattern, dag_id)
    assert re.fullmatch(pattern, "")
    assert not re.fullmatch(pattern, "aXb")
    assert storms.beacons(failed(dag_id), NOW)


def test_failures_whose_cause_nobody_knows_are_a_storm_only_where_there_are_many(sky):
    told = [
        sky.tell(Event(TASK_FAILED, "prod", f"dag_{number}", "r1", task_id="load", team="data"), NOW)
        for number in range(25)
    ]
    assert {event.storm for event in told[: storms.CAUSES - 1]} == {""}
    (storm,) = {event.storm for event in told[-10:]}
    assert storm
    # They draw in nothing that has a cause.
    assert sky.tell(failed("customers", "KeyError: 'price'"), NOW).storm.endswith("/beside")


def test_runs_that_fail_of_their_tasks_are_no_different_causes(sky):
    runs = [sky.tell(Event(DAG_RUN_FAILED, "prod", f"dag_{n}", "r1", team="data"), NOW).storm for n in range(30)]
    assert set(runs[: storms.CAUSES - 1]) == {""}
    assert len(set(runs[-10:])) == 1
    # A storm of runs is held back where their tasks are told: nothing is beside it.
    assert sky.tell(failed("customers", "KeyError: 'price'"), after(5)).storm == ""


def test_what_fails_a_moment_after_something_else_is_told_together(sky):
    """Slack takes one message a second, and each by itself would be told in the same one."""
    told = [sky.tell(failed(f"dag_{n}", f"Error{'x' * n}: it"), after(n * 1.5)) for n in range(6)]
    first, *rest = [event.storm for event in told]
    assert first == ""
    # Those of four seconds: Alertmanager waits longer for the first of them.
    assert rest == [f"2026-11-28T04:35:{second}.000Z/meanwhile" for second in ("03", "03", "03", "08", "08")]
    assert sky.tell(failed("apart", "KeyError: 'x'"), after(10)).storm == ""
    # Tasks of one DAG are a group in any case, and what fails again and again is one of its own.
    for number in range(4):
        again = [sky.tell(failed(dag, f"{dag.title()}: it", team="pay"), after(60 * number)) for dag in ("a", "a", "b")]
    assert [event.storm.rpartition("/")[2] for event in again] == ["again"] * 3


def test_those_that_fail_at_the_same_moment_of_different_causes_agree_which_is_the_first(sky):
    events = [failed(f"dag_{number}", f"Error{'x' * number}: it") for number in range(4)]
    for event in events:
        sky.post(storms.beacons(event, NOW), NOW)
    apart = [storms.gather([event], sky.seen(NOW), NOW)[0].storm for event in events]
    assert apart == ["", *["2026-11-28T04:35:02.000Z/meanwhile"] * 3]
    assert [event.storm for event in storms.gather(events, [], NOW)] == apart


def test_what_fails_beside_a_storm_is_told_together_every_eight_seconds(sky):
    for number in range(5):
        sky.tell(failed(f"dag_{number}"), NOW)
    told = [sky.tell(failed(f"other_{number}", f"Error{'x' * number}"), after(3 * number)) for number in range(6)]
    began = [event.storm.partition(".")[0][-2:] for event in told]
    assert began == ["02", "02", "02", "11", "11", "11"]
    assert all(event.storm.endswith("/beside") and "first" not in event.annotations for event in told)
    # The storm is over, and so is what was beside it.
    assert sky.tell(failed("other_9", "KeyError"), after(60)).storm == ""
