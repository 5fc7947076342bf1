"""From the message to the task's log by links alone: what is looked at goes along over all boards."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from windsock import links
from windsock.dashboards import build
from windsock.dashboards.preview.server import Preview
from windsock.dashboards.preview.source import Source
from windsock.settings import Settings

AIRFLOW = "http://airflow.example"
DAG, TASK = "orders", "a-task_id"


@pytest.fixture
def linked(prometheus):
    """A preview of boards that know where Airflow is."""
    given = Settings.model_validate({"prometheus": {"urls": prometheus}, "links": {"airflow": AIRFLOW}})
    with Preview(build.files(given), Source(given)) as preview:
        yield preview


@pytest.fixture
def click(page):
    """Clicks on the first element of the selector that shows the text."""

    def found(selector: str, text: str) -> None:
        page.until(
            "document.querySelectorAll('[data-next]').forEach((old) => delete old.dataset.next) ?? "
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".find((one) => one.innerText.trim() === {json.dumps(text)} && (one.dataset.next = 'yes'))"
        )
        page.browser.click("[data-next]")

    return found


def test_from_a_message_to_the_log_by_links_alone(page, linked, click, end):
    def there(uid: str, **chosen: str) -> None:
        page.until(f"location.pathname.startsWith('/d/{uid}')")
        page.wait()
        query = parse_qs(urlsplit(page.browser.run("return location.href")).query)
        times = {"from": [str(int((end - links.BEFORE) * 1000))], "to": [str(end * 1000)]}
        assert query.items() >= {**times, **{f"var-{name}": [value] for name, value in chosen.items()}}.items()
        for name, value in chosen.items():
            if value != "$__all":
                assert page.browser.texts(f"[data-variable={name}] .value") == [value]

    told = links.dashboard(Settings.model_validate({"links": {"grafana": linked.url}}).links, DAG, end)
    # The samples end in the past.
    page.browser.open(told.replace("to=now", f"to={end * 1000}"))
    there(links.DAG_UID, dag_id=DAG)
    click("nav summary", "Airflow dashboards")
    click("nav .menu a", "Airflow overview")
    there(links.OVERVIEW_UID, dag_id=DAG, cluster="$__all")
    click("td a", DAG)
    click("#popup a", "This DAG")
    there(links.DAG_UID, dag_id=DAG, cluster="$__all")
    click("td a", TASK)
    click("#popup a", "This task")
    there(links.TASK_UID, dag_id=DAG, task_id=TASK, cluster="$__all")
    click("td a", TASK)
    page.until("document.querySelector('#popup a')")
    offered = {
        one["text"]: one["href"]
        for one in page.browser.run(
            "return [...document.querySelectorAll('#popup a')].map((one) => ({text: one.innerText, href: one.href}))"
        )
    }
    assert offered["Open in Airflow"] == f"{AIRFLOW}/dags/{DAG}/tasks/{TASK}"
    log = urlsplit(offered["Its log lines"])
    assert log.path == f"/d/{links.LOGS_UID}"
    chosen = {"var-dag_id": [DAG], "var-task_id": [TASK], "from": [str(int((end - links.BEFORE) * 1000))]}
    assert parse_qs(log.query).items() >= chosen.items()
