"""`exporter.statsd.allow`: who is listened to."""

from __future__ import annotations

import pytest

from windsock import settings
from windsock.exceptions import SettingsError
from windsock.exporter.statsd.senders import Senders


@pytest.fixture
def heard(lines, send, scrape, eventually):
    """Send from an address; returns whether it was stored, or was refused."""

    def ask(service, source: str) -> bool:
        name = service.listeners()[0].url
        before = scrape(service)
        send(service.addresses()[0], lines.heartbeat, source=source)

        def arrived() -> dict[str, float] | None:
            now = scrape(service)
            key = f'windsock_refused_total{{listener="{name}"}}'
            stored = now.get(lines.series, 0) - before.get(lines.series, 0)
            refused = now[key] - before[key]
            return {"stored": stored, "refused": refused} if stored or refused else None

        outcome = eventually(arrived)
        assert not (outcome["stored"] and outcome["refused"])
        return bool(outcome["stored"])

    return ask


def test_everyone_is_heard_where_nothing_is_said(serve, heard):
    service = serve("udp://127.0.0.1:0")
    assert heard(service, "127.0.0.1")
    assert heard(service, "127.0.0.9")


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_only_senders_in_the_networks_are_heard(kind, serve, heard):
    service = serve(f"{kind}://127.0.0.1:0", statsd={"allow": ["127.0.0.8/31", "10.0.0.0/8"]})
    assert heard(service, "127.0.0.8")
    assert heard(service, "127.0.0.9")
    assert not heard(service, "127.0.0.1")


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_ipv6_has_networks_too(kind, serve, heard):
    assert heard(serve(f"{kind}://[::1]:0", statsd={"allow": ["::1"]}), "::1")
    assert not heard(serve(f"{kind}://[::1]:0", statsd={"allow": ["fd00::/8"]}), "::1")


def test_ipv4_is_known_on_a_socket_for_both(lines, serve, send, scrape, eventually):
    service = serve("udp://[::]:0", statsd={"allow": ["127.0.0.8/32"]})
    port = service.addresses()[0].rpartition(":")[2]
    send(f"udp://127.0.0.1:{port}", lines.heartbeat, source="127.0.0.8")
    send(f"udp://127.0.0.1:{port}", lines.heartbeat, source="127.0.0.1")
    eventually(lambda: scrape(service)['windsock_refused_total{listener="udp://[::]:0"}'] == 1)
    eventually(lambda: scrape(service)[lines.series] == 1)


@pytest.mark.parametrize("kind", ["unixgram", "unix"])
def test_files_have_permissions_instead(kind, lines, tmp_path, serve, send, scrape, eventually):
    service = serve(f"{kind}://{tmp_path}/s", statsd={"allow": ["10.0.0.0/8"]})
    send(f"{kind}://{tmp_path}/s", lines.heartbeat)
    eventually(lambda: scrape(service).get(lines.series) == 1)


def test_one_batch_of_several_senders_is_sorted_out(lines, serve, send, scrape, eventually):
    service = serve("udp://127.0.0.1:0", statsd={"allow": ["127.0.0.2"]})
    for _ in range(20):
        for last in range(1, 5):
            send(service.addresses()[0], lines.heartbeat, source=f"127.0.0.{last}")
    eventually(lambda: scrape(service)['windsock_refused_total{listener="udp://127.0.0.1:0"}'] == 60)
    eventually(lambda: scrape(service)[lines.series] == 20)


def test_made_up_addresses_do_not_fill_the_memory():
    senders = Senders(["10.0.0.0/8"])
    for number in range(50_000):
        senders.allows(number.to_bytes(16, "big"))
    assert len(senders._known) <= 10_000


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("10.0.0.1/8", "such as 10.0.0.0/8"),
        ("10.0.0.0/33", "expected a network such as 10.0.0.0/8"),
        ("airflow.example.org", "expected a network such as 10.0.0.0/8"),
    ],
)
def test_what_is_no_network_is_an_error_that_says_what_is(network, expected, tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_text(f"exporter:\n  statsd:\n    allow: [{network}]\n")
    with pytest.raises(SettingsError, match=rf"windsock.yaml:3: exporter.statsd.allow\[0\]: .*{expected}"):
        settings.load(file, {})
