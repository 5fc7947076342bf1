"""Lines over every kind of socket, and what the kernel had to drop."""

from __future__ import annotations

import grp
import os
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from real.server import free_port
from real.waiting import until

from windsock.airflow.versions import NEWEST
from windsock.exceptions import WindsockError
from windsock.exporter.series.exposition import TEXT, render
from windsock.exporter.service import Service
from windsock.exporter.statsd import receiver, storage
from windsock.exporter.statsd.datagrams import Datagrams

HEARTBEAT = "airflow_scheduler_heartbeat_total"
DROPS = 'windsock_kernel_drops_total{listener="udp://127.0.0.1:0"}'
LINE = b"airflow.scheduler_heartbeat:1|c"


def port(service, index=0) -> int:
    return int(service.addresses()[index].rpartition(":")[2])


def send(service, *datagrams, index=0) -> None:
    family = socket.AF_INET6 if "[" in service.addresses()[index] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("::1" if family == socket.AF_INET6 else "127.0.0.1", port(service, index)))


@pytest.fixture
def becomes(scrape, eventually):
    """Wait until the exposition shows a value."""

    def wait(service, expected: float, name: str = HEARTBEAT) -> None:
        eventually(lambda: scrape(service).get(name) == expected)

    return wait


@pytest.fixture
def held():
    """Hold up the thread that stores, until the event that is returned."""
    go_on = threading.Event()

    def hold(service) -> threading.Event:
        stopped, tick = threading.Event(), service._ingest.tick
        service._ingest.tick = lambda: stopped.set() or go_on.wait(180) or tick()
        assert stopped.wait(180)
        return go_on

    yield hold
    go_on.set()


@pytest.fixture
def short(tmp_path_factory):
    """A folder whose path is short enough for a socket."""
    folder = tmp_path_factory.mktemp("s")
    assert len(str(folder)) < 80
    return folder


