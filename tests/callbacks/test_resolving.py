"""A success and a real Alertmanager: it ends what it may end, and nothing else."""

import functools
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from real.reconciling import sign

from windsock.alertmanager import Alertmanager
from windsock.callbacks import recovery, spool
from windsock.callbacks.delivery import deliver, flush, resolve
from windsock.events import RECONCILING, rfc3339

NOW, LATER = ({"due_at": f"2026-11-22T{hour}:00:00Z"} for hour in (10, 11))
TASK, RUN = "AirflowTaskFailed", "AirflowDagRunFailed"
GONE = "http://127.0.0.1:1"


def waiting(settings):
    return spool.of(settings).names()


@pytest.fixture
def reconciler(alertmanager):
    """Says that a live reconciler answers for all failures from a time on."""
    return functools.partial(sign, alertmanager)


def failures(alertmanager):
    return [alert for alert in alertmanager.alerts() if alert["labels"]["alertname"] != RECONCILING]


def test_a_success_ends_the_alerts_of_runs_due_no_later_and_of_no_other_task(
    to_alertmanager, event, soon, alertmanager
):
    settings = to_alertmanager()
    for given in (
        {"run_id": "monday", "annotations": NOW},
        {"run_id": "tuesday", "annotations": NOW, "alertname": "AirflowTaskRetrying"},
        {"task_id": "other"},
        {"dag_id": "other"},
        {"alertname": "AirflowDagRunFailed", "task_id": None},
        {"alertname": "AirflowDataCheckFailed", "run_id": "", "check": "rows"},
    ):
        assert deliver(event(**given), settings, soon()).problem == ""
    found = resolve(event(run_id="wednesday", annotations=LATER), settings, soon())
    assert (found.problem, found.detail) == ("", "1 Alertmanagers, 2 alerts ended")
    left = {(alert["labels"]["alertname"], alert["labels"].get("task_id")) for alert in failures(alertmanager)}
    assert left == {
        ("AirflowTaskFailed", "other"),
        ("AirflowTaskFailed", "load"),
        ("AirflowDagRunFailed", None),
        ("AirflowDataCheckFailed", "load"),
    }
    assert {a["labels"]["dag_id"] for a in failures(alertmanager) if a["labels"].get("task_id") == "load"} == {
        "other",
        "orders",
    }

    resolve(event(alertname="AirflowDagRunFailed", task_id=None), settings, soon())
    resolve(event(alertname="AirflowDataCheckFailed", run_id="", check="rows"), settings, soon())
    assert len(failures(alertmanager)) == 2


def test_a_resolve_that_nobody_took_is_replayed_and_spares_what_failed_later(
    to_alertmanager, event, soon, alertmanager
):
    deliver(event(run_id="monday", annotations=NOW), to_alertmanager(), soon())
    time.sleep(0.05)
    assert resolve(event(run_id="tuesday", annotations=NOW), to_alertmanager(GONE), soon(3)).problem == "unreachable"
    time.sleep(0.05)
    deliver(event(run_id="wednesday", annotations=NOW), to_alertmanager(), soon())
    assert flush(to_alertmanager(), soon()).delivered == 1
    assert [alert["labels"]["run_id"] for alert in failures(alertmanager)] == ["wednesday"]


def started(minutes):
    """When the try that succeeded had begun: so long after now."""
    return {"started_at": rfc3339(datetime.now(timezone.utc) + timedelta(minutes=minutes))}


def runs_left(alertmanager):
    return sorted(alert["labels"]["run_id"] for alert in failures(alertmanager))


def test_a_run_that_was_due_later_goes_on_failing(to_alertmanager, event, soon, alertmanager):
    deliver(event(run_id="today", annotations=LATER), to_alertmanager(), soon())
    deliver(event(run_id="backfill", annotations=NOW), to_alertmanager(), soon())
    resolve(event(run_id="backfill", annotations=NOW), to_alertmanager(), soon())
    assert runs_left(alertmanager) == ["today"]


def test_the_run_that_a_failed_task_held_back_ends_before_it(to_alertmanager, event, soon, alertmanager, monkeypatch):
    """Else Alertmanager tells people of a run that has failed, when its task has just been made good."""
    for run in ("monday", "tuesday", "wednesday"):
        deliver(event(run_id=run, annotations=LATER if run == "wednesday" else NOW), to_alertmanager(), soon())
        run_failed = event(alertname=RUN, task_id=None, run_id=run, annotations=NOW)
        deliver(run_failed, to_alertmanager(), soon())
    deliver(event(alertname=RUN, task_id=None, run_id="without a task", annotations=NOW), to_alertmanager(), soon())
    seen, post = [], Alertmanager.post

    def look_after(*given):
        results = post(*given)
        seen.append(Counter(alert["labels"]["alertname"] for alert in failures(alertmanager)))
        return results

    monkeypatch.setattr(Alertmanager, "post", look_after)
    found = resolve(event(run_id="tuesday", annotations={**NOW, **started(minutes=1)}), to_alertmanager(), soon())
    assert found.detail == "1 Alertmanagers, 4 alerts ended"
    assert seen == [{TASK: 3, RUN: 2}, {TASK: 1, RUN: 2}]
    assert runs_left(alertmanager) == ["wednesday", "wednesday", "without a task"]


