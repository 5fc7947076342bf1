"""A storm in pods that are killed, whose spools go with them, while an Alertmanager of three is away."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timezone

import pytest
from real.alertmanager import Alertmanager, Messages
from real.failures import fail, write_log
from real.server import free_port
from real.waiting import until

from windsock.alerts.routes import Timing
from windsock.callbacks.delivery import deliver
from windsock.events import TASK_FAILED, Event, rfc3339
from windsock.settings import Settings

REFUSED = "OperationalError: connection to server at {} failed: Connection refused"
TOLD, HALFWAY, SILENT = range(4), range(4, 8), range(8, 12)
"""Pods that told, that were killed when one Alertmanager had the alert, and before any had it."""
TIMING = Timing(group_wait="1s", group_interval="4s", storm_wait="1s", beside_wait="1s", again_interval="4s")


@pytest.fixture
def own_messages():
    running = Messages()
    yield running
    running.close()


@pytest.fixture
def peers(own_messages):
    """The two that are there."""
    ports = free_port(), free_port(), free_port()
    running = [Alertmanager(Settings(), own_messages, port, ports, TIMING, "700ms") for port in ports[:2]]
    yield running
    for one in running:
        one.remove()


def test_what_pods_told_half_told_and_did_not_tell_is_one_storm_and_told_once(
    database, bench, peers, own_messages, tmp_path
):
    urls = [*(peer.url for peer in peers), f"http://127.0.0.1:{free_port()}"]
    made = bench(database, alertmanager={"urls": urls}, reconcile={"logs": str(tmp_path / "logs")})
    ended, storm = time.time() - 60, ""
    for number in (*TOLD, *HALFWAY, *SILENT):
        dag_id, error = f"d{number}", REFUSED.format(number)
        fail(database, number + 1, dag_id, ended=ended)
        write_log(tmp_path / "logs", [error], dag=dag_id, run=number + 1)
        said = {"exception": error, "failed_at": rfc3339(datetime.fromtimestamp(ended, timezone.utc)), "try": "1 of 1"}
        event = Event(
            TASK_FAILED,
            made.cluster,
            dag_id,
            f"run_{number + 1}",
            "t",
            team="default",
            severity="warning",
            annotations=said,
        )
        if number in TOLD:
            pod = {"cluster": made.cluster, "callbacks": {"spool": {"dir": str(tmp_path / f"pod{number}")}}}
            settings = Settings.model_validate({**pod, "alertmanager": {"urls": urls}})
            assert deliver(event, settings, time.monotonic() + 60).problem == ""
        elif number in HALFWAY:
            storm = storm or peers[0].alerts(dag_id="d1")[0]["labels"]["storm"]
            peers[number % 2].post(event._replace(storm=storm).alert(datetime.now(timezone.utc)))
    # The peer that is away is no failed pass.
    for _ in range(3):
        made.reconciler.step()
    wanted = Counter({f"d{number}": 1 for number in (*TOLD, *HALFWAY, *SILENT)})

    def told():
        return Counter({dag_id: count for (dag_id,), count in own_messages.news("dag_id")[0].items()})

    until(lambda: told() == wanted, why=lambda: str(told()))
    # More than an interval of a group.
    time.sleep(5)
    assert told() == wanted
    assert {post["groupLabels"].get("storm", "") for post in own_messages.posts} == {"", storm}
    for peer in peers:
        assert len(peer.alerts(alertname=TASK_FAILED, storm=storm)) == len(wanted) - 1
