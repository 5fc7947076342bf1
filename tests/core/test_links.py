"""Where an alert points to."""

from __future__ import annotations

import socket

import pytest

from windsock import links
from windsock.settings import Links, Settings

WHERE = Links(airflow="https://a.example/", grafana="https://g.example", runbooks="https://r.example/books")


def test_links():
    assert links.runbook(WHERE, "AirflowTaskFailed") == "https://r.example/books/AirflowTaskFailed.md"
    board = "https://g.example/d/windsock-dag?var-dag_id=my%20dag%2F1"
    assert links.dashboard(WHERE, "my dag/1") == board
    # From six hours before it happened until somebody looks.
    assert links.dashboard(WHERE, "my dag/1", 1_800_000_000.5) == f"{board}&from=1799978400500&to=now"
    assert (
        links.run(WHERE, "my.dag", "manual__2026-11-22T10:00:00+00:00")
        == "https://a.example/dags/my.dag/runs/manual__2026-11-22T10%3A00%3A00%2B00%3A00"
    )


def test_without_a_base_there_is_no_link():
    assert links.runbook(Links(), "X") == links.dashboard(Links(), "d") == links.run(Links(), "d", "r") == ""
    assert links.runbooks(Links()) == ""


def test_the_exporter_has_the_runbooks_unless_the_installation_has_its_own():
    exporter = Links(exporter="https://w.example/windsock/")
    assert links.runbook(exporter, "AirflowTaskFailed") == "https://w.example/windsock/runbooks/AirflowTaskFailed"
    assert links.runbooks(exporter) == "https://w.example/windsock/runbooks/"
    own = exporter.model_copy(update={"runbooks": WHERE.runbooks})
    assert links.runbook(own, "AirflowTaskFailed") == "https://r.example/books/AirflowTaskFailed.md"
    assert links.runbooks(own) == "https://r.example/books"


HOST = socket.gethostname()


@pytest.mark.parametrize(
    ("listen", "exporter"),
    [
        ("127.0.0.1:9102", "http://127.0.0.1:9102"),
        ("[::1]:9102", "http://[::1]:9102"),
        ("localhost:9102", "http://localhost:9102"),
        ("metrics.example.org:80", "http://metrics.example.org:80"),
        ("0.0.0.0:9102", f"http://{HOST}:9102"),
        ("[::]:9102", f"http://{HOST}:9102"),
        (":9102", f"http://{HOST}:9102"),
        ("127.0.0.1:0", None),
    ],
)
def test_where_the_exporter_is_follows_from_where_it_listens(listen, exporter):
    settings = Settings.model_validate({"exporter": {"web": {"listen": listen}}, "links": {"grafana": "https://g"}})
    assert links.complete(settings) == Links(grafana="https://g", exporter=exporter)


@pytest.mark.parametrize(
    ("content", "scheme"),
    [
        ("tls_server_config: {cert_file: a.pem, key_file: a.key}\n", "https"),
        ("tls_server_config: {cert_file: ''}\n", "http"),
        ("basic_auth_users: {a: b}\n", "http"),
        ("not: [yaml", "http"),
        ("", "http"),
        (None, "http"),
    ],
)
def test_an_exporter_with_a_certificate_is_reached_over_tls(content, scheme, tmp_path):
    file = tmp_path / "web.yml"
    if content is not None:
        file.write_text(content)
    settings = Settings.model_validate({"exporter": {"web": {"config_file": str(file)}}})
    assert links.complete(settings).exporter == f"{scheme}://127.0.0.1:9102"


def test_what_is_configured_is_not_guessed():
    settings = Settings.model_validate({"links": {"exporter": "https://w.example"}})
    assert links.complete(settings) == settings.links
