"""The page at /: read as a person without JavaScript would read it, from captured traffic."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import time

import pytest
import requests
from real.page import Page

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.exceptions import SettingsError
from windsock.exporter.service import Service
from windsock.settings import Settings

NASTY = "<script>alert(1)</script>"


def test_a_new_exporter_says_what_it_waits_for(serve, look):
    service = serve("udp://127.0.0.1:0")
    page = look(service)
    assert "listening: nothing received yet" in page.sections[""]
    overview = page.sections["Overview"]
    for words in ("Airflow can't tell yet", "plain, or nothing received yet", "none seen", "Naming prometheus", "0 of"):
        assert words in overview
    assert page.rows("Lines/")["received"][0] == "0"
    assert page.rows("Metrics") == {"nothing yet": []}


@pytest.mark.parametrize(
    ("name", "airflow", "dialect", "legacy"),
    [
        (f"airflow-{NEWEST}-influxdb", "3.x", "influxdb", "on: most facts come twice"),
        (f"airflow-{OLDEST}-plain", "2.x", "plain", "on: most facts come twice"),
    ],
)
def test_captured_traffic_is_described(name, airflow, dialect, legacy, serve, look, captures, replay):
    service = serve("udp://127.0.0.1:0")
    datagrams = captures[name][:3000]
    replay(service, datagrams, len(datagrams))
    time.sleep(1.2)  # the first rate needs a second
    page = look(service)
    assert f"Airflow {airflow}" in page.sections["Overview"]
    assert f"Dialect {dialect}" in page.sections["Overview"]
    assert f"Legacy names {legacy}" in page.sections["Overview"]
    lines = page.rows("Lines/")
    assert lines["received"][0] == "3,000"
    assert {"stored: counter", "stored: gauge", "stored: timer"} <= set(lines)
    total = sum(int(row[0].replace(",", "")) for what, row in lines.items() if what.startswith(("stored", "left")))
    assert 2900 < total <= 3000
    listener = page.rows("Address")[service.addresses()[0]]
    assert (listener[0], listener[2]) == ("3,000", "0")
    metrics = page.rows("Metrics")
    assert len(metrics) == 10
    assert all(metric.startswith("airflow_") for metric in metrics)
    assert "dag_id" in page.rows("Labels")


@pytest.mark.parametrize("naming", ["helm-chart", "statsd-exporter"])
def test_other_names_have_a_page_too(naming, look, captures, replay):
    statsd, web = {"listen": ["udp://127.0.0.1:0"]}, {"listen": "127.0.0.1:0"}
    with Service(Settings.model_validate({"exporter": {"statsd": statsd, "web": web, "naming": naming}})) as service:
        replay(service, captures[f"airflow-{NEWEST}-influxdb"][:500], 500)
        page = look(service)
    assert f"Naming {naming}" in page.sections["Overview"]
    assert "Legacy names" not in page.sections["Overview"], "nobody looks there"
    assert len(page.rows("Metrics")) == 10


def test_the_rate_is_the_last_minutes(serve, look, captures, replay):
    service = serve("udp://127.0.0.1:0")
    time.sleep(1.2)
    replay(service, captures[f"airflow-{NEWEST}-influxdb"][:600], 600)
    time.sleep(1)
    rate = float(look(service).rows("Lines/")["received"][1].replace(",", ""))
    assert 12 < rate < 600


def test_what_does_not_fit_is_shown_with_an_example(serve, look, replay):
    service = serve("udp://127.0.0.1:0")
    replay(service, [b"myteam.orders:3|c", b"nonsense", b"airflow.scheduler_heartbeat:1o|c"], 3)
    page = look(service)
    assert page.rows("Lines with names")["myteam"][::2] == ["1", "myteam.orders:3|c"]
    assert page.rows("Lines/")["rejected: no colon"][::2] == ["1", "nonsense"]
    assert page.rows("Lines/")["rejected: bad value"][::2] == ["1", "airflow.scheduler_heartbeat:1o|c"]


def test_everything_that_was_sent_is_escaped(serve, look, replay, tmp_path):
    service = serve("udp://127.0.0.1:0", f"unixgram://{tmp_path}/{html.escape('<b>')}")
    sent = [
        f"{NASTY}.x:1|c".encode(),
        f"airflow.ti.finish,dag_id={NASTY},task_id=\"'&,state=failed:1|c".encode(),
        f"airflow.x{NASTY}".encode(),
        b"airflow.\xff\xfe<img src=x onerror=alert(1)>:1|c",
        b"airflow.scheduler_heartbeat:<!--|c",
    ]
    replay(service, sent, len(sent))
    text = requests.get(f"http://{service.web.address}/", timeout=60).text
    page = Page(text)
    assert not {"script", "img", "b"} & set(page.tags)
    assert NASTY in page.rows("DAGs")
    assert NASTY in page.sections["Lines with names that nothing maps"]
    assert "<!--" not in text


def test_what_is_wrong_in_a_file_is_escaped_too(serve):
    service = serve("udp://127.0.0.1:0")

    def reread():
        raise SettingsError([f"windsock.yaml:1: {NASTY}: unknown key"])

    service._reread = reread
    assert requests.post(f"http://{service.web.address}/-/reload", timeout=60).status_code == 400
    page = Page(requests.get(f"http://{service.web.address}/", timeout=60).text)
    assert "script" not in page.tags
    assert NASTY in page.sections["What needs attention"]
    assert NASTY in page.sections["Overview"]


def test_the_policy_lets_its_own_style_in_and_nothing_else(serve):
    answer = requests.get(f"http://{serve().web.address}/", timeout=60)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert not re.search(r"<script|\son\w+=|\sstyle=|https?://(?!www.w3.org/2000/svg)", answer.text)


def test_what_needs_attention_stands_first(serve, look, lines, replay, eventually):
    service = serve("udp://127.0.0.1:0", budgets={"series": 2}, statsd={"relay": "udp://127.0.0.1:1"})
    for number in range(3):
        replay(service, [f"airflow.pool.open_slots,pool_name=p{number}:1|g".encode()], number + 1)
    eventually(lambda: service.relay().problem)
    page = look(service)
    assert list(page.sections)[1] == "What needs attention"
    said = page.sections["What needs attention"]
    assert "The relay udp://127.0.0.1:1 gets nothing: nothing listens there." in said
    assert "The budget of exporter.budgets.series kept 1 new series out." in said


def test_all_is_well_where_nothing_is_said_of_attention(serve, look):
    assert "What needs attention" not in look(serve("udp://127.0.0.1:0")).sections


def test_where_the_configuration_comes_from_is_told(program, tmp_path, monkeypatch):
    (tmp_path / "windsock.yaml").write_text("cluster: a\n")
    running = program(
        *("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0"),
        environ={"WINDSOCK__EXPORTER__WEB__BIRTH_HOLD": "5s"},
    )
    page = Page(requests.get(running.metrics.removesuffix("metrics"), timeout=60).text)
    said = "Configuration windsock.yaml ,  $WINDSOCK__EXPORTER__WEB__BIRTH_HOLD ,  --statsd-listen ,  --web-listen"
    assert said in page.sections["Overview"]
    assert "Last reload never" in page.sections["Overview"]


def test_many_series_are_counted_soon(serve, replay):
    service = serve("udp://127.0.0.1:0")
    names = [f"airflow.ti.finish,dag_id=d{n % 400},task_id=t{n},state=success:1|c" for n in range(20_000)]
    service._ingest.feed([name.encode() for name in names], "1")
    started = time.process_time()  # a busy machine does not count
    requests.get(f"http://{service.web.address}/", timeout=60).raise_for_status()
    assert time.process_time() - started < 1
