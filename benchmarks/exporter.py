"""The exporter beside a real statsd_exporter: CPU a datagram, loss, scrapes and memory, one after the other in one run.

    python benchmarks/exporter.py [--datagrams N] [--rate N] [--series N] [--new-rates N …] [--runs N] [--json]

A capture of Airflow is replayed over UDP, one datagram at a time; then each is given as many new series as fast, and
counts what arrived after them; then each is scraped, idle and while datagrams arrive. Nothing passes or fails here:
ratios are printed, to be read on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import multiprocessing
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import programs

from windsock.airflow.versions import NEWEST
from windsock.exceptions import StackError
from windsock.exporter.statsd.send import BATCH, Sender
from windsock.parts import STATSD_EXPORTER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT / "tests" / "data" / "captures" / f"airflow-{NEWEST}-influxdb.txt.gz"
READ_BUFFER = 32 << 20
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
TICK = os.sysconf("SC_CLK_TCK")
SCRAPES = 10
HEARTBEAT = {"windsock": "airflow_scheduler_heartbeat_total", "statsd_exporter": "airflow_scheduler_heartbeat"}
# What Prometheus asks with.
PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}


@dataclass
class Contender:
    """One of the two, in a process group of its own."""

    name: str
    port: int
    web: int
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def socket(self) -> tuple[int, int]:
        """Bytes that wait in the kernel's buffer, and datagrams that it dropped."""
        for row in Path("/proc/net/udp").read_text().splitlines()[1:]:
            fields = row.split()
            if int(fields[1].rpartition(":")[2], 16) == self.port:
                return int(fields[4].rpartition(":")[2], 16), int(fields[12])
        raise LookupError(f"no UDP socket on port {self.port}")

    def settle(self) -> None:
        """Wait until all that arrived is worked off."""
        while self.socket()[0]:
            time.sleep(0.05)
        before, after = -1.0, self.cpu()
        while after - before > 0.05:
            time.sleep(0.5)
            before, after = after, self.cpu()

    def scrape(self, *, packed: bool = True) -> tuple[float, bytes]:
        """Seconds until the whole answer was there, and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=60)
        started = time.perf_counter()
        connection.request(
            "GET", "/metrics", headers={**PROMETHEUS, "Accept-Encoding": "gzip" if packed else "identity"}
        )
        body = connection.getresponse().read()
        seconds = time.perf_counter() - started
        connection.close()
        return seconds, gzip.decompress(body) if packed else body

    def counter(self, name: str) -> int:
        """The sum of one of its own counters."""
        rows = (line.rsplit(" ", 1) for line in self.scrape()[1].decode().splitlines() if line.startswith(name))
        return int(sum(float(value) for key, value in rows if key.partition("{")[0] == name))

    def lost(self, sent: int) -> dict[str, int]:
        """Of `sent` datagrams, how many it did not take in, and where they went."""
        lines = {"windsock": "windsock_lines_total", "statsd_exporter": "statsd_exporter_lines_total"}[self.name]
        kernel = self.socket()[1]
        queue = self.counter("statsd_exporter_udp_packet_drops_total") if self.name == "statsd_exporter" else 0
        # That it says the same as the kernel is part of the bar.
        told = {"told": self.counter("windsock_kernel_drops_total")} if self.name == "windsock" else {}
        return {"lost": sent - self.counter(lines), "kernel": kernel, "queue": queue, **told}


@contextlib.contextmanager
def running(name: str) -> Iterator[Contender]:
    """Start one of the two on free ports, and end it."""
    port, web = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    statsd, metrics, size = f"127.0.0.1:{port}", f"127.0.0.1:{web}", READ_BUFFER
    commands = {
        "windsock": f"{sys.executable} -m windsock exporter"
        f" --statsd-listen=udp://{statsd} --web-listen={metrics} --read-buffer={size}",
        "statsd_exporter": f"{peer()} --statsd.listen-udp={statsd} --statsd.listen-tcp="
        f" --web.listen-address={metrics} --statsd.read-buffer={size}",
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WINDSOCK")}
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            commands[name].split(), stdout=log, stderr=log, start_new_session=True, cwd=folder, env=clean
        )
        try:
            contender = Contender(name, port, web, process)
            await_start(contender)
            yield contender
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def await_start(contender: Contender) -> None:
    """Return when it answers; ends the program where it does not."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            contender.scrape()
            return
        if contender.process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"{contender.name} did not start")


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def send(port: int, lines: Sequence[bytes], count: int, rate: float) -> float:
    """Send `count` datagrams, over and over the lines, evenly at `rate` a second; returns the rate that it came to."""
    sender = Sender(socket.AF_INET, ("127.0.0.1", port))
    around = [*lines, *lines[:BATCH]]
    sent, started = 0, time.perf_counter()
    while sent < count:
        due = min(int((time.perf_counter() - started) * rate), count) - sent
        if due < min(64, count - sent):
            time.sleep(0.0003)
            continue
        start = sent % len(lines)
        sent += sender.send(around[start : start + min(due, BATCH, len(lines))])
    sender.close()
    return count / (time.perf_counter() - started)


