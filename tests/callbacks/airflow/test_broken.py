"""Real Airflows whose tasks fail while their Alertmanager is out of reach, in each way that there is.

The task must end as it would have, within the budget; and once the Alertmanager is back, each alert arrives once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
from real.hostile import Hostile, Silent
from real.server import free_port
from real.waiting import until

from windsock.storms import MEANWHILE

DAGS = Path(__file__).parent / "dags"
BUDGET = 10
WAYS = {
    "hanging": "hanging",
    "dripping": "dripping",
    "middle": "closing in the middle",
    "500": "answering 500",
    "429-second": "answering 429, wait a second",
    "429-hour": "answering 429, wait an hour",
}

pytestmark = pytest.mark.timeout(1200)


class Broken:
    """An Airflow in which a task of each DAG has failed, and none of the alerts came through."""

    def __init__(self, airflow, place, silent, names):
        self.airflow, self.place, self.names = airflow, place, names
        airflow.wait_for_dags(*(f"broken.{name}" for name in names))
        self.runs = {"healthy": self.run("healthy")}
        self.runs |= {name: self.start(name) for name in names if name != "healthy"}
        assert silent.posted.wait(300), "the callback of the task that is to be killed did not post"
        os.kill(self.notes()["killed"]["pid"], signal.SIGKILL)
        for name in names:
            airflow.finish(f"broken.{name}", self.runs[name])

    def start(self, name):
        return self.airflow.trigger(f"broken.{name}")

    def run(self, name):
        run = self.start(name)
        self.airflow.finish(f"broken.{name}", run)
        self.place.wait(dag_id=f"broken.{name}")
        return run

    def notes(self):
        """What each task wrote just before it failed."""
        return {note["name"]: note for note in map(json.loads, self.place.notes.read_text().splitlines())}

    def ended(self, name):
        """The task's state, and the seconds from its exception to its end, as Airflow keeps them."""
        (instance,) = self.airflow.instances(f"broken.{name}", self.runs[name])
        end = datetime.fromisoformat(instance["end_date"].replace("Z", "+00:00")).timestamp()
        return instance["state"], end - self.notes()[name]["time"]

    def flush(self):
        """As cron does it on that host, minute by minute."""
        command = [self.airflow.place / "bin" / "windsock", "notify", "flush", "--json"]
        done = subprocess.run(command, env=self.place.variables(), capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.fixture(scope="module")
def broken(airflow, place, tmp_path_factory):
    servers, silent = Hostile(), Silent()
    urls = {name: servers.start(way) for name, way in WAYS.items()} | {
        "healthy": place.url,
        "refusing": f"http://127.0.0.1:{free_port()}",
        "no-name": "http://alertmanager.invalid:9093",
        "killed": silent.url,
    }
    folder = tmp_path_factory.mktemp("broken")
    values = json.loads(place.config.read_text())
    values["callbacks"] |= {"budget": BUDGET, "spool": {"dir": str(folder / "state")}}
    here = dataclasses.replace(place, folder=folder, config=folder / "windsock.yaml", notes=folder / "notes.txt")
    here.config.write_text(json.dumps(values))
    airflow.add("broken.py", (DAGS / "broken.py").read_text(), here.variables() | {"BROKEN": json.dumps(urls)})
    with contextlib.closing(servers), contextlib.closing(silent):
        yield Broken(airflow, here, silent, tuple(urls))


def test_the_task_ends_as_it_would_have(broken):
    ends = {name: broken.ended(name) for name in broken.names}
    assert {name: state for name, (state, _) in ends.items() if state != "failed"} == {}
    _, healthy = ends.pop("healthy")
    late = {name: round(seconds, 1) for name, (_, seconds) in ends.items() if seconds > max(healthy, 5) + BUDGET}
    assert late == {}


def test_nothing_is_lost_and_each_arrives_once(broken):
    place = broken.place
    away = [name for name in broken.names if name != "healthy"]

    def nothing_waits():
        code, found, problem = broken.flush()
        assert found["dead"] == 0, problem
        return (code, found["waiting"]) == (0, 0)

    # An Alertmanager on a busy machine may miss a budget; and Airflow may call the callback of the task that was
    # killed, 2.11 always, which delivers what waits on its host.
    until(nothing_waits, 300)
    storms = {}
    for name in away:
        (alert,) = place.wait(dag_id=f"broken.{name}")
        assert alert["annotations"]["exception"] == "ValueError: no rows"
        storms[name] = alert["labels"].get("storm")
        # One cause: most of them are one message, which has their names.
        place.inbox.wait_for(lambda m, name=name: f"broken.{name}" in m.text, 120)
    assert broken.flush()[1]["delivered"] == 0
    time.sleep(4)  # two of Alertmanager's group intervals
    # Who is so late that the storm is over is told alone, or with what else fails at that moment.
    late = {name for name, storm in storms.items() if storm and storm.endswith(f"/{MEANWHILE}")}
    assert len({storm for name, storm in storms.items() if storm and name not in late}) == 1
    told = [m.text for m in place.inbox.messages() if "Over: " not in m.text]
    counts = {name: sum(text.startswith(f"broken.{name} failed: ") for text in told) for name in broken.names}
    assert all(counts.pop(name) <= 1 for name in late)
    assert counts == {name: int(not storms.get(name)) for name in counts}
