"""What the exporter says about itself."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from windsock import catalog, settings
from windsock.exporter.service import Service
from windsock.exporter.statsd import receiver


def fetch(service, accept: str = "text/plain") -> str:
    return requests.get(f"http://{service.web.address}/metrics", headers={"Accept": accept}, timeout=60).text


@pytest.fixture
def busy(serve, send, scrape, eventually, lines, tmp_path, peer):
    """An exporter that has met most of what it can count."""
    service = serve(
        *("udp://127.0.0.1:0", "tcp://127.0.0.1:0", f"unixgram://{tmp_path}/s"),
        statsd={"relay": f"udp://127.0.0.1:{peer().getsockname()[1]}", "allow": ["127.0.0.1"]},
    )
    send(
        service.addresses()[0],
        *(lines.heartbeat, "airflow.pool.open_slots:3|g", "airflow.scheduler.scheduler_loop_duration:4|ms", "x.y:1|c"),
        *("nonsense", "airflow.scheduler_heartbeat:1o|c", "a:1|s"),
    )
    send(service.addresses()[0], lines.heartbeat, source="127.0.0.2")
    eventually(lambda: scrape(service)["windsock_lines_total"] == 7)
    return service


def test_promtool_has_nothing_to_say(busy):
    if shutil.which("promtool") is None:
        pytest.fail("promtool is not installed: apt-get install prometheus")
    text = fetch(busy)
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_both_formats_are_whole(busy):
    plain = {family.name for family in prometheus(fetch(busy))}
    strict = {family.name for family in openmetrics(fetch(busy, "application/openmetrics-text; version=1.0.0"))}
    assert {name.removesuffix("_total") for name in plain} == {name.removesuffix("_total") for name in strict}
    assert {"windsock_build", "windsock_build_info"} & strict


def test_everything_is_in_the_catalogue_with_its_labels(busy):
    for family in prometheus(fetch(busy)):
        if family.name.startswith("windsock_"):
            name = family.name if family.name in catalog.by_family() else f"{family.name}_total"
            assert family.documentation == catalog.family(name).help
            for sample in family.samples:
                assert set(sample.labels) == set(catalog.family(name).labels), sample


def test_the_process_is_shown_as_every_exporter_shows_it(busy, scrape):
    figures = scrape(busy)
    assert figures["process_resident_memory_bytes"] > 1e7
    assert abs(figures["process_start_time_seconds"] - time.time()) < 3600
    assert figures["process_cpu_seconds_total"] > 0
    assert any(name.startswith("python_info{") for name in figures)
    assert any(name.startswith("python_gc_collections_total{") for name in figures)


def test_buffers_are_shown_as_asked_and_as_granted(serve, scrape):
    service = serve("udp://127.0.0.1:0", statsd={"read_buffer": "64KiB"})
    figures = scrape(service)
    assert figures['windsock_read_buffer_asked_bytes{listener="udp://127.0.0.1:0"}'] == 65536
    granted = figures['windsock_read_buffer_bytes{listener="udp://127.0.0.1:0"}']
    assert granted >= 65536, "what is there already is not made smaller"


def test_a_buffer_that_the_kernel_does_not_grant_is_told(serve, scrape, caplog):
    asked = 1 << 30
    service = serve("udp://127.0.0.1:0", statsd={"read_buffer": asked})
    granted = scrape(service)['windsock_read_buffer_bytes{listener="udp://127.0.0.1:0"}']
    page = requests.get(f"http://{service.web.address}/", timeout=60).text
    if granted < asked:
        assert f"asked for a receive buffer of {asked} bytes, the kernel gives {granted:.0f}" in caplog.text
        assert f"To raise it: sysctl -w net.core.rmem_max={asked}" in page
    else:
        assert "receive buffer" not in caplog.text


def test_drops_and_unread_bytes_are_the_kernels(lines, serve, send, scrape, eventually):
    service = serve("udp://127.0.0.1:0", statsd={"read_buffer": "4KiB"})
    name = 'listener="udp://127.0.0.1:0"}'
    held = service._receiver._hang_up_idle
    go_on, stopped = threading.Event(), threading.Event()
    service._receiver._hang_up_idle = lambda: stopped.set() or go_on.wait(120) or held()
    assert stopped.wait(120)
    sent = 5000
    send(service.addresses()[0], *[lines.heartbeat] * sent)
    figures = scrape(service)
    assert figures[f"windsock_receive_backlog_bytes{{{name}"] > 1000
    assert figures[f"windsock_kernel_drops_total{{{name}"] > 0
    service._receiver._hang_up_idle = held
    eventually(lambda: time.monotonic() - service._receiver.woke > 1.5)
    go_on.set()
    eventually(lambda: scrape(service)[f"windsock_receive_backlog_bytes{{{name}"] == 0)
    figures = scrape(service)
    assert figures[f"windsock_datagrams_total{{{name}"] + figures[f"windsock_kernel_drops_total{{{name}"] == sent
    assert figures[f"windsock_receive_pause_seconds{{{name}"] > 1, "they waited for more than a second"


def test_the_pause_is_short_where_nothing_is_in_the_way(lines, serve, send, scrape, eventually, monkeypatch):
    monkeypatch.setattr(receiver, "_WAIT", 30.0)
    service = serve("udp://127.0.0.1:0")
    for number in (1, 2):
        send(service.addresses()[0], lines.heartbeat)
        eventually(lambda number=number: scrape(service).get(lines.series) == number)
        time.sleep(3 * (number == 1))  # longer than any pause: an idle exporter is not a slow one
    assert scrape(service)['windsock_receive_pause_seconds{listener="udp://127.0.0.1:0"}'] < 2.5


def test_the_metrics_with_the_most_series_are_named_and_others_counted(send, scrape, eventually):
    statsd = {"listen": ["udp://127.0.0.1:0"]}
    exporter = {"statsd": statsd, "web": {"listen": "127.0.0.1:0"}, "naming": "statsd-exporter"}
    with Service(settings.Settings.model_validate({"exporter": exporter})) as service:
        _check_series_by_metric(service, send, scrape, eventually)


def _check_series_by_metric(service, send, scrape, eventually):
    for number in range(60):
        send(service.addresses()[0], *(f"metric{number},n={value}:1|c" for value in range(60 - number)))
        time.sleep(0.002)
    eventually(lambda: scrape(service)["windsock_series"] == sum(range(61)))

    def shown() -> dict[str, float]:
        pattern = re.compile(r'windsock_metric_series\{metric="(.*)"\}')
        return {match[1]: value for name, value in scrape(service).items() if (match := pattern.fullmatch(name))}

    found = shown()
    assert len(found) == 51
    assert sum(found.values()) == sum(range(61))
    assert found["metric0"] == 60
    assert found["other"] == sum(range(11))
    send(service.addresses()[0], *(f"metric59,n=x{value}:1|c" for value in range(99)))
    eventually(lambda: scrape(service)["windsock_series"] == sum(range(61)) + 99)
    assert sum(shown().values()) == sum(range(61)) + 99, "the one that it took the place of is no longer shown"


def test_rates_cover_the_last_minute(busy, lines, send, eventually, scrape):
    counter = busy.own.counter("windsock_lines_total")
    busy.rates._past.clear()
    busy.rates.tick(100.0)
    assert busy.rates.rate(counter, 100.5) == 0
    counter.value += 100
    assert busy.rates.rate(counter, 120.0) == 5
    for now in range(110, 220, 10):
        busy.rates.tick(float(now))
    counter.value += 700
    assert busy.rates.rate(counter, 220.0) == 10, "the steps are of ten seconds, and the oldest is 60 to 70 seconds ago"


def test_a_socket_error_does_not_fill_the_log(serve, scrape, caplog, monkeypatch, eventually):
    service = serve("tcp://127.0.0.1:0")
    tried = []
    monkeypatch.setattr(
        service._receiver, "_accept", lambda _: tried.append(1) or (_ for _ in ()).throw(OSError(24, "Too many files"))
    )
    host, port = service.addresses()[0].removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))):
        eventually(lambda: len(tried) > 20)
    assert caplog.text.count("Too many files") == 1
    assert len(tried) < 2000