def ingest(contender: Contender, lines: Sequence[bytes], count: int, rate: float) -> dict[str, Any]:
    """Replay the capture, and say what it cost."""
    with multiprocessing.get_context("spawn").Pool(1) as sender:
        before = contender.cpu()
        reached = sender.apply(send, (contender.port, lines, count, rate))
        contender.settle()
        used = contender.cpu() - before
    lost = contender.lost(count)
    return {"cpu_us": used / (count - lost["lost"]) * 1e6, "rate": reached, **lost}


def new_series(contender: Contender, series: int, rate: float) -> dict[str, Any]:
    """Send datagrams of which each is a new series, then others, and say what became of all."""
    many = [b"airflow.ti.start,dag_id=dag_%d,task_id=task_%d:1|c" % divmod(index, 100) for index in range(series)]
    later = 1000
    with multiprocessing.get_context("spawn").Pool(1) as sender:
        before = contender.cpu()
        reached = sender.apply(send, (contender.port, many, series, rate))
        sender.apply(send, (contender.port, [b"airflow.scheduler_heartbeat:1|c"], later, 1000))
        contender.settle()
        used = contender.cpu() - before
    lost = contender.lost(series + later)
    body = contender.scrape()[1]
    return {
        "cpu_us": used / (series + later - lost["lost"]) * 1e6,
        "rate": reached,
        "series": body.count(b"\nairflow_ti_start") - body.count(b"\nairflow_ti_start_created"),
        "later_lost": later - contender.counter(HEARTBEAT[contender.name]),
        "memory": contender.memory(),
        **lost,
    }


def scrapes(contender: Contender, lines: Sequence[bytes], series: int, rate: float) -> dict[str, Any]:
    """Give it `series` series; scrape it idle, with and without gzip, and while the capture arrives."""
    many = [b"airflow.ti.start,dag_id=dag_%d,task_id=task_%d:1|c" % divmod(index, 100) for index in range(series)]
    with multiprocessing.get_context("spawn").Pool(1) as sender:
        sender.apply(send, (contender.port, many, series, 20_000))
        contender.settle()
        contender.scrape()
        body = contender.scrape()[1]
        result: dict[str, Any] = {"series": body.count(b"\nairflow_ti_start")}
        for name, packed in (("gzip", True), ("plain", False)):
            before = contender.cpu()
            times = [contender.scrape(packed=packed)[0] for _ in range(SCRAPES)]
            result |= {f"{name}_s": statistics.median(times), f"{name}_cpu_s": (contender.cpu() - before) / SCRAPES}
        result["memory"] = contender.memory()

        before_lost, count = contender.lost(series), int(rate * 5)
        sending = sender.apply_async(send, (contender.port, lines, count, rate))
        busy = []
        while not sending.ready():
            busy.append(contender.scrape()[0])
            time.sleep(0.5)
        contender.settle()
        result["busy_s"] = statistics.median(busy)
        result["busy_lost"] = contender.lost(series + count)["lost"] - before_lost["lost"]
    return result


@contextlib.contextmanager
def large_buffers() -> Iterator[None]:
    """Let the kernel grant what both ask for, where that is allowed, and leave it as it was."""
    before = RMEM_MAX.read_text()
    try:
        if int(before) < READ_BUFFER:
            RMEM_MAX.write_text(str(READ_BUFFER))
    except OSError:
        print(
            f"net.core.rmem_max is {before.strip()}: statsd_exporter gets no more (run this as root)", file=sys.stderr
        )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            RMEM_MAX.write_text(before)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpus": os.cpu_count(),
        "cpu": models[0].partition(": ")[2] if models else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "peer": f"statsd_exporter {STATSD_EXPORTER.current}",
        "load": os.getloadavg()[0],
    }


