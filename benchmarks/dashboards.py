"""What the dashboards cost a real Prometheus that holds a day of an Airflow with many DAGs.

    python benchmarks/dashboards.py [--dags N] [--tasks N] [--every SECONDS] [--before FOLDER] [--runs N] [--json]

Fills a Prometheus by remote write with what the exporter exposes of so many DAGs, of each metric that some query reads,
and times every query over 1 h and 24 h, in the step that Grafana chooses. `--before FOLDER` times the dashboards of an
older tree beside them: `git show REVISION:dashboards/generated/overview.json`. Times are the least of the runs.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import programs

from windsock import catalog
from windsock.dashboards import asking, build, promql, targets
from windsock.parts import PROMETHEUS
from windsock.settings.model import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY, HOUR = 86400, 3600
END = 1_790_000_000 // 21600 * 21600
BLOCK = 45 * 60
"""Seconds that are sent of all series before the next ones: Prometheus takes nothing an hour older than the newest."""
BATCH = 2000
QUERY_BAR, BOARD_BAR, SCREEN_BAR = 0.150, 1.5, 0.300
"""Seconds: a query, a dashboard, and the first screen of the overview, over a day."""
SCREEN = 24
"""Rows of Grafana's grid that a laptop shows without scrolling."""

VALUES: dict[str, tuple[str, ...]] = {
    "state": ("success", "failed", "running"),
    "queue": ("default",),
    "pool_name": tuple(f"pool_{n}" for n in range(10)),
    "file_path": tuple(f"/dags/file_{n:03}.py" for n in range(250)),
    "hostname": ("host-1", "host-2"),
    "job_type": ("SchedulerJob", "DagProcessorJob", "TriggererJob"),
    "job_name": ("SchedulerJob", "LocalTaskJob"),
    "table": tuple(f"table_{n}" for n in range(15)),
    "asset": tuple(f"asset_{n:03}" for n in range(100)),
    "run_type": ("scheduled",),
}
"""By label; another one has one value. A DAG's owner, team and so on are said by the DAG, a file's name by its path."""
STATES = {
    "airflow_ti_finish_total": ("success", "failed", "up_for_retry"),
    "airflow_db_dag_runs": ("queued", "running"),
    "airflow_db_deadlines": ("pending", "missed"),
}
RARELY = 10
"""One task of so many has ever failed."""


@dataclass(frozen=True)
class Series:
    """One series: its labels, and which of the patterns its samples follow."""

    labels: bytes
    kind: str
    pace: int


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def encoded(labels: dict[str, str]) -> bytes:
    return b"".join(
        field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in sorted(labels.items())
    )


def samples(kind: str, pace: int, begin: int, end: int, every: int) -> bytes:
    """Protobuf of what one pattern is in this time. A counter grows by `pace` every five minutes."""
    out = bytearray()
    for at in range(begin, end, every):
        passed = at - (END - DAY)
        value = pace * (passed // 300) if kind == "counter" else 1 + passed // every * pace % 7
        out += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at * 1000))
    return bytes(out)


def names() -> dict[str, catalog.Metric]:
    return dict(catalog.by_family())


def combinations(metric: str, labels: tuple[str, ...], dags: int, tasks: int) -> Iterator[dict[str, str]]:
    """Each set of values that the labels of one metric take."""
    of_dag = {"owner", "team", "severity", "tags"}
    free = [label for label in labels if label not in {"dag_id", "task_id", "operator_name", *of_dag}]
    if {"file_path", "file_name"} <= set(free):
        free.remove("file_name")
    choices = [VALUES.get(label, (label,)) for label in free]
    if "state" in free and metric in STATES:
        choices[free.index("state")] = STATES[metric]
    ids: list[dict[str, str]] = [{}]
    if "dag_id" in labels:
        ids = [{"dag_id": f"dag_{n:04}"} for n in range(dags)]
        for number, one in enumerate(ids):
            one |= {label: f"{label}-{number % 8}" for label in of_dag & set(labels)}
    if "task_id" in labels:
        ids = [one | {"task_id": f"task_{n:02}"} for one in ids for n in range(tasks)]
    if "operator_name" in labels:
        ids = [one | {"operator_name": f"Operator{n % 5}"} for n, one in enumerate(ids)]
    for number, one in enumerate(ids):
        for chosen in itertools.product(*choices):
            if chosen and set(chosen) & {"failed", "up_for_retry"} and number % RARELY and "task_id" in labels:
                continue
            yield one | dict(zip(free, chosen, strict=True))


def series(read: set[str], dags: int, tasks: int) -> Iterator[Series]:
    """The series of all metrics that are read, as Prometheus has them after a scrape."""
    common = {"cluster": "prod", "instance": "exporter:9102", "job": "windsock"}
    yield Series(encoded({"__name__": "up", **common}), "gauge", 0)
    for number in range(5):
        firing = {"alertname": f"Alert{number}", "alertstate": "firing", "severity": "warning", "cluster": "prod"}
        yield Series(encoded({"__name__": "ALERTS", **firing}), "gauge", 0)
    for family, metric in names().items():
        used = {name for name in read if name == family or name.removeprefix(family) in ("_bucket", "_sum", "_count")}
        if not used:
            continue
        for number, labels in enumerate(combinations(family, metric.labels, dags, tasks)):
            pace = 1 + number % 3
            if metric.kind != "histogram":
                yield Series(encoded({"__name__": family, **common, **labels}), metric.kind, pace)
                continue
            for index, bound in enumerate((*metric.buckets, "+Inf")):
                le = {"__name__": f"{family}_bucket", "le": str(bound)}
                yield Series(encoded({**common, **labels, **le}), "counter", pace * index)
            for suffix in ("_sum", "_count"):
                name = {"__name__": family + suffix}
                yield Series(encoded({**common, **labels, **name}), "counter", pace * len(metric.buckets))
    yield from recorded(read, common, dags)