def test_a_run_that_failed_after_its_task_had_begun_again_goes_on_failing(to_alertmanager, event, soon, alertmanager):
    """It was not cleared: it may have run out of its time while the task was at its next try."""
    deliver(event(annotations=NOW), to_alertmanager(), soon())
    deliver(event(alertname=RUN, task_id=None, annotations=NOW), to_alertmanager(), soon())
    resolve(event(annotations={**NOW, **started(minutes=-1)}), to_alertmanager(), soon())
    assert [alert["labels"]["alertname"] for alert in failures(alertmanager)] == [RUN]


def test_where_a_reconciler_works_the_run_of_the_task_itself_ends_too(
    to_alertmanager, event, soon, alertmanager, reconciler
):
    for run in ("monday", "tuesday"):
        deliver(event(run_id=run, annotations=NOW), to_alertmanager(), soon())
        deliver(event(alertname=RUN, task_id=None, run_id=run, annotations=NOW), to_alertmanager(), soon())
    reconciler(datetime.now(timezone.utc) - timedelta(hours=1))
    resolve(event(run_id="tuesday", annotations={**LATER, **started(minutes=1)}), to_alertmanager(), soon())
    assert runs_left(alertmanager) == ["monday", "monday"]


def test_a_task_goes_on_failing_where_its_run_could_not_be_ended(
    to_alertmanager, event, soon, alertmanager, monkeypatch
):
    deliver(event(annotations=NOW), to_alertmanager(), soon())
    deliver(event(alertname=RUN, task_id=None, annotations=NOW), to_alertmanager(), soon())
    post = Alertmanager.post

    def fail_once(client, alerts, timeout):
        if any(alert["labels"]["alertname"] == RUN for alert in alerts) and waiting(to_alertmanager()) == []:
            return [(alertmanager.url, "500 no")]
        return post(client, alerts, timeout)

    monkeypatch.setattr(Alertmanager, "post", fail_once)
    recovered = event(annotations={**NOW, **started(minutes=1)})
    assert resolve(recovered, to_alertmanager(), soon()).problem == "server_error"
    assert len(failures(alertmanager)) == 2
    assert flush(to_alertmanager(), soon()).delivered == 1
    assert failures(alertmanager) == []


def test_where_it_is_not_known_when_a_run_was_due_its_failure_must_be_older(to_alertmanager, event, soon, alertmanager):
    deliver(event(run_id="r1"), to_alertmanager(), soon())
    for minutes, left in ((-1, ["r1"]), (1, [])):
        resolve(event(run_id="r2", annotations=started(minutes)), to_alertmanager(), soon())
        assert runs_left(alertmanager) == left


def test_other_runs_are_the_reconcilers_business(to_alertmanager, event, soon, alertmanager, reconciler):
    for run in ("monday", "tuesday"):
        deliver(event(run_id=run, annotations=NOW), to_alertmanager(), soon())
    reconciler(datetime.now(timezone.utc) - timedelta(hours=1))
    resolve(event(run_id="tuesday", annotations=LATER), to_alertmanager(), soon())
    assert runs_left(alertmanager) == ["monday"]


def test_what_waits_is_still_told_where_only_an_earlier_run_has_succeeded(to_alertmanager, event, soon, alertmanager):
    deliver(event(run_id="today", annotations=LATER), to_alertmanager(GONE), soon(3))
    deliver(event(run_id="backfill", annotations=NOW), to_alertmanager(GONE), soon(3))
    recovery.mark_resolved(event(run_id="backfill", annotations=NOW))
    flush(to_alertmanager(), soon())
    assert runs_left(alertmanager) == ["today"]


def test_each_peer_is_asked_and_told(to_alertmanager, event, soon, alertmanager, hostile):
    """An alert that only the second peer has is ended there, whatever the first one does."""
    deliver(event(), to_alertmanager(), soon())
    found = resolve(event(), to_alertmanager(hostile("answering 500"), alertmanager.url), soon())
    assert failures(alertmanager) == []
    assert "kept in the spool" in found.detail
    assert found.problem == ""