def peer() -> Path:
    """The program to compare with, built where it is not there yet."""
    try:
        return programs.find("statsd_exporter", STATSD_EXPORTER.current)
    except StackError as error:
        sys.exit(str(error))


def row(label: str, ours: float, peer: float | None, form: str = ",.0f", bar: str = "") -> str:
    ratio = f"{ours / peer:.3f}" if peer else ""
    return f"  {label:34}{ours:>14{form}}{format(peer, form) if peer is not None else '':>18}{ratio:>12}  {bar}"


def report(found: dict[str, Any], options: argparse.Namespace) -> None:
    ours, peer = found["ingest"]["windsock"], found["ingest"]["statsd_exporter"]
    print(
        f"\n{options.datagrams:,} datagrams at {options.rate:,.0f}/s, one at a time; load before: {found['load']:.2f}"
    )
    print(f"  {'':34}{'windsock':>14}{'statsd_exporter':>18}{'ratio':>12}  bar")
    print(row("CPU µs a datagram", ours["cpu_us"], peer["cpu_us"], ".2f", "≤ 0.3"))
    print(row("sent a second", ours["rate"], peer["rate"]))
    print(row("lost", ours["lost"], peer["lost"], bar="0, every kernel drop counted"))
    print(row("  dropped by the kernel", ours["kernel"], peer["kernel"]))
    print(row("  as it says itself", ours["told"], None, bar="as the kernel says"))
    print(row("  dropped by its own queue", ours["queue"], peer["queue"]))
    for rate in options.new_rates:
        ours, peer = found[f"new at {rate:.0f}"]["windsock"], found[f"new at {rate:.0f}"]["statsd_exporter"]
        print(f"{options.series:,} new series at {rate:,.0f}/s (kept: {ours['series']:,}; theirs: {peer['series']:,})")
        print(row("CPU µs a datagram", ours["cpu_us"], peer["cpu_us"], ".2f", "≤ 1.5"))
        print(row("sent a second", ours["rate"], peer["rate"]))
        print(row("lost", ours["lost"], peer["lost"], bar="0"))
        print(row("  dropped by the kernel", ours["kernel"], peer["kernel"]))
        print(row("  of the 1,000 that came after them", ours["later_lost"], peer["later_lost"], bar="0"))
    ours, peer = found["scrape"]["windsock"], found["scrape"]["statsd_exporter"]
    print(f"scrape of {ours['series']:,} series (theirs: {peer['series']:,})")
    print(row("seconds, gzip", ours["gzip_s"], peer["gzip_s"], ".3f", "≤ 0.1"))
    print(row("CPU seconds, gzip", ours["gzip_cpu_s"], peer["gzip_cpu_s"], ".3f"))
    print(row("seconds, plain", ours["plain_s"], peer["plain_s"], ".3f"))
    print(row("CPU seconds, plain", ours["plain_cpu_s"], peer["plain_cpu_s"], ".3f"))
    print(row("seconds, gzip, while lines arrive", ours["busy_s"], peer["busy_s"], ".3f"))
    print(row("  lost meanwhile", ours["busy_lost"], peer["busy_lost"], bar="0"))
    print(row("resident MiB", ours["memory"] / 2**20, peer["memory"] / 2**20, ".0f", "≤ 1"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datagrams", type=int, default=2_000_000)
    parser.add_argument("--rate", type=float, default=250_000, help="datagrams a second")
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--new-rates", type=float, nargs="*", default=[50_000, 100_000], help="of new series, a second")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()

    peer()
    lines = gzip.decompress(CAPTURE.read_bytes()).splitlines()
    about, runs = machine(), []
    if not options.json:
        print(" · ".join(f"{key} {value}" for key, value in about.items()))
    with large_buffers():
        for _ in range(options.runs):
            found: dict[str, Any] = defaultdict(dict, load=os.getloadavg()[0])
            for name in ("windsock", "statsd_exporter"):
                with running(name) as contender:
                    found["ingest"][name] = ingest(contender, lines, options.datagrams, options.rate)
                for rate in options.new_rates:
                    with running(name) as contender:
                        found[f"new at {rate:.0f}"][name] = new_series(contender, options.series, rate)
                with running(name) as contender:
                    found["scrape"][name] = scrapes(contender, lines, options.series, options.rate / 5)
            runs.append(found)
            if not options.json:
                report(found, options)
    if options.json:
        print(json.dumps({"machine": about, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
