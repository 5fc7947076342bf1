"""What an hour of task processes costs the exporter, beside an OpenTelemetry collector.

    python benchmarks/otlp.py [--processes N] [--senders N] [--only NAME] [--json]

Each process exports once, as those of the captured Airflow 3.3.2 did, with an id of its own and the times of now. The
collector 0.165 is built from the Go module proxy, once; it receives plain (one series a process), and with the chain
that adds them up: what `windsock otel build` writes. Both expose by `prometheus`. Prints CPU and memory, series at
the end, and what is wrong with the number of finished tasks.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from windsock.airflow.versions import NEWEST
from windsock.exporter.otlp.collector import configuration
from windsock.settings.exporter import Otlp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.server import free_port  # noqa: E402  as the tests find one

CAPTURE = ROOT / "tests" / "data" / "captures" / f"airflow-{NEWEST}-otlp.jsonl.gz"
VERSION = "0.165.0"
CORE, CONTRIB = "go.opentelemetry.io/collector", "github.com/open-telemetry/opentelemetry-collector-contrib"
PARTS = {
    "receivers": [f"{CORE}/receiver/otlpreceiver"],
    "processors": [
        f"{CONTRIB}/processor/{name}processor"
        for name in ("cumulativetodelta", "deltatocumulative", "metricstransform", "resource")
    ],
    "exporters": [f"{CONTRIB}/exporter/prometheusexporter"],
}
Facts = Counter[tuple[str, str, str]]
FINISHED = re.compile(r"airflow_ti_finish(?:_total)?\{([^}]*)\} (\S+)")


def collector() -> Path:
    home = ROOT / ".windsock" / f"otelcol-{VERSION}"
    program = home / "otelcol"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        parts = {kind: [{"gomod": f"{name} v{VERSION}"} for name in names] for kind, names in PARTS.items()}
        dist = {"name": "otelcol", "output_path": str(home / "source"), "version": VERSION}
        (home / "builder.json").write_text(json.dumps({"dist": dist, **parts}))
        environ = {**os.environ, "GOBIN": str(home), "GOFLAGS": "-mod=mod"}
        subprocess.run(["go", "install", f"{CORE}/cmd/builder@v{VERSION}"], env=environ, check=True, cwd=home)
        subprocess.run([home / "builder", "--config", home / "builder.json"], env=environ, check=True, cwd=home)
        (home / "source" / "otelcol").rename(program)
    return program


class Shape:
    """The export of one task's process, as bytes in which its id and its times are exchanged."""

    def __init__(self, body: bytes) -> None:
        request = ExportMetricsServiceRequest.FromString(body)
        part = request.resource_metrics[0]
        self.body = body
        self.id = next(one.value.string_value for one in part.resource.attributes if one.key == "service.instance.id")
        times: set[int] = set()
        self.finished: Facts = Counter()
        for scope in part.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    times |= {point.start_time_unix_nano, point.time_unix_nano} - {0}
                    if metric.name == "airflow.ti.finish":
                        tags = {one.key: one.value.string_value for one in point.attributes}
                        self.finished[tags["dag_id"], tags["task_id"], tags["state"]] += point.as_int
        self.times = sorted(times)

    def export(self) -> bytes:
        later = time.time_ns() - self.times[-1]
        body = self.body.replace(self.id.encode(), str(uuid.uuid4()).encode())
        for moment in self.times:
            body = body.replace(struct.pack("<Q", moment), struct.pack("<Q", moment + later))
        return body


def shapes() -> list[Shape]:
    lines = gzip.decompress(CAPTURE.read_bytes()).splitlines()
    found = [Shape(base64.b64decode(json.loads(line)["body"])) for line in lines]
    often = Counter(shape.id for shape in found)
    return [shape for shape in found if often[shape.id] == 1 and shape.finished]


def send(port: int, number: int, some: list[Shape], sent: list[Facts], failed: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    facts: Facts = Counter()
    headers = {"Content-Type": "application/x-protobuf"}
    for index in range(number):
        shape = some[index % len(some)]
        body = shape.export()
        for _ in range(100):
            connection.request("POST", "/v1/metrics", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 429:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        if answer.status == 200:
            facts += shape.finished
        else:
            failed.append(answer.status)
    sent.append(facts)


def scrape(port: int) -> tuple[int, Facts]:
    """The series, a histogram as one, and what is said of finished tasks."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=300) as answer:
        text = answer.read().decode()
    facts: Facts = Counter()
    for labels, value in FINISHED.findall(text):
        tags = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if "dag_id" in tags:
            facts[tags["dag_id"], tags["task_id"], tags["state"]] += int(float(value))
    lines = [line for line in text.splitlines() if line.startswith(("airflow_", "legacy_"))]
    return sum(not re.match(r"\w+_(bucket|sum)[{ ]", line) for line in lines), facts


def used(pid: int) -> tuple[float, float]:
    """CPU seconds, and MB that are resident."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def commands(folder: Path, name: str, otlp: int, web: int) -> list[str]:
    if name == "windsock":
        config = folder / "windsock.yaml"
        places = f"otlp: {{listen: '127.0.0.1:{otlp}'}}, web: {{listen: '127.0.0.1:{web}'}}"
        config.write_text(f"exporter: {{{places}, statsd: {{listen: []}}}}\n")
        return [str(Path(sys.executable).parent / "windsock"), "exporter", "--config", str(config)]
    made = configuration(Otlp(), "127.0.0.1", f"127.0.0.1:{web}")
    made["receivers"]["otlp"]["protocols"] = {"http": {"endpoint": f"127.0.0.1:{otlp}"}}
    made["service"]["telemetry"] = {"metrics": {"level": "none"}}
    if name == "plain":
        made["processors"], made["service"]["pipelines"]["metrics"]["processors"] = {}, []
    config = folder / f"{name}.json"
    config.write_text(json.dumps(made))
    return [str(collector()), "--config", str(config)]


def measure(name: str, processes: int, senders: int) -> dict[str, Any]:
    otlp, web = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="windsock-otlp-") as folder:
        command = commands(Path(folder), name, otlp, web)
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{web}/metrics", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            time.sleep(12)  # the shapes' processes began up to ten seconds before their export
            before, idle = used(process.pid)
            sent: list[Facts] = []
            failed: list[int] = []
            some, started = shapes(), time.monotonic()
            threads = [
                threading.Thread(target=send, args=(otlp, processes // senders, some, sent, failed))
                for _ in range(senders)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.monotonic() - started
            time.sleep(2)
            after, resident = used(process.pid)
            try:
                series, counted = scrape(web)
            except (OSError, http.client.HTTPException):
                series, counted = -1, Counter()  # too much for its own patience
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
    expected = sum(sent, Counter())
    return {
        "name": name,
        "exports": processes // senders * senders - len(failed),
        "failed": len(failed),
        "exports a second": round(processes / seconds),
        "CPU an export, ms": round((after - before) / processes * 1000, 3),
        "series": series,
        "idle MB": round(idle),
        "MB": round(resident),
        "finished": sum(expected.values()),
        "counted": sum(counted.values()),
        "facts wrong": sum(counted[fact] != expected[fact] for fact in expected | counted),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1_000_000)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--only", choices=("windsock", "chain", "plain"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = [options.only] if options.only else ["windsock", "chain", "plain"]
    for name in names:
        found = measure(name, options.processes, options.senders)
        text = ", ".join(f"{key}: {value}" for key, value in found.items())
        print(json.dumps(found) if options.json else text, flush=True)


if __name__ == "__main__":
    main()
