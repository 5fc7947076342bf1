"""Failures that the reconciler finds together: one group, also with what callbacks told of the same cause."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from real.failures import fail, note, succeed

from windsock import storms

TASK = "AirflowTaskFailed"


def labelled(made):
    """DAGs of failed tasks, by what their alerts are grouped by."""
    found = {}
    for alert in made.alertmanager.alerts(cluster=made.cluster, alertname=TASK):
        found.setdefault(alert["labels"].get("storm", ""), []).append(alert["labels"]["dag_id"])
    return {storm: sorted(dags) for storm, dags in found.items()}


def lose(database, number):
    """A task whose heartbeat was lost, in a DAG of its own: d0, d1, …"""
    dag_id = f"d{number - 1}"
    fail(database, number, dag_id)
    note(database, "heartbeat timeout", id=number, dag_id=dag_id, run_id=f"run_{number}")


def in_a_storm(made, count):
    """Callbacks of so many DAGs tell of failures of one cause; returns their storm."""
    told, now = [], datetime.now(timezone.utc)
    for number in range(count):
        event = made.callback(f"d{number}", "t", number + 1)
        (placed,) = storms.gather([event], [sign for one in told for sign in storms.beacons(one, now)], now)
        if placed.storm:
            made.alertmanager.post(event.alert(now, resolved=True))
        made.alertmanager.post(*storms.beacons(event, now), *storms.marks([placed], now), placed.alert(now))
        told.append(placed)
    return told[-1].storm


def test_failures_of_one_pass_are_one_storm_and_keep_it_until_they_end(database, bench):
    for number in range(6):
        lose(database, number + 1)
    made = bench(database)
    made.step(2)
    found = labelled(made)
    ((storm, dags),) = found.items()
    assert storm
    assert dags == [f"d{number}" for number in range(6)]
    made.again()
    made.step(2)
    assert labelled(made) == found
    # A later failure of another moment is none of it; one within the quiet time is.
    lose(database, 7)
    made.step(2)
    assert sorted(labelled(made)[storm]) == [f"d{number}" for number in range(7)]
    made.told({f"d{number}": (1, 0) for number in range(7)})
    for number in range(7):
        succeed(database, f"d{number}")
    made.step(3)
    made.told({f"d{number}": (1, 1) for number in range(7)})
    assert labelled(made) == {}


def test_one_dag_whose_tasks_fail_together_is_no_storm(database, bench):
    lose(database, 1)
    fail(database, 2, "d0", "other")
    note(database, "heartbeat timeout", id=2, dag_id="d0", run_id="run_2", task_id="other")
    made = bench(database)
    made.step(2)
    assert labelled(made) == {"": ["d0", "d0"]}


def test_failures_whose_cause_nobody_knows_share_none(database, bench):
    for number in range(storms.CAUSES - 1):
        fail(database, number + 1, f"d{number}")
    made = bench(database)
    made.step(2)
    # Not one message each either: Slack would take one of them a second.
    assert {storm.rpartition("/")[2]: len(dags) for storm, dags in labelled(made).items()} == {
        "": 1,
        storms.MEANWHILE: storms.CAUSES - 2,
    }


def test_what_callbacks_told_in_a_storm_and_before_it_is_adopted_as_it_is(database, bench):
    made = bench(database)
    storm = in_a_storm(made, 5)
    before = {"": ["d0"], storm: ["d1", "d2", "d3", "d4"]}
    assert labelled(made) == before
    for number in range(5):
        fail(database, number + 1, f"d{number}")
    made.step(3)
    assert labelled(made) == before
    made.again()
    made.step(2)
    assert labelled(made) == before
    for number in range(5):
        succeed(database, f"d{number}")
    made.step(3)
    assert labelled(made) == {}


def test_what_nobody_told_joins_the_storm_of_callbacks(database, bench, tmp_path):
    """A process that was killed: its cause is in its log."""
    log = tmp_path / "logs" / "dag_id=killed" / "run_id=run_9" / "task_id=t" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.write_text("ValueError: no price\n")
    made = bench(database, reconcile={"logs": str(tmp_path / "logs")})
    storm = in_a_storm(made, 4)
    for number in range(4):
        fail(database, number + 1, f"d{number}")
    fail(database, 9, "killed")
    made.step(2)
    assert "killed" in labelled(made)[storm]


def test_after_alertmanager_lost_its_alerts_the_labels_are_the_same(database, bench):
    for number in range(4):
        lose(database, number + 1)
    made = bench(database)
    made.step(2)
    before = labelled(made)
    assert len(before) == 1
    now = datetime.now(timezone.utc)
    for alert in made.alertmanager.alerts(cluster=made.cluster):
        if alert["labels"]["alertname"] == TASK:
            kept = {name: alert[name] for name in ("labels", "annotations")}
            made.alertmanager.post({**kept, "endsAt": now.isoformat()})
    assert labelled(made) == {}
    for one in made.reconciler.lasting():
        one.ended = time.time() - 100
    made.step(2)
    assert labelled(made) == before
