"""What the dashboards cost a real Prometheus that holds a day of an Airflow with many DAGs.

    python benchmarks/dashboards.py [--boards NAME ...] [--before FOLDER] [--dags N] [--tasks N] [--every SECONDS] ...

Fills a Prometheus by remote write with what the exporter exposes of so many DAGs, of each sample that some query reads,
and times every query over 1 h and 24 h, in the step that Grafana chooses. The boards of a DAG and of a task have no
"All": they are asked for one, and what they alone read of other DAGs has few samples. `--before FOLDER` times the
dashboards of an older tree beside them: `git show REVISION:dashboards/generated/overview.json`. Of each query the least
of the runs counts; seconds of processor time say more than those of the clock on a machine that is busy.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import programs, remote_write

from windsock import catalog
from windsock.airflow.versions import NEWEST
from windsock.dashboards import asking, build, promql, targets
from windsock.parts import PROMETHEUS
from windsock.settings.root import Prometheus

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

DAY, HOUR = 86400, 3600
END = 1_790_000_000 // 21600 * 21600
BLOCK = 45 * 60
"""Seconds that are sent of all series before the next ones: Prometheus takes nothing an hour older than the newest."""
BATCH = 2000
QUERY_BAR = 0.150
"""Seconds: what takes longer is shown."""
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
    "airflow_dag_tries_finished_total": ("success", "failed", "up_for_retry"),
    "airflow_db_dag_runs": ("queued", "running"),
    "airflow_db_dag_runs_finished_total": ("success", "failed"),
    "airflow_db_dag_run_duration_seconds": ("success", "failed"),
    "airflow_db_task_instance_duration_seconds": ("success", "failed"),
    "airflow_db_deadlines": ("pending", "missed"),
}
TICK = os.sysconf("SC_CLK_TCK")
ONE = {"dag_id": "dag_0001", "task_id": "task_01"}
"""What is chosen where a link leads from the overview to a DAG or a task."""
RARELY = 10
"""One task of so many has ever failed."""
RARE = re.compile("fail|kill|missed|previously|heartbeats")
"""Names of metrics that only such tasks have."""
RARE_DAGS = re.compile("_stale$|paused_with_schedule|task_removed|task_restored|expected_late|:found$")
"""Names of metrics that only a DAG has with which it is so: one of as many."""
OTHER_EXECUTORS = tuple(f"airflow_{name}" for name in ("edge_", "celery_", "kubernetes_", "batch_", "ecs_", "lambda_"))
"""What an Airflow with the LocalExecutor does not send."""
UNTOLD = "airflow_db_dag_tries_finished_total"
"""What is exposed only of an Airflow that does not say how tries end: 3.0 to 3.1.7."""


@dataclass(frozen=True)
class Series:
    """One series: its labels, and which of the patterns its samples follow."""

    labels: bytes
    kind: str
    pace: int
    sparse: bool = False
    """A sample in each `BLOCK`: in the index as all others are, and read by nobody."""


@dataclass
class Row:
    """What one query takes; seconds by the range."""

    panel: str
    ref: str
    expr: str
    first_screen: bool = False
    series: int = 0
    wall: dict[int, float] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)


def samples(kind: str, pace: int, begin: int, end: int, every: int) -> bytes:
    """Protobuf of what one pattern is in this time. A counter grows by `pace` every five minutes."""
    out = bytearray()
    for at in range(begin, end, every):
        passed = at - (END - DAY)
        value = pace * (passed // 300) if kind == "counter" else 1 + passed // every * pace % 7
        out += remote_write.part(2, b"\x09" + struct.pack("<d", value) + b"\x10" + remote_write.varint(at * 1000))
    return bytes(out)


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
    if RARE_DAGS.search(metric):
        ids = ids[::RARELY]
    if "task_id" in labels:
        ids = [one | {"task_id": f"task_{n:02}"} for one in ids for n in range(tasks)]
    if "operator_name" in labels:
        ids = [one | {"operator_name": f"Operator{n % 5}"} for n, one in enumerate(ids)]
    for number, one in enumerate(ids):
        for chosen in itertools.product(*choices):
            rare = set(chosen) & {"failed", "up_for_retry"} or RARE.search(metric)
            if rare and number % RARELY and "task_id" in labels:
                continue
            yield one | dict(zip(free, chosen, strict=True))


def series(read: set[str], dags: int, tasks: int, of_one: Container[str] = ()) -> Iterator[Series]:
    """The series of all metrics that are read, as Prometheus has them after a scrape; `of_one` are read of one DAG."""
    common = {"cluster": "prod", "instance": "exporter:9102", "job": "windsock"}
    yield Series(remote_write.labels({"__name__": "up", **common}), "gauge", 0)
    for number in range(5):
        firing = {"alertname": f"Alert{number}", "alertstate": "firing", "severity": "warning", "cluster": "prod"}
        yield Series(remote_write.labels({"__name__": "ALERTS", **firing}), "gauge", 0)
    for family, metric in catalog.by_family().items():
        used = {name for name in read if name == family or name.removeprefix(family) in ("_bucket", "_sum", "_count")}
        if not used or not metric.emitted_by(NEWEST) or family.startswith((*OTHER_EXECUTORS, UNTOLD)):
            continue
        for number, labels in enumerate(combinations(family, metric.labels, dags, tasks)):
            pace = 1 + number % 3
            other = labels.get("dag_id", ONE["dag_id"]) != ONE["dag_id"]
            if metric.kind != "histogram":
                sparse = other and family in of_one
                yield Series(remote_write.labels({"__name__": family, **common, **labels}), metric.kind, pace, sparse)
                continue
            for index, bound in enumerate((*metric.buckets, "+Inf") if f"{family}_bucket" in used else ()):
                le = {"__name__": f"{family}_bucket", "le": str(bound)}
                sparse = other and f"{family}_bucket" in of_one
                yield Series(remote_write.labels({**common, **labels, **le}), "counter", pace * index, sparse)
            for name in sorted(used & {f"{family}_sum", f"{family}_count"}):
                sparse = other and name in of_one
                whole = {"__name__": name, **common, **labels}
                yield Series(remote_write.labels(whole), "counter", pace * len(metric.buckets), sparse)
    yield from recorded(read, common, dags)


def recorded(read: set[str], common: dict[str, str], dags: int) -> Iterator[Series]:
    """What recording rules made of it: the first part of such a name has the labels."""
    known = ["cluster", "instance", "dag_id", "task_id", "state", "team", "queue", "le", "alertname", "pool_name"]
    for name in sorted(one for one in read if ":" in one):
        level = name.partition(":")[0]
        kept = tuple(label for label in known if f"_{label}_" in f"_{level}_")
        free = tuple(label for label in kept if label not in common and label != "le")
        bounds = [str(n) for n in range(15)] + ["+Inf"] if "le" in kept else [""]
        for number, labels in enumerate(combinations(name, free, dags, 20)):
            base = {key: value for key, value in common.items() if key in kept}
            for index, bound in enumerate(bounds):
                le = {"le": bound} if bound else {}
                yield Series(
                    remote_write.labels({"__name__": name, **base, **labels, **le}), "counter", (1 + number % 3) * index
                )


def fill(url: str, read: set[str], of_one: set[str], options: argparse.Namespace) -> tuple[int, int]:
    """Send a day of all series; returns how many series and samples."""
    every = list(series(read, options.dags, options.tasks, of_one))
    sent = 0
    for begin in range(END - DAY, END + 1, BLOCK):
        end = min(begin + BLOCK, END + options.every)
        patterns: dict[tuple[str, int, bool], bytes] = {}
        for first in range(0, len(every), BATCH):
            body = bytearray()
            for one in every[first : first + BATCH]:
                pattern = (one.kind, one.pace, one.sparse)
                step = BLOCK if one.sparse else options.every
                if pattern not in patterns:
                    patterns[pattern] = samples(one.kind, one.pace, begin, end, step)
                body += remote_write.part(1, one.labels + patterns[pattern])
                sent += len(range(begin, end, step))
            try:
                remote_write.write(url + remote_write.PATH, bytes(body))
            except remote_write.RefusedError as error:
                sys.exit(str(error))
        print(f"  {(begin - END + DAY) // HOUR:2} h, {sent:,} samples", file=sys.stderr)
    return len(every), sent


@contextlib.contextmanager
def prometheus(version: str) -> Iterator[tuple[str, int]]:
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
            yield url, process.pid
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)


def cpu(process: int) -> float:
    """Seconds of processor time that a process has had, however busy the machine is."""
    used = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / TICK


def timed(url: str, process: int, board: dict[str, Any], chosen: dict[str, str], runs: int, every: int) -> list[Row]:
    """What each query of a board takes at least, by its place."""
    server = asking.Server(Prometheus(urls=(url,)), every)
    rows: dict[tuple[str, str], Row] = {}
    tops = {panel["title"]: panel.get("gridPos", {}).get("y", 0) for panel in targets.panels(board)}
    for window, _ in itertools.product((HOUR, DAY), range(runs)):
        before = cpu(process)
        for answer in server.answers(board, window, END, chosen):
            used, before = cpu(process) - before, cpu(process)
            if answer.problem:
                print(f"{board['title']}: {answer.target}: {answer.problem}", file=sys.stderr)
            target = answer.target
            row = rows.setdefault((target.place, target.ref), Row(target.place, target.ref, target.expr))
            row.first_screen = tops.get(target.place, SCREEN) < SCREEN
            row.series = answer.series
            row.wall[window] = min(answer.seconds, row.wall.get(window, answer.seconds))
            row.cpu[window] = min(used, row.cpu.get(window, used))
    return list(rows.values())


def show(name: str, rows: list[Row]) -> None:
    """One line for the dashboard, and one for each query that is over the bar; seconds of processor / of the clock."""
    sums = [
        f"{'1 h' if window == HOUR else '24 h'} {sum(row.cpu[window] for row in rows):.2f} / "
        f"{sum(row.wall[window] for row in rows):.2f} s"
        for window in (HOUR, DAY)
    ]
    screen = sum(row.cpu[DAY] for row in rows if row.first_screen)
    print(f"{name}: {len(rows)} queries, {', '.join(sums)}, first screen 24 h {screen:.2f} s")
    for row in sorted(rows, key=lambda row: -row.cpu[DAY]):
        if max(row.cpu.values()) > QUERY_BAR:
            figures = " ".join(f"{row.cpu[window] * 1000:6.0f}" for window in (HOUR, DAY))
            print(f"  {figures} ms  {row.series:6} series  {row.panel} {row.ref}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--every", type=int, default=60, help="seconds between two samples")
    parser.add_argument("--before", type=Path, help="a folder with the JSON of an older tree")
    parser.add_argument("--boards", nargs="+", metavar="NAME", help="only these: overview teams")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--oldest", action="store_true", help=f"Prometheus {PROMETHEUS.oldest}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # A query that Grafana would give up has its time all the same.
    asking.TIMEOUT = 600.0
    texts = {"before": read_folder(options.before)} if options.before else {}
    built = build.files()
    texts["now"] = {f"{name}.json": built[f"{name}.json"] for name in options.boards} if options.boards else built
    boards = {
        f"{when}: {json.loads(t)['title']}": json.loads(t) for when, found in texts.items() for t in found.values()
    }
    single = {name for name, board in boards.items() if _opens_on_one(board)}
    everywhere = names(board for name, board in boards.items() if name not in single)
    of_one = names(boards[name] for name in single) - everywhere
    with prometheus(PROMETHEUS.oldest if options.oldest else PROMETHEUS.current) as (url, process):
        begun = time.monotonic()
        count, sent = fill(url, everywhere | of_one, of_one, options)
        print(
            f"{count:,} series, {sent:,} samples, every {options.every} s; filled in {time.monotonic() - begun:.0f} s"
        )
        found = {}
        for name, board in boards.items():
            variables = targets.values(board)
            one = {key: value for key, value in ONE.items() if key in variables}
            for chosen in (one,) if name in single else ({}, one):
                title = f"{name}{', one DAG' if chosen else ''}"
                found[title] = timed(url, process, board, chosen, options.runs, options.every)
                show(title, found[title])
    if options.json:
        print(json.dumps({name: [asdict(row) for row in rows] for name, rows in found.items()}, indent=2))


def _opens_on_one(board: dict[str, Any]) -> bool:
    return any(target.variable == "dag_id" and target.opens_on_first for target in targets.targets(board))


def names(boards: Iterable[dict[str, Any]]) -> set[str]:
    """The names that some query of the boards reads."""
    return {
        name
        for board in boards
        for target in targets.targets(board)
        for name in promql.names(targets.filled(target, targets.values(board), HOUR))
    }


def read_folder(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.json"))}


if __name__ == "__main__":
    main()
