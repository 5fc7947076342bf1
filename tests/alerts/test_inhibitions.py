"""Which alert makes which other one redundant: asked of a real Alertmanager."""

from __future__ import annotations

import itertools

import pytest

from windsock.alerts import inhibitions
from windsock.alerts.rules import RULES
from windsock.events import Event
from windsock.settings import Settings

_clusters = (f"cluster-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory, alertmanagers):
    with alertmanagers(tmp_path_factory.mktemp("inhibitions"), Settings()) as running:
        yield running


@pytest.fixture
def cluster():
    """A cluster for each test, so that all can use one Alertmanager."""
    return next(_clusters)


@pytest.fixture
def silenced(alertmanager, cluster, eventually):
    """Post alerts; the names of those that Alertmanager holds back."""

    def post(*alerts):
        plain = []
        for alert in alerts:
            if isinstance(alert, Event):
                alertmanager.fire(alert._replace(cluster=cluster))
                plain.append(alert)
            else:
                labels = {"cluster": cluster, "severity": "warning", **alert}
                alertmanager.post({"labels": {name: value for name, value in labels.items() if value}})
                plain.append(alert)
        # Alertmanager takes alerts in, and hears of them for inhibition, one after the other: this pair comes last.
        last = f"{cluster}-last"
        for name in ("WindsockDatabaseDown", "WindsockReconcilerStopped"):
            alertmanager.post({"labels": {"cluster": last, "severity": "warning", "alertname": name}})
        eventually(
            lambda: any(one["status"]["inhibitedBy"] for one in alertmanager.alerts(cluster=last)), "the last is heard"
        )
        found = eventually(
            lambda: len(held := alertmanager.alerts(cluster=cluster)) == len(plain) and held, "all alerts are there"
        )
        return sorted(alert["labels"]["alertname"] for alert in found if alert["status"]["inhibitedBy"])

    return post


def run_failed(failed_task, **given):
    return failed_task(alertname="AirflowDagRunFailed", **given)._replace(task_id=None)


def test_a_failed_task_silences_its_run(silenced, failed_task):
    assert silenced(failed_task(), run_failed(failed_task)) == ["AirflowDagRunFailed"]


def test_it_does_not_silence_another_run(silenced, failed_task):
    assert silenced(failed_task(run_id="one"), run_failed(failed_task, run_id="two")) == []


def test_it_does_not_silence_the_same_run_id_of_another_dag(silenced, failed_task):
    assert silenced(failed_task(), run_failed(failed_task, dag_id="other")) == []


def test_it_does_not_silence_what_is_louder(silenced, failed_task):
    assert silenced(failed_task(severity="warning"), run_failed(failed_task, severity="critical")) == []


def test_a_critical_task_silences_its_run(silenced, failed_task):
    assert silenced(failed_task(severity="critical"), run_failed(failed_task)) == ["AirflowDagRunFailed"]


def test_what_is_only_recorded_silences_no_run(silenced, failed_task):
    assert silenced(failed_task(severity="info"), run_failed(failed_task)) == []


def test_what_is_only_recorded_silences_no_rule(silenced, failed_task):
    assert silenced(failed_task(severity="info"), {"alertname": "AirflowFailureRateHigh", "dag_id": "orders"}) == []


@pytest.mark.parametrize("rule", ["AirflowFailureRateHigh", "AirflowTaskFailuresUnnotified"])
@pytest.mark.parametrize("event", ["task", "run"])
def test_an_event_silences_the_rules_about_failures_of_its_dag(silenced, failed_task, rule, event):
    alert = failed_task() if event == "task" else run_failed(failed_task)
    assert silenced(alert, {"alertname": rule, "dag_id": "orders"}) == [rule]


@pytest.mark.parametrize("team", ["payments", "default", "somebody else"])
def test_it_does_so_whatever_the_rule_says_of_the_team(silenced, failed_task, team):
    rule = {"alertname": "AirflowFailureRateHigh", "dag_id": "orders", "team": team}
    assert silenced(failed_task(), rule) == ["AirflowFailureRateHigh"]


def test_it_does_not_silence_those_of_another_dag_or_of_none(silenced, failed_task):
    rule = {"alertname": "AirflowFailureRateHigh"}
    assert silenced(failed_task(), {**rule, "dag_id": "other"}, {**rule, "dag_id": ""}) == []


def test_a_retry_or_a_missed_deadline_silences_no_rule_about_failures(silenced, failed_task):
    events = [
        failed_task(alertname=name, severity="warning") for name in ("AirflowTaskRetrying", "AirflowDeadlineMissed")
    ]
    assert silenced(*events, {"alertname": "AirflowFailureRateHigh", "dag_id": "orders"}) == []


def test_a_dead_exporter_silences_the_absent_heartbeat_of_its_cluster(silenced):
    down = {"alertname": "WindsockExporterDown", "severity": "critical", "instance": "exporter:9102"}
    absent = {"alertname": "AirflowSchedulerHeartbeatAbsent", "severity": "critical"}
    stopped = {"alertname": "AirflowSchedulerHeartbeatStopped", "severity": "critical"}
    assert silenced(down, absent, stopped) == ["AirflowSchedulerHeartbeatAbsent"]


@pytest.mark.parametrize(
    ("cause", "symptoms", "of"),
    [
        *((cause, symptoms, {}) for cause, symptoms in inhibitions.CLUSTER.items()),
        *((cause, symptoms, {"dag_id": "orders"}) for cause, symptoms in inhibitions.DAG.items()),
    ],
)
def test_of_an_incident_the_cause_is_told_alone(silenced, cause, symptoms, of):
    alerts = [{"alertname": symptom, **of} for symptom in symptoms]
    assert silenced({"alertname": cause, "severity": "critical", **of}, *alerts) == sorted(symptoms)


def test_what_a_dag_does_says_nothing_of_another_one(silenced):
    one, two = {"alertname": "AirflowDataStale", "dag_id": "a"}, {"alertname": "AirflowDagNoSuccess", "dag_id": "b"}
    assert silenced(one, two) == []


def test_a_cause_that_is_only_recorded_silences_nothing(silenced):
    cause = {"alertname": "AirflowSchedulerHeartbeatStopped", "severity": "info"}
    assert silenced(cause, {"alertname": "AirflowDagNoSuccess", "dag_id": "a"}) == []


def test_without_a_scheduler_those_who_wait_for_data_hear_of_it(silenced):
    down = {"alertname": "AirflowSchedulerHeartbeatStopped", "severity": "critical"}
    promises = [{"alertname": name, "dag_id": "orders"} for name in ("AirflowDataStale", "AirflowFinishMissed")]
    assert silenced(down, *promises) == []


def test_what_has_failed_and_was_told_is_not_told_to_be_late(silenced, failed_task):
    late = failed_task(alertname="AirflowDeadlineMissed")
    missed, long_ago = (
        {"alertname": f"Airflow{name}", "dag_id": "orders"} for name in ("FinishMissed", "DagNoSuccess")
    )
    assert silenced(failed_task(), late, missed, long_ago) == [
        "AirflowDagNoSuccess",
        "AirflowDeadlineMissed",
        "AirflowFinishMissed",
    ]


def test_another_run_that_is_late_is_told(silenced, failed_task):
    assert silenced(failed_task(run_id="one"), failed_task(alertname="AirflowDeadlineMissed", run_id="two")) == []


def test_every_alert_of_an_inhibition_exists():
    named = {
        name for table in (inhibitions.CLUSTER, inhibitions.DAG) for one in table.items() for name in (one[0], *one[1])
    }
    assert named <= {rule.name for rule in RULES}


def test_a_failure_at_two_severities_is_told_once(silenced, failed_task):
    assert silenced(failed_task(severity="critical"), failed_task(severity="warning")) == ["AirflowTaskFailed"]


def test_a_critical_task_does_not_silence_another_task(silenced, failed_task):
    assert silenced(failed_task("load", severity="critical"), failed_task("check", severity="warning")) == []


def test_another_cluster_is_not_silenced(alertmanager, failed_task, eventually):
    one, two = next(_clusters), next(_clusters)
    alertmanager.fire(failed_task(cluster=one), run_failed(failed_task)._replace(cluster=two))
    found = eventually(lambda: alertmanager.alerts(cluster=two), "the run's alert is there")
    assert not found[0]["status"]["inhibitedBy"]


def test_the_run_speaks_when_the_task_is_over(alertmanager, cluster, failed_task, eventually):
    task, run = failed_task(cluster=cluster), run_failed(failed_task, cluster=cluster)
    alertmanager.fire(task, run)
    name = run.alertname
    eventually(lambda: alertmanager.alerts(cluster=cluster, alertname=name)[0]["status"]["inhibitedBy"], "held back")
    alertmanager.resolve(task)
    eventually(lambda: not alertmanager.alerts(cluster=cluster, alertname=name)[0]["status"]["inhibitedBy"], "free")
