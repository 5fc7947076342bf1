"""What the plugin costs a real Airflow: its import, and the scheduler's loop with and without it.

    python benchmarks/plugin.py [--airflow VERSION] [--minutes N]

Runs the DAGs of zoo_dags.py on PostgreSQL, in an environment without windsock and in one with it, both at once so that
what else the machine does is the same to both, and prints the loops that Airflow itself reports
(`scheduler.scheduler_loop_duration`), and how many lines the listeners sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from windsock.airflow.versions import NEWEST

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real import environments  # noqa: E402  the servers that tests run
from real.airflow import Airflow  # noqa: E402
from real.databases import Postgres  # noqa: E402

IMPORT = """
import time, airflow.plugins_manager
begun = time.perf_counter()
import windsock.exporter.plugin.entry
print("took", (time.perf_counter() - begun) * 1000)
"""
LOOP = b"scheduler.scheduler_loop_duration"


def bare(version: str) -> Path:
    """The tests' environment without windsock."""
    source = environments.airflow(version)
    place = source.with_name(f"{source.name}-bare")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, symlinks=True)
    # The programs of a copy start the original's Python.
    for script in (place / "bin").iterdir():
        if script.is_file() and not script.is_symlink() and script.read_bytes().startswith(b"#!"):
            script.write_bytes(script.read_bytes().replace(str(source).encode(), str(place).encode()))
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "pip", "uninstall", "--quiet", "--python", f"{place}/bin/python", "windsock"], check=True)
    return place


def loops(version: str, minutes: float, place: Path | None) -> tuple[list[float], int]:
    """Milliseconds of each loop, and how many lines the listeners sent."""
    found: list[float] = []
    sent = [0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.5)
        over = threading.Event()

        def receive() -> None:
            while not over.is_set():
                try:
                    line = sock.recv(65536)
                except TimeoutError:
                    continue
                if LOOP in line:
                    found.append(float(line.partition(b":")[2].partition(b"|")[0]))
                sent[0] += b"windsock.listener" in line

        thread = threading.Thread(target=receive)
        thread.start()
        server = Postgres()
        metrics = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(sock.getsockname()[1])}
        dags = {"zoo.py": (ROOT / "benchmarks" / "zoo_dags.py").read_text()}
        variables = {f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()}
        airflow = Airflow(version, dags, variables, server.create("airflow"), place)
        try:
            airflow.start()
            airflow.wait_for_dags("slow")
            found.clear()
            time.sleep(minutes * 60)
            measured = list(found)
        finally:
            airflow.remove()
            server.remove()
            over.set()
            thread.join()
    return measured, sent[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow", metavar="VERSION", default=NEWEST, choices=environments.VERSIONS)
    parser.add_argument("--minutes", type=float, default=3)
    options = parser.parse_args()
    python = environments.airflow(options.airflow) / "bin" / "python"
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    took = []
    for _ in range(11):
        out = subprocess.run([python, "-c", IMPORT], check=True, capture_output=True, text=True, env=environ, cwd="/")
        took.append(float(out.stdout.rpartition("took")[2]))
    print(f"Airflow {options.airflow}; load {os.getloadavg()[0]:.1f}")
    print(f"import beyond Airflow's plugin base: median {statistics.median(took):.1f} ms, least {min(took):.1f} ms\n")
    print("scheduler loop      loops   median      p95     mean   lines of listeners")
    places = {"without": bare(options.airflow), "with": None}
    with ThreadPoolExecutor(len(places)) as pool:
        runs = {name: pool.submit(loops, options.airflow, options.minutes, place) for name, place in places.items()}
        for name, run in runs.items():
            times, sent = run.result()
            p95 = sorted(times)[int(0.95 * len(times))]
            shown = f"{statistics.median(times):6.1f}ms {p95:6.1f}ms {statistics.fmean(times):6.1f}ms"
            print(f"{name:18} {len(times):6} {shown} {sent:8}", flush=True)


if __name__ == "__main__":
    main()
