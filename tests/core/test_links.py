"""Where an alert points to."""

from __future__ import annotations

from windsock import links
from windsock.settings import Links

WHERE = Links(airflow="https://a.example/", grafana="https://g.example", runbooks="https://r.example/books")


def test_links():
    assert links.runbook(WHERE, "AirflowTaskFailed") == "https://r.example/books/AirflowTaskFailed.md"
    assert links.dashboard(WHERE, "my dag/1") == "https://g.example/d/windsock-overview?var-dag_id=my%20dag%2F1"
    assert (
        links.run(WHERE, "my.dag", "manual__2026-11-22T10:00:00+00:00")
        == "https://a.example/dags/my.dag/runs/manual__2026-11-22T10%3A00%3A00%2B00%3A00"
    )


def test_without_a_base_there_is_no_link():
    assert links.runbook(Links(), "X") == links.dashboard(Links(), "d") == links.run(Links(), "d", "r") == ""
