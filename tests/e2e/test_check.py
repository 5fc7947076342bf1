"""`windsock up --check`: a real Airflow, a task that fails, and its page; and that all of it is gone afterwards."""

import re
from pathlib import Path

import pytest

from windsock.airflow.versions import NEWEST

pytestmark = pytest.mark.timeout(1200)

HOPS = ("task failed (Airflow)", "alert in Alertmanager", "page in the inbox", "failure counted: exporter, Prometheus")

CACHE = Path(__file__).resolve().parents[2] / ".windsock"


def test_the_page_of_a_failed_task_arrives_and_nothing_is_left(up, place):
    (place / ".windsock").mkdir(exist_ok=True)
    # `make test` has had it built, by `windsock up --prepare`.
    (place / ".windsock" / f"airflow-{NEWEST}").symlink_to(CACHE / f"airflow-{NEWEST}")
    stack = up("--check")
    assert stack.wait(800) == 0, stack.text
    seconds = {}
    for hop in HOPS:
        seconds[hop] = float(re.search(r"([+-][\d.]+) s", stack.line(hop))[1])
    assert seconds["task failed (Airflow)"] == 0
    # Alertmanager waits five seconds for more of the group.
    assert seconds["page in the inbox"] > 4
    stack.line("the page has DAG, task, run, exception, log link (it opens) and dashboard link; no secret is in it")
    assert re.search(r"[\d.]+ s from the failure to the page$", stack.lines[-1])
    assert stack.is_gone(within=0)
    assert [path.name for path in place.iterdir()] == [".windsock"]
    again = up("--prepare")
    assert again.wait(300) == 0
    assert again.lines[-1].endswith(f"Airflow is installed in {place}/.windsock/airflow-{NEWEST}")
    # What of windsock is older there is brought up to date first.
    inside = {path.name for path in (place / ".windsock").iterdir()} - {"install.log"}
    assert inside == {".gitignore", f"airflow-{NEWEST}", "lock", "run"}
