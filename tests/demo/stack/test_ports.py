"""Ports: free ones, and a clear word for one that is taken."""

import re
import socket

import pytest

from windsock.demo.stack import addresses, ports
from windsock.exceptions import StackError
from windsock.settings import validate
from windsock.settings.sources import read


def test_no_port_is_given_twice_and_all_can_be_listened_on():
    pool = ports.Ports()
    numbers = [pool.free() for _ in range(50)]
    assert len(set(numbers)) == 50
    for number in numbers[:5]:
        socket.create_server(("127.0.0.1", number)).close()


@pytest.mark.parametrize(
    ("family", "kind", "host", "shown"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", "127.0.0.1:{}"),
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", "tcp://127.0.0.1:{}"),
        (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1", "udp://127.0.0.1:{}"),
        (socket.AF_INET6, socket.SOCK_STREAM, "::1", "[::1]:{}"),
    ],
)
def test_a_port_in_use_names_the_setting_and_where_it_stands(family, kind, host, shown):
    with socket.socket(family, kind) as taken:
        taken.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        address = shown.format(taken.getsockname()[1])
        expected = f"{address} is in use: free it, or change exporter.web.listen (windsock.yaml:3)"
        with pytest.raises(StackError, match=re.escape(expected)):
            ports.require(address, "exporter.web.listen", "windsock.yaml:3")
    ports.require(address, "exporter.web.listen", "windsock.yaml:3")


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(StackError, match=r"192\.0\.2\.1:9102 can't be used \(Cannot assign requested address\)"):
        ports.require("192.0.2.1:9102", "exporter.web.listen", "windsock.yaml:3")


def test_what_the_file_says_of_the_exporter_is_kept_beside_the_demo_s_own(tmp_path):
    pool = ports.Ports()
    web, udp = pool.free(), pool.free(socket.SOCK_DGRAM)
    file = tmp_path / "windsock.yaml"
    file.write_text(
        f"exporter:\n  web: {{listen: 127.0.0.1:{web}}}\n"
        f"  statsd: {{listen: ['udp://127.0.0.1:{udp}', 'unix:///tmp/nowhere']}}\n"
    )
    source = read(file, {})
    places = addresses.choose(source, validate(source), own_airflow=True)
    assert places.exporter == f"127.0.0.1:{web}"
    own, *given = places.statsd
    assert own.startswith("udp://127.0.0.1:")
    assert given == [f"udp://127.0.0.1:{udp}", "unix:///tmp/nowhere"]
    assert addresses.port(own) not in (udp, 9125)


def test_without_airflow_the_exporter_is_where_an_own_airflow_looks_for_it(tmp_path):
    pool = ports.Ports()
    web, udp = pool.free(), pool.free(socket.SOCK_DGRAM)
    source = read(
        None,
        {"WINDSOCK__EXPORTER__WEB__LISTEN": f"0.0.0.0:{web}", "WINDSOCK__EXPORTER__STATSD__LISTEN": f"[udp://:{udp}]"},
        cwd=False,
    )
    places = addresses.choose(source, validate(source), own_airflow=False)
    assert places.statsd == (f"udp://:{udp}",)
    assert places.url("exporter") == f"http://127.0.0.1:{web}"
