"""What real Airflows tell, from the DAG file to the message: each thing once, to the right team, in the right words.

All DAGs run in one go; each test looks at its part. GOLDEN=1 writes the texts that the messages are held against.
"""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from windsock import storms
from windsock.airflow.versions import NEWEST, OLDEST

GOLDEN = Path(__file__).parents[2] / "data" / "callbacks"
DAGS = Path(__file__).parent / "dags"
FILES = {NEWEST: ("zoo.py", "late3.py"), OLDEST: ("zoo.py", "late2.py")}
FAILING_RUNS = ("pay.fail", "two.fail", "policy.fail", "slow", "cleared")
FAILING = (*FAILING_RUNS, "pay.mapped", "policy.off", "skips", "chosen", "checks")

pytestmark = pytest.mark.timeout(1200)


class Zoo:
    """An Airflow in which everything has run."""

    def __init__(self, version, airflow, place):
        self.version, self.airflow, self.place = version, airflow, place
        self.major = version[0]
        airflow.wait_for_dags(*FAILING, "back")
        self.runs = {dag_id: airflow.trigger(dag_id) for dag_id in FAILING}
        if self.major == "3":
            airflow.start("triggerer")  # where a deadline's asynchronous callback runs
            airflow.wait_for_dags("late.async", "late.sync")
            self.runs |= {dag_id: airflow.trigger(dag_id) for dag_id in ("late.async", "late.sync")}
        self.states = {dag_id: airflow.finish(dag_id, run) for dag_id, run in self.runs.items()}

        def told():
            # Callbacks of runs come a moment after their end, from what parses the file. One that comes while it does,
            # 2.11 calls when it does so again: at once, where the file is new.
            if self.major == "2":
                (airflow.dags / "zoo.py").touch()
            return all(place.alerts(alertname="AirflowDagRunFailed", dag_id=dag_id) for dag_id in FAILING_RUNS)

        airflow.wait(told, 200, "the callbacks of the runs", every=2)

    def one(self, **labels):
        """The one alert that fires with these labels."""
        (alert,) = self.place.wait(**labels)
        return alert

    def failed_run(self, dag_id):
        """The alert of a failed run that names its tasks.

        Where Airflow does not say them within a share of the budget, the alert goes out without: another run is asked.
        """
        run = self.runs[dag_id]
        for _ in range(5):
            alert = self.one(alertname="AirflowDagRunFailed", dag_id=dag_id, run_id=run)
            if "failed_tasks" in alert["annotations"]:
                break
            run = self.airflow.trigger(dag_id)
            self.airflow.finish(dag_id, run)
        return alert

    def golden(self, name, alert):
        """Hold an alert's text against the one that a person has read; but not what else failed at that moment."""
        labels, said = (
            [f"{key}: {value}" for key, value in sorted(alert[part].items()) if key not in ("storm", *storms.NOTES)]
            for part in ("labels", "annotations")
        )
        text = "\n".join([*labels, "--", *said])
        text = _plain(text, self.airflow) + "\n"
        file = GOLDEN / f"airflow-{self.version}" / f"{name}.txt"
        if os.environ.get("GOLDEN"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        assert text == file.read_text()


def _plain(text, airflow):
    """What differs from run to run, named."""
    text = re.sub(rf"\b{airflow.port}\b", "PORT", text)
    text = text.replace(socket.gethostname(), "HOST").replace(socket.getfqdn(), "HOST")
    text = re.sub(r"(manual|scheduled)__\d{4}-[^\s&/_]*(_\w{8}\b)?", r"\1__RUN", text)
    text = re.sub(r"\bfrom=\d{13}\b", "from=TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.%A-Z+]*\d(Z|\b)", "TIME", text)
    text = re.sub(r"(due: |due at )\d\d:\d\d UTC( on \d+ \w+)?", r"\1TIME", text)
    text = re.sub(r"(reason: |the run is )(queued|running)", r"\1STATE", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UUID", text)
    text = re.sub(r"^since: \d\d:\d\d UTC$", "since: CLOCK UTC", text, flags=re.MULTILINE)
    return re.sub(r"^duration: .*$", "duration: DURATION", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def zoo(version, airflow, place):
    for name in FILES[version]:
        airflow.add(name, (DAGS / name).read_text())
    return Zoo(version, airflow, place)


def test_what_must_fail_has_failed(zoo):
    assert {dag_id: state for dag_id, state in zoo.states.items() if state != "failed"} == {
        "checks": "success",
        "skips": "success",
        **({"late.async": "success", "late.sync": "success"} if zoo.major == "3" else {}),
    }


def test_a_task_that_is_tried_again_and_fails(zoo):
    zoo.golden("retry", zoo.one(alertname="AirflowTaskRetrying", dag_id="pay.fail"))
    alert = zoo.one(alertname="AirflowTaskFailed", dag_id="pay.fail")
    zoo.golden("task", alert)
    assert alert["labels"]["task_id"] == "grp.fails"
    assert (alert["labels"]["team"], alert["labels"]["severity"]) == ("payments", "critical")
    assert "hunter2" not in str(zoo.place.alerts())


def test_a_run_names_the_task_that_made_it_fail(zoo):
    alert = zoo.failed_run("pay.fail")
    zoo.golden("run", alert)
    assert alert["annotations"]["failed_task"] == "grp.fails"


def test_a_run_of_which_two_tasks_failed_names_both(zoo):
    alert = zoo.failed_run("two.fail")
    zoo.golden("run-of-two", alert)
    assert alert["annotations"]["failed_tasks"] == "first, second"


def test_the_indexes_of_a_mapped_task_are_one_alert(zoo):
    alert = zoo.one(alertname="AirflowTaskFailed", dag_id="pay.mapped")
    assert alert["labels"]["task_id"] == "settle"
    assert re.fullmatch(r"ValueError: account [1-5] is closed", alert["annotations"]["exception"])


def test_a_run_that_took_too_long(zoo):
    zoo.golden("timeout", zoo.one(alertname="AirflowDagRunFailed", dag_id="slow"))


def test_the_policy_attaches_and_keeps_what_authors_set(zoo):
    for task_id in ("one", "two"):
        alert = zoo.one(alertname="AirflowTaskFailed", dag_id="policy.fail", task_id=task_id)
        zoo.golden(f"policy-{task_id}", alert)
    zoo.one(alertname="AirflowDagRunFailed", dag_id="policy.fail")
    notes = zoo.place.notes.read_text().splitlines()
    assert notes.count(f"author {zoo.runs['policy.fail']}") == 2
    assert zoo.place.alerts(dag_id="policy.off") == []


def test_an_author_chooses_team_and_severity(zoo):
    labels = zoo.one(alertname="AirflowTaskFailed", dag_id="chosen")["labels"]
    assert (labels["team"], labels["severity"]) == ("payments", "critical")


def test_a_skip(zoo):
    zoo.golden("skip", zoo.one(alertname="AirflowTaskSkipped", dag_id="skips"))


def test_a_check_of_data_alerts_and_the_dag_goes_on_until_it_is_good_again(zoo):
    alert = zoo.one(alertname="AirflowDataCheckFailed", dag_id="checks")
    zoo.golden("check", alert)
    run = zoo.airflow.trigger("checks", {"rows": 5})
    assert zoo.airflow.finish("checks", run) == "success"
    zoo.place.wait(0, alertname="AirflowDataCheckFailed", dag_id="checks")


def test_a_success_ends_the_failure_of_an_earlier_run(zoo):
    zoo.airflow.finish("back", zoo.airflow.trigger("back", {"fail": True}))
    zoo.one(alertname="AirflowTaskFailed", dag_id="back")
    zoo.one(alertname="AirflowDagRunFailed", dag_id="back")
    assert zoo.airflow.finish("back", zoo.airflow.trigger("back")) == "success"
    zoo.place.wait(0, dag_id="back")


def test_a_run_that_was_cleared_is_over_with_its_task_and_goes_on(zoo):
    """No callback of its own says so before it has ended: people would be told that it failed once its task has not."""
    run = zoo.runs["cleared"]
    zoo.airflow.clear("cleared", run)
    zoo.place.wait(0, dag_id="cleared")
    assert zoo.airflow.run_state("cleared", run) == "running"
    zoo.place.notes.with_suffix(".go").touch()
    assert zoo.airflow.finish("cleared", run) == "success"


def test_deadlines(zoo):
    if zoo.major == "3":
        zoo.golden("deadline-async", zoo.one(alertname="AirflowDeadlineMissed", dag_id="late.async"))
        zoo.golden("deadline-sync", zoo.one(alertname="AirflowDeadlineMissed", dag_id="late.sync"))
        zoo.airflow.stop("triggerer")
        return

    def missed():
        # 2.11 calls when it parses the file again. An SLA is missed every few seconds: the first two are told as ever.
        (zoo.airflow.dags / "late2.py").touch()
        found = zoo.place.alerts(dag_id="late.sla")
        return [one for one in found if not one["labels"].get("storm", "").endswith("/again")]

    found = zoo.airflow.wait(missed, 200, "the missed SLA", every=2)
    zoo.golden("sla", found[0])
    zoo.airflow.pause("late.sla")  # a task each quarter of a minute is enough


def test_each_alert_is_one_message_to_the_right_team(zoo):
    """A message of Slack is one group: the alerts of a DAG of one name, or of those that failed at the same moment.

    Which DAGs fail within seconds of each other is the machine's affair: what must be so of each is asked here.
    """

    def told(dag_id, what):
        """The messages of a DAG's failure, alone or among others; not their ends."""
        heads = (f"{dag_id}{what}", " DAGs of ")
        return lambda m: dag_id in m.text and any(head in m.text.partition("\n")[0] for head in heads)

    version = quote(zoo.runs["pay.fail"], safe="")
    failed = told("pay.fail", " failed: ")
    zoo.place.inbox.wait_for(lambda m: failed(m) and version in m.text)
    retried = zoo.place.inbox.wait_for(lambda m: m.channel == "#payments" and "pay.fail failed and is tried" in m.text)
    assert "no answer to 'insert into orders' from postgresql://etl:***@warehouse/orders" in retried.text
    messages = [m for m in zoo.place.inbox.messages() if not m.text.startswith("Over: ")]
    assert {m.channel for m in messages if failed(m)} == {"#payments"}
    assert {m.channel for m in messages if told("checks", " has bad data")(m)} == {"#data"}
    assert {m.channel for m in messages if told("two.fail", ": a run failed")(m)} == {"#data"}
    # The run is inhibited by its task.
    assert not [m for m in messages if "pay.fail: a run failed" in m.text]
