"""What Alertmanager shows and tells: each failure once, with what all senders know of it, and its end."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timezone

import pytest
from real.failures import clear, fail, fail_again, succeed

from windsock import events
from windsock.exporter.reconciler import tracker

TASK = "AirflowTaskFailed"


def test_a_failure_is_told_once_and_its_end_once(database, bench):
    fail(database)
    made = bench(database)
    made.step(3)
    made.told({"d": (1, 0)})  # the run's own alert is held back by its task's
    made.step(3)
    succeed(database)
    made.step(3)
    made.told({"d": (1, 1)})


def test_what_is_held_back_ends_before_what_holds_it(database, bench, monkeypatch):
    fail(database)
    missed = {"dagrun_id": 1, "deadline_time": time.time() - 100, "missed": True}
    ids = {name: uuid.uuid4() for name in ("id", "callback_id")}
    database.insert("deadline", {**missed, **ids, **dict.fromkeys(("created_at", "last_updated_at"), time.time())})
    made = bench(database)
    made.step(2)
    assert [name for name, *_ in made.firing()] == ["AirflowDagRunFailed", "AirflowDeadlineMissed", TASK]
    succeed(database)
    client, seen = made.reconciler.peers._client, []
    post = client.post

    def look_after(*given):
        outcomes = post(*given)
        seen.append([name for name, *_ in made.firing()])
        return outcomes

    monkeypatch.setattr(client, "post", look_after)
    made.step()
    assert seen == [["AirflowDagRunFailed", TASK], [TASK], []]


def test_the_end_says_why_it_is_one_and_a_new_failure_does_not(database, bench):
    fail(database)
    made = bench(database)
    made.step(2)
    made.told({"d": (1, 0)})
    database.run(2, "d", "success", time.time() - 150, end_date=time.time())
    made.step(2)
    made.told({"d": (1, 1)})
    posts = [post for post in made.messages.posts if post["commonLabels"].get("cluster") == made.cluster]
    (ended,) = [one for post in posts for one in post["alerts"] if one["status"] == "resolved"]
    assert ended["annotations"]["resolution"] == "a later run succeeded"
    fail(database, 3, ended=time.time() - 30)
    made.step(2)
    assert "resolution" not in made.annotations(alertname=TASK)


def test_many_failures_of_many_dags_are_each_told_once(database, bench):
    for number in range(30):
        fail(database, number + 1, f"d{number % 5}", f"t{number}")
    made = bench(database)
    made.step(4)
    made.told({f"d{number}": (6, 0) for number in range(5)})


def test_an_alert_begins_when_it_is_posted_however_long_the_pass_has_taken(database, bench, monkeypatch):
    """What begins further back than `group_wait` is told at once: a run beside its task, which holds it back later."""
    fail(database)
    made = bench(database)
    judge, read = made.reconciler._judge, []

    def slowly(*given):
        judged = judge(*given)
        time.sleep(0.05)
        read.append(time.time())
        return judged

    monkeypatch.setattr(made.reconciler, "_judge", slowly)
    made.step()
    began = [events.unix(alert["startsAt"]) for alert in made.alertmanager.alerts(cluster=made.cluster)]
    assert len(began) == 3
    assert min(began) > read[0] - 0.01


def test_a_task_that_fails_is_cleared_and_fails_again_is_told_again(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    made.told({"d": (1, 0)})
    clear(database)
    made.step()
    made.told({"d": (1, 1)})
    fail_again(database)
    made.step(2)
    made.told({"d": (2, 1)})


def test_what_a_callback_told_is_adopted_with_its_labels_and_made_richer(database, bench):
    fail(database)
    made = bench(database)
    made.callback("d", "t", 1, team="payments", severity="critical", summary="d: t failed: ValueError: no price")
    made.step(3)
    (alert,) = made.alertmanager.alerts(cluster=made.cluster, alertname=TASK)
    assert alert["labels"]["team"] == "payments"
    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["exception"] == "ValueError: no price"
    assert alert["annotations"]["summary"] == "d: t failed: ValueError: no price"
    assert alert["annotations"]["try"] == "1 of 1"
    made.told({"d": (1, 0)})
    assert made.metric('windsock_silent_failures_total{dag_id="d"}') is None
    succeed(database)
    made.step()
    made.told({"d": (1, 1)})


def test_a_callback_that_comes_later_makes_it_richer_and_nothing_poorer(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    before = made.annotations(alertname=TASK)
    assert "exception" not in before
    made.callback("d", "t", 1)
    made.step(2)
    after = made.annotations(alertname=TASK)
    assert after["exception"] == "ValueError: no price"
    assert before.keys() <= after.keys()
    made.again()
    made.step(2)
    assert made.annotations(alertname=TASK) == after


def test_a_failure_that_nobody_told_of_is_counted_by_dag(database, bench):
    fail(database)
    fail(database, 2, "told")
    made = bench(database)
    made.callback("told", "t", 2)
    made.step(3)
    assert made.metric('windsock_silent_failures_total{dag_id="d"}') == 1
    assert made.metric('windsock_silent_failures_total{dag_id="told"}') is None


def test_what_a_callback_told_before_airflow_wrote_it_down_is_left_firing(database, bench):
    database.dag("d")
    database.run(1, "d", "running", time.time())
    database.task(1, "d", "t", "running")
    made = bench(database)
    now = datetime.now(timezone.utc).isoformat()
    made.callback("d", "t", 1, failed_at=now)
    made.step(2)
    assert made.firing() == [(TASK, "d", "run_1", "t")]
    fail_again(database)
    made.step()
    assert made.firing(alertname=TASK) == [(TASK, "d", "run_1", "t")]
    made.told({"d": (1, 0)})


def test_a_late_replay_of_what_is_over_is_ended_at_once(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    made.told({"d": (1, 0)})
    succeed(database)
    made.step()
    made.told({"d": (1, 1)})
    made.callback("d", "t", 1)
    made.step()
    assert made.firing() == []


def test_a_replay_of_what_the_database_knows_to_be_made_good_is_ended_at_once(database, bench):
    fail(database)
    database.run(2, "d", "success", time.time(), end_date=time.time())
    made = bench(database)
    made.callback("d", "t", 1)
    made.step()
    assert made.firing() == []


def test_what_the_database_does_not_know_is_left_alone(database, bench):
    made = bench(database)
    made.callback("another", "t", 1)
    made.callback("another", "t", 1, alertname="AirflowDeadlineMissed")
    made.callback("another", "t", 1, alertname="AirflowDataCheckFailed")
    made.step(2)
    assert len(made.firing()) == 3


def test_a_retry_that_was_told_of_ends_with_the_task(database, bench):
    database.dag("d")
    database.run(1, "d", "running", time.time())
    database.task(1, "d", "t", "up_for_retry")
    made = bench(database)
    made.callback("d", "t", 1, alertname="AirflowTaskRetrying")
    made.step(2)
    assert len(made.firing()) == 1
    succeed(database)
    made.step()
    assert made.firing() == []


def resolve(made, *, task="t", alertname=TASK):
    """What the callback of a success posts, or a person with amtool."""
    event = made.callback("d", task, 1, alertname=alertname)
    made.step()
    made.alertmanager.post(event.alert(datetime.now(timezone.utc), resolved=True))


@pytest.mark.parametrize(("task", "alertname"), [("t", TASK), (None, "AirflowDagRunFailed")])
def test_what_somebody_else_resolves_though_it_is_failed_is_told_again_after_a_while(
    database, bench, task, alertname, monkeypatch
):
    """As where one index of a mapped task is made good, and others are not."""
    fail(database)
    made = bench(database)
    made.step(2)
    resolve(made, task=task, alertname=alertname)
    made.step(10)  # as many as it takes: what is waited for is a callback, not passes
    assert made.firing(alertname=alertname) == []
    monkeypatch.setattr(tracker, "_GRACE", 0.0)
    made.step()
    assert len(made.firing(alertname=alertname)) == 1
    made.step(6)
    assert len(made.firing(alertname=alertname)) == 1
    succeed(database)
    made.step()
    assert made.firing() == []


def test_a_success_that_is_told_before_airflow_writes_it_ends_a_failure_once(database, bench):
    fail(database, state="running")
    made = bench(database)
    made.step(2)
    made.told({"d": (1, 0)})
    resolve(made)
    made.step(3)
    made.told({"d": (1, 1)})
    succeed(database)
    made.step(6)
    assert made.firing() == []
    made.told({"d": (1, 1)})


def test_what_somebody_else_resolves_on_a_success_is_not_woken_by_the_policy(database, bench):
    fail(database)
    made = bench(database, reconcile={"resolve": ["later_run"]})
    made.step(2)
    database.update("task_instance", {"dag_id": "d"}, state="success")
    resolve(made)
    made.step(6)
    assert made.firing(alertname=TASK) == []
    fail_again(database)
    made.step(2)
    assert made.firing(alertname=TASK) == [(TASK, "d", "run_1", "t")]


def test_a_failure_under_two_teams_ends_under_both(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    made.callback("d", "t", 1, team="payments")
    made.step(2)
    succeed(database)
    made.step()
    assert made.firing() == []


def test_two_installations_with_the_same_ids_do_not_touch_each_other(database, bench, cluster):
    fail(database)
    one, two = bench(database), bench(database, cluster=f"{cluster}-other")
    one.step(2)
    assert len(one.firing()) == 2
    assert two.firing() == []
    two.again()
    one.reconciler.close()
    two.step(2)
    assert len(two.firing()) == 2
    succeed(database)
    two.step()
    assert (len(one.firing()), two.firing()) == (2, [])


def test_it_signs_that_it_works(database, bench):
    made = bench(database, reconcile={"window": "1h"})
    made.step()
    (sign,) = made.alertmanager.alerts(cluster=made.cluster, alertname="WindsockReconciling")
    assert sign["labels"]["severity"] == "info"
    since = datetime.fromisoformat(sign["annotations"]["covers_since"].replace("Z", "+00:00")).timestamp()
    assert abs(time.time() - 3600 - since) < 5
    ends = datetime.fromisoformat(sign["endsAt"].replace("Z", "+00:00")).timestamp()
    assert 30 < ends - time.time() < 90
