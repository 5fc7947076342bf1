"""OpenLineage over HTTP: what is answered, to whom, and what a bad client can't do."""

from __future__ import annotations

import gzip
import json
import time

import bcrypt
import pytest
import requests

from windsock.exporter import configuration
from windsock.exporter.openlineage import event
from windsock.exporter.parts import Parts
from windsock.exporter.service import Service
from windsock.settings import Settings

JSON = "application/json"


@pytest.fixture
def running(serve, receiving):
    """An exporter that runs at the time of the capture."""

    def start(**openlineage):
        service = serve(openlineage={"listen": "127.0.0.1:0", "namespace": "prod", **openlineage})
        service.lineage.lineage.clock = lambda: receiving.now
        return service

    return start


def post(service, body: bytes, content: str = JSON, path: str = "/api/v1/lineage", **headers: str):
    url = service.lineage.url.replace("/api/v1/lineage", path)
    return requests.post(url, body, headers={"Content-Type": content, **headers}, timeout=60)


def test_the_events_of_an_airflow(running, capture, scrape):
    service = running()
    for body in capture:
        assert post(service, body, "application/json; charset=utf-8").status_code == 200
    assert post(service, gzip.compress(capture[0]), **{"Content-Encoding": "gzip"}).status_code == 200
    assert service.lineage.lineage.stale("make_report", "write", "").startswith("stale: file://warehouse/shop/report")
    found = scrape(service)
    assert found['windsock_openlineage_requests_total{status="200"}'] == len(capture) + 1
    stored, bare = (found[f'windsock_openlineage_events_total{{outcome="{one}"}}'] for one in ("stored", "bare"))
    assert (stored, bare) == (16, 9)
    assert found["windsock_openlineage_edges"] > 10


@pytest.mark.parametrize(
    ("status", "body", "given"),
    [
        (400, b"{", {}),
        (400, b"[" * 60_000, {}),
        (400, b"[]", {}),
        (400, b"no gzip", {"Content-Encoding": "gzip"}),
        (404, b"{}", {"path": "/api/v2/lineage"}),
        (413, b" " * 70_000, {}),
        (413, gzip.compress(b" " * 70_000), {"Content-Encoding": "gzip"}),
        (415, b"{}", {"content": "text/plain"}),
        (415, b"{}", {"Content-Encoding": "br"}),
    ],
)
def test_what_is_refused_is_told_why(status, body, given, running, capture, scrape):
    service = running(max_body=65536)
    answer = post(service, body, **given)
    assert (answer.status_code, answer.text.endswith("\n")) == (status, True)
    if status == 413:
        assert "exporter.openlineage.max_body" in answer.text
    assert post(service, capture[0]).status_code == 200
    assert scrape(service)[f'windsock_openlineage_requests_total{{status="{status}"}}'] == 1


def test_a_crowd_of_small_things_is_read_in_no_time(running):
    service = running()
    began = time.thread_time()
    body = b'{"eventTime": "2026-01-01T00:00:00Z", "x": [' + b"{}," * 600_000 + b"{}]}"
    assert post(service, body).status_code == 200
    assert time.thread_time() - began < 5


def test_too_much_at_once_comes_again(running, capture):
    service = running()
    service.lineage.held.take(4 * 2 << 20)
    answer = post(service, capture[0])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_only_networks_and_users_that_are_allowed(running, serve, capture, tmp_path, scrape):
    service = running(allow=["10.0.0.0/8"])
    with pytest.raises(requests.ConnectionError):
        post(service, capture[0])
    assert scrape(service)[f'windsock_refused_total{{listener="{service.lineage.url}"}}'] >= 1
    file = tmp_path / "web.yml"
    file.write_text(json.dumps({"basic_auth_users": {"airflow": bcrypt.hashpw(b"s3cr3t", bcrypt.gensalt(4)).decode()}}))
    service = serve(openlineage={"listen": "127.0.0.1:0"}, web={"config_file": str(file)})
    assert post(service, capture[0]).status_code == 401
    # As OpenLineage's client does with a `url` that has them in it.
    url = service.lineage.url.replace("//", "//airflow:s3cr3t@")
    assert requests.post(url, capture[0], headers={"Content-Type": JSON}, timeout=60).status_code == 200


def test_it_is_off_where_nothing_is_said(serve):
    assert serve().lineage is None


def test_where_nobody_reads_it_the_log_says_so(running, caplog):
    running()
    assert (
        "exporter.openlineage.listen: nobody reads what is received: off: it needs a metadata database" in caplog.text
    )


def test_what_was_received_is_asked_for_by_the_reconciler(read, capture, receiving):
    class Reconciler:
        def hear(self, stale) -> None:
            self.stale = stale

        def stores(self):
            return ()

    reconciler = Reconciler()
    settings = read.configure(openlineage={"listen": "127.0.0.1:0", "namespace": "prod"})
    service = Service(settings, parts=Parts(reconciler=reconciler))
    service.lineage.lineage.clock = lambda: receiving.now
    try:
        for body in capture:
            service.lineage.lineage.take(event.read(body))
        assert "read by reports.daily" in reconciler.stale("make_report", "write", "")
    finally:
        service.web.server_close()
        service.lineage.server_close()


def test_networks_change_while_it_runs_and_the_address_does_not():
    before = Settings.model_validate({"exporter": {"openlineage": {"listen": "127.0.0.1:1", "allow": ["10.0.0.0/8"]}}})
    after = Settings.model_validate({"exporter": {"openlineage": {"listen": "127.0.0.1:2"}}})
    _, outcome = configuration.take_over(before, after)
    assert outcome["taken over"] == ["exporter.openlineage.allow"]
    assert outcome["needs a restart"] == ["exporter.openlineage.listen"]