def recorded(read: set[str], common: dict[str, str], dags: int) -> Iterator[Series]:
    """What recording rules made of it: the first part of such a name has the labels."""
    known = ["cluster", "instance", "dag_id", "task_id", "state", "team", "le", "alertname", "pool_name"]
    for name in sorted(one for one in read if ":" in one):
        level = name.partition(":")[0]
        kept = tuple(label for label in known if f"_{label}_" in f"_{level}_")
        free = tuple(label for label in kept if label not in common and label != "le")
        bounds = [str(n) for n in range(15)] + ["+Inf"] if "le" in kept else [""]
        for number, labels in enumerate(combinations(name, free, dags, 20)):
            base = {key: value for key, value in common.items() if key in kept}
            for index, bound in enumerate(bounds):
                le = {"le": bound} if bound else {}
                yield Series(encoded({"__name__": name, **base, **labels, **le}), "counter", (1 + number % 3) * index)


def fill(url: str, read: set[str], options: argparse.Namespace) -> tuple[int, int]:
    """Send a day of all series; returns how many series and samples."""
    every = list(series(read, options.dags, options.tasks))
    sent = 0
    for begin in range(END - DAY, END + 1, BLOCK):
        end = min(begin + BLOCK, END + options.every)
        patterns: dict[tuple[str, int], bytes] = {}
        for first in range(0, len(every), BATCH):
            body = bytearray()
            for one in every[first : first + BATCH]:
                pattern = (one.kind, one.pace)
                if pattern not in patterns:
                    patterns[pattern] = samples(*pattern, begin, end, options.every)
                body += field(1, one.labels + patterns[pattern])
            write(url, bytes(body))
            sent += min(BATCH, len(every) - first) * len(range(begin, end, options.every))
        print(f"  {(begin - END + DAY) // HOUR:2} h, {sent:,} samples", file=sys.stderr)
    return len(every), sent


def write(url: str, body: bytes) -> None:
    # Snappy of one literal: nothing is compressed.
    packed = varint(len(body)) + b"\xfc" + struct.pack("<I", len(body) - 1) + body
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/write", packed, headers), timeout=300).read()
    except urllib.error.HTTPError as error:
        sys.exit(f"remote write: {error.code} {error.read()[:300]!r}")


@contextlib.contextmanager
def prometheus(version: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="windsock-") as name:
        folder = Path(name)
        (folder / "prometheus.yml").write_text("global: {}\n")
        command = [
            str(programs.find("prometheus", version)),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/-/ready", timeout=5).read()
                    break
                time.sleep(0.1)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)


def timed(url: str, board: dict[str, Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    """The least time of each query of a board, in seconds."""
    server = asking.Server(Prometheus(urls=(url,)))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    tops = {panel["title"]: panel.get("gridPos", {}).get("y", 0) for panel in targets.panels(board)}
    for window, _ in itertools.product((HOUR, DAY), range(options.runs)):
        for answer in server.answers(board, window, END):
            if answer.problem:
                sys.exit(f"{board['title']}: {answer.target}: {answer.problem}\n{answer.expr}")
            key = (answer.target.place, answer.target.ref)
            row = rows.setdefault(key, {"panel": key[0], "ref": key[1], "expr": answer.target.expr})
            row["first screen"] = tops.get(key[0], SCREEN) < SCREEN
            row[window] = min(answer.seconds, row.get(window, answer.seconds))
            row["series"] = answer.series
    return list(rows.values())


def show(name: str, rows: list[dict[str, Any]]) -> None:
    hour, day = (sum(row[window] for row in rows) for window in (HOUR, DAY))
    screen = sum(row[DAY] for row in rows if row["first screen"])
    over = " OVER" if day > BOARD_BAR else ""
    print(f"\n{name}: {len(rows)} queries, 1 h {hour:.2f} s, 24 h {day:.2f} s{over}, first screen {screen:.2f} s")
    for row in sorted(rows, key=lambda row: -row[DAY]):
        if row[DAY] > QUERY_BAR or row[HOUR] > QUERY_BAR:
            hour, day = (round(row[window] * 1000) for window in (HOUR, DAY))
            print(f"  {hour:7} {day:7} ms {row['series']:6} series  {row['panel']} {row['ref']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--every", type=int, default=60, help="seconds between two samples")
    parser.add_argument("--before", type=Path, help="a folder with the JSON of an older tree")
    parser.add_argument("--boards", type=Path, help="a folder with JSON, in place of what is built")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--oldest", action="store_true", help=f"Prometheus {PROMETHEUS.oldest}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # $__rate_interval is made of the interval of the scrapes.
    targets.SCRAPE = options.every
    texts = {"before": read_folder(options.before)} if options.before else {}
    texts["now"] = read_folder(options.boards) if options.boards else build.files()
    boards = {
        f"{when}: {json.loads(t)['title']}": json.loads(t) for when, found in texts.items() for t in found.values()
    }
    read = {
        name
        for board in boards.values()
        for target in targets.targets(board)
        for name in promql.names(targets.filled(target, targets.values(board), HOUR))
    }
    with prometheus(PROMETHEUS.oldest if options.oldest else PROMETHEUS.current) as url:
        begun = time.monotonic()
        count, sent = fill(url, read, options)
        print(
            f"{count:,} series, {sent:,} samples, every {options.every} s; filled in {time.monotonic() - begun:.0f} s"
        )
        found = {name: timed(url, board, options) for name, board in boards.items()}
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, rows in found.items():
        show(name, rows)


def read_folder(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.json"))}


if __name__ == "__main__":
    main()