class TestUdp:
    @pytest.mark.parametrize("url", ["udp://127.0.0.1:0", "udp://[::1]:0", "udp://localhost:0"])
    def test_datagrams_of_both_internet_protocols(self, url, serve, becomes):
        service = serve(url)
        assert service.addresses()[0].startswith(("udp://127.0.0.1:", "udp://[::1]:"))
        send(service, *[LINE] * 1000)
        becomes(service, 1000)

    def test_several_listeners_feed_one_store(self, serve, becomes, scrape):
        service = serve("udp://127.0.0.1:0", "udp://[::1]:0")
        send(service, *[LINE] * 3, index=0)
        send(service, *[LINE] * 4, index=1)
        becomes(service, 7)
        received = {
            name: value for name, value in scrape(service).items() if name.startswith("windsock_datagrams_total")
        }
        assert received == {
            'windsock_datagrams_total{listener="udp://127.0.0.1:0"}': 3,
            'windsock_datagrams_total{listener="udp://[::1]:0"}': 4,
        }

    def test_the_largest_datagram_is_whole(self, serve, becomes):
        lines = b"\n".join([LINE] * ((65_507 - 31) // 32))
        service = serve("udp://127.0.0.1:0")
        send(service, lines)
        becomes(service, lines.count(b"\n") + 1)

    def test_an_empty_datagram_is_counted(self, serve, becomes):
        service = serve("udp://127.0.0.1:0")
        send(service, b"", LINE)
        becomes(service, 1)
        becomes(service, 1, 'windsock_sample_errors_total{reason="no_colon"}')

    def test_gauges_of_two_hosts_are_told_apart_by_their_address(self, serve, becomes):
        service = serve("udp://0.0.0.0:0")
        for host, slots in (("127.0.0.1", 5), ("127.0.0.2", 7)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((host, 0))
                sender.sendto(b"airflow.executor.open_slots:%d|g" % slots, ("127.0.0.1", port(service)))
        becomes(service, 12, "airflow_executor_open_slots")

    def test_what_the_kernel_drops_is_counted(self, scrape, read, eventually):
        """The receiver comes late, and the buffer holds little."""
        sent = 5000
        service = Service(read.configure(statsd={"listen": ["udp://127.0.0.1:0"], "read_buffer": "64KiB"}))
        send(service, *[LINE] * sent)
        found: dict[str, float] = {}
        with service:

            def all_told() -> bool:
                found.update(scrape(service))
                return found.get(HEARTBEAT, 0) + found[DROPS] == sent

            eventually(all_told)
        assert 0 < found[HEARTBEAT] < sent
        assert found['windsock_datagrams_total{listener="udp://127.0.0.1:0"}'] == found[HEARTBEAT]

    def test_it_is_read_while_the_storing_takes_long(self, held, serve, scrape, becomes, eventually):
        """The buffer holds some five datagrams, the queue all of them."""
        service = serve("udp://127.0.0.1:0", statsd={"read_buffer": "4KiB"})
        go_on = held(service)
        received = service.own.counter("windsock_datagrams_total", listener="udp://127.0.0.1:0")
        for number in range(100):
            send(service, LINE)
            eventually(lambda taken=number: received.value > taken)
        assert HEARTBEAT not in scrape(service)
        go_on.set()
        becomes(service, 100)
        assert scrape(service)[DROPS] == 0

    def test_what_waited_is_stored_in_the_order_in_which_it_came(self, held, serve, becomes, eventually):
        """What one sender said is stored together only as far as no other spoke in between: the last word counts."""
        service = serve("udp://127.0.0.1:0")
        go_on = held(service)
        received = service.own.counter("windsock_datagrams_total", listener="udp://127.0.0.1:0")
        for number in range(6):
            source = f"127.0.0.{2 + number // 2 % 2}"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((source, 0))
                sender.sendto(b"airflow.dagbag_size:%d|g" % number, ("127.0.0.1", port(service)))
                sender.sendto(LINE, ("127.0.0.1", port(service)))
            eventually(lambda sent=2 * number + 2: received.value == sent)
        go_on.set()
        becomes(service, 6)
        becomes(service, 5, "airflow_dagbag_size")

    def test_a_queue_that_is_full_leaves_the_rest_to_the_kernel(self, held, serve, scrape, eventually, monkeypatch):
        monkeypatch.setattr(storage, "_MOST_WAITING", 50_000)
        service = serve("udp://127.0.0.1:0", statsd={"read_buffer": "4KiB"})
        go_on = held(service)
        sent = 0

        def drops() -> float:
            nonlocal sent
            send(service, *[LINE] * 500)
            sent += 500
            return service._receiver.storage.full() and scrape(service)[DROPS]

        eventually(drops)
        waiting = service._receiver.storage
        assert waiting._offered - waiting._taken < 50_000 + 512 * 100, "one batch more at most"
        go_on.set()
        eventually(lambda: scrape(service).get(HEARTBEAT, 0) + scrape(service)[DROPS] == sent)

    def test_the_buffer_that_was_granted_is_shown(self, serve, scrape):
        service = serve("udp://127.0.0.1:0", statsd={"read_buffer": "128KiB"})
        assert scrape(service)['windsock_read_buffer_bytes{listener="udp://127.0.0.1:0"}'] == 128 * 1024

    def test_a_port_that_is_taken(self, serve):
        taken = serve("udp://127.0.0.1:0")
        with pytest.raises(WindsockError, match=r"can't listen on udp://127\.0\.0\.1:\d+: Address already in use"):
            serve(taken.addresses()[0])

    def test_an_address_that_this_machine_has_not(self, serve):
        with pytest.raises(WindsockError, match=r"can't listen on udp://192\.0\.2\.1:9125: Cannot assign"):
            serve("udp://192.0.2.1:9125")

    def test_a_name_that_nobody_knows(self, serve):
        with pytest.raises(WindsockError, match=r"can't listen on udp://nowhere\.invalid:9125"):
            serve("udp://nowhere.invalid:9125")

    def test_nothing_is_lost_or_doubled_among_scrapes(self, serve, scrape, becomes, captures):
        """Twenty scrapers at once, while a capture arrives no faster than it is taken in."""
        service = serve("udp://127.0.0.1:0")
        lines = captures[f"airflow-{NEWEST}-influxdb"]
        heartbeats = sum(line.startswith(b"airflow.scheduler_heartbeat:") for line in lines)
        with ThreadPoolExecutor(20) as scrapers:
            asked = [scrapers.submit(scrape, service) for _ in range(100)]
            for start in range(0, len(lines), 500):
                send(service, *lines[start : start + 500])
                taken = min(start + 500, len(lines))
                until(lambda taken=taken: service.own.counter("windsock_lines_total").value >= taken)
            shown = [one.result() for one in asked]

        becomes(service, len(lines), "windsock_lines_total")
        found = scrape(service)
        assert found[HEARTBEAT] == heartbeats
        assert found[DROPS] == 0
        assert all(one.get(HEARTBEAT, 0) <= heartbeats for one in shown)


class TestStreams:
    @pytest.fixture
    def few_places(self, monkeypatch):
        monkeypatch.setattr(receiver, "_CONNECTIONS", 3)

    @pytest.fixture(params=["tcp", "unix"])
    def service(self, request, serve, short):
        return serve("tcp://127.0.0.1:0" if request.param == "tcp" else f"unix://{short}/statsd.sock")

    def connect(self, service) -> socket.socket:
        address = service.addresses()[0]
        if address.startswith("tcp"):
            return socket.create_connection(("127.0.0.1", port(service)))
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(address.removeprefix("unix://"))
        return client

    def test_many_lines_in_one_piece(self, service, becomes):
        with self.connect(service) as client:
            client.sendall(LINE + b"\n" + LINE + b"\n\n" + LINE + b"\n")
            becomes(service, 3)

    def test_a_line_in_several_pieces(self, service, becomes):
        with self.connect(service) as client:
            for piece in (LINE[:3], LINE[3:20], LINE[20:] + b"\n" + LINE[:10], LINE[10:] + b"\n"):
                client.sendall(piece)
                time.sleep(0.02)
            becomes(service, 2)

    def test_a_last_line_without_its_end(self, service, becomes):
        with self.connect(service) as client:
            client.sendall(LINE + b"\n" + LINE)
            becomes(service, 1)
        becomes(service, 2)

    def test_a_line_that_does_not_end_is_given_up_and_the_next_one_is_taken(self, service, becomes):
        with self.connect(service) as client:
            client.sendall(b"x" * 200_000)
            client.sendall(b"y" * 10 + b"\n" + LINE + b"\n")
            becomes(service, 1)
            becomes(service, 1, 'windsock_sample_errors_total{reason="line_too_long"}')

    def test_lines_of_two_connections_do_not_mix(self, service, becomes):
        with self.connect(service) as one, self.connect(service) as other:
            one.sendall(LINE[:10])
            other.sendall(LINE[:5])
            one.sendall(LINE[10:] + b"\n")
            other.sendall(LINE[5:] + b"\n")
            becomes(service, 2)

    def test_a_client_that_hangs_up_hard(self, service, becomes):
        client = self.connect(service)
        client.sendall(LINE + b"\n")
        becomes(service, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        with self.connect(service) as other:
            other.sendall(LINE + b"\n")
            becomes(service, 2)

    def test_too_many_connections_are_refused_and_counted(self, few_places, service, becomes, eventually):
        clients = [self.connect(service) for _ in range(3)]
        for client in clients:
            client.sendall(LINE + b"\n")
        becomes(service, 3)
        clients += [self.connect(service) for _ in range(2)]
        becomes(service, 2, 'windsock_sample_errors_total{reason="too_many_connections"}')
        clients.pop(0).close()
        eventually(lambda: len(service._receiver._streams) == 2)
        clients.append(self.connect(service))
        clients[-1].sendall(LINE + b"\n")
        becomes(service, 4)
        for client in clients:
            client.close()

    def test_what_has_arrived_is_taken_at_the_end(self, read, short, eventually):
        """A stop comes while lines wait in the kernel."""
        service = Service(read.configure(statsd={"listen": ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"]}))
        with service, self.connect(service) as client:
            client.sendall(LINE + b"\n")
            eventually(lambda: len(service._receiver._streams) == 1)
            client.sendall((LINE + b"\n") * 500)
            send(service, *[LINE] * 500, index=1)
        assert read.values(render([service.store], TEXT).decode())[HEARTBEAT] == 1001


class TestUnixgram:
    def test_datagrams(self, serve, short, becomes):
        service = serve(f"unixgram://{short}/statsd.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect(str(short / "statsd.sock"))
            for _ in range(100):
                client.send(LINE)
        becomes(service, 100)


class TestSocketFiles:
    @pytest.mark.parametrize("kind", ["unix", "unixgram"])
    def test_a_file_left_over_from_a_crash_is_replaced(self, kind, serve, short):
        path = short / "statsd.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "unix" else socket.SOCK_DGRAM) as dead:
            dead.bind(str(path))
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert serve(f"{kind}://{path}").addresses() == [f"{kind}://{path}"]

    @pytest.mark.parametrize("kind", ["unix", "unixgram"])
    def test_a_socket_that_somebody_listens_on_is_left_alone(self, kind, serve, short, becomes):
        first = serve(f"{kind}://{short}/statsd.sock")
        with pytest.raises(WindsockError, match="Address already in use: another program has it"):
            serve(f"{kind}://{short}/statsd.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "unix" else socket.SOCK_DGRAM) as client:
            client.connect(str(short / "statsd.sock"))
            client.sendall(LINE + b"\n")
        becomes(first, 1)

    @pytest.mark.parametrize("kind", ["unix", "unixgram"])
    def test_its_owner_and_group_may_send(self, kind, serve, short):
        serve(f"{kind}://{short}/a")
        assert stat.S_IMODE((short / "a").stat().st_mode) == 0o660

    @pytest.mark.parametrize("kind", ["unix", "unixgram"])
    def test_who_may_send_can_be_configured(self, kind, serve, short):
        group = grp.getgrgid(os.getgid()).gr_name
        serve(f"{kind}://{short}/a", statsd={"socket_mode": "0622", "socket_group": group})
        serve(f"{kind}://{short}/b", statsd={"socket_mode": "777", "socket_group": str(os.getgid())})
        assert [stat.S_IMODE((short / name).stat().st_mode) for name in "ab"] == [0o622, 0o777]
        assert {(short / name).stat().st_gid for name in "ab"} == {os.getgid()}

    def test_a_group_that_is_not_there(self, serve, short):
        with pytest.raises(WindsockError, match=r"there is no group nobodys \(exporter\.statsd\.socket_group\)"):
            serve(f"unix://{short}/a", statsd={"socket_group": "nobodys"})
        assert list(short.iterdir()) == []

    @pytest.mark.parametrize("mode", [432, "rw-rw----", "0066", "1660", ""])
    def test_modes_that_are_none(self, mode, read):
        with pytest.raises(
            ValueError, match='expected a mode in quotes that lets the owner read and write, such as "0660"'
        ):
            read.configure(statsd={"socket_mode": mode})

    @pytest.mark.parametrize("kind", ["unix", "unixgram"])
    def test_a_file_that_is_no_socket_is_left_alone(self, kind, serve, short):
        (short / "notes.txt").write_text("mine")
        with pytest.raises(WindsockError, match="can't listen on"):
            serve(f"{kind}://{short}/notes.txt")
        assert (short / "notes.txt").read_text() == "mine"

    def test_a_folder_that_is_not_there(self, serve, short):
        with pytest.raises(WindsockError, match="No such file or directory"):
            serve(f"unix://{short}/nowhere/statsd.sock")

    def test_the_file_goes_with_the_exporter(self, read, short):
        with Service(read.configure(statsd={"listen": [f"unix://{short}/a", f"unixgram://{short}/b"]})):
            assert sorted(file.name for file in short.iterdir()) == ["a", "b"]
        assert list(short.iterdir()) == []


def test_a_failure_to_start_leaves_no_socket_behind(serve, short, read):
    """The second listener can't be had: the first one's file and the web port are free again."""
    web = f"127.0.0.1:{free_port()}"
    with pytest.raises(WindsockError):
        serve(f"unix://{short}/a", "udp://192.0.2.1:1", web={"listen": web})
    assert list(short.iterdir()) == []
    assert serve(web={"listen": web}).web.address == web


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_datagrams_of_all_sizes_come_as_they_were_sent(family, host):
    sizes = (0, 1, 1023, 1024, 1025, 30, 1088, 2048, 1, 8192, 60_000, 1025, 31)
    sent = [bytes((65 + number,)) * size for number, size in enumerate(sizes)]
    with socket.socket(family, socket.SOCK_DGRAM) as inbox, socket.socket(family, socket.SOCK_DGRAM) as sender:
        inbox.bind((host, 0))
        source = Datagrams(inbox)
        for _ in range(2):  # what a longer one left behind is no part of the next
            for datagram in sent:
                sender.sendto(datagram, inbox.getsockname())
            read = []
            while batch := source.read():
                (of_one_sender,) = batch.values()
                read += of_one_sender
            assert read == sent
