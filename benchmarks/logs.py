"""Logs through real Filebeat and Elasticsearch: latency and CPU at a steady rate, and what kills do to many lines.

    python benchmarks/logs.py [--rate N] [--seconds N] [--lines N] [--kills N] [--full SECONDS] [--json]

First, `rate` lines a second for `seconds`: the time from writing a line to finding it, and the CPU that it takes. Then
`lines` lines as fast as Filebeat takes them, into files of tasks and a component's file that is rotated, while Filebeat
and Elasticsearch are each killed with -9 `kills` times and (as root, which mounts a small file system for that)
Elasticsearch's disk is full for a while. Every line is then looked for. Filebeat is built at the first start: minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from real.elasticsearch import Elasticsearch, Filebeat
from real.server import free_port

TASKS = 200
DISK = "3g"
TICKS = os.sysconf("SC_CLK_TCK")


class OnSmallDisk(Elasticsearch):
    """Its data is on a file system of its own, which can be filled; where root starts it."""

    mounted = False

    @property
    def data(self) -> Path:
        return self.folder / "state" / "data"

    def up(self) -> None:
        if os.geteuid() == 0 and not self.mounted:
            options = f"size={DISK},mode=777"
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.data], check=False)
            self.mounted = done.returncode == 0
        super().up()


class Bench:
    """One server, one Filebeat, and the files."""

    def __init__(self, folder: Path, server: Elasticsearch, index: str) -> None:
        self.server, self.index, self.logs = server, index, folder / "logs"
        self.logs.mkdir(parents=True)
        self.component = folder / "scheduler.log"
        settings = {
            "folder": str(self.logs),
            "index": index,
            "replicas": 0,
            "lifecycle": False,
            "stats": f"127.0.0.1:{free_port()}",
            "elasticsearch": {"urls": [server.url]},
            "components": {"files": {"scheduler": f"{self.component}*"}},
        }
        (folder / "windsock.yaml").write_text(yaml.safe_dump({"logs": settings}))
        for command in (["install"], ["build", "--filebeat-version", "7.17", "--out", str(folder / "built")]):
            given = [sys.executable, "-m", "windsock", "logs", *command, "--config", str(folder / "windsock.yaml")]
            subprocess.run(given, check=True, stdout=subprocess.DEVNULL)
        self.filebeat = Filebeat(folder / "built", (folder / "built" / "filebeat.yml").read_text())
        self.files: dict[str, TextIO] = {}
        self.written = 0

    def write(self, count: int) -> None:
        """Append `count` lines, some to each of many files; each says when it was written and which it is."""
        for _ in range(count):
            number = self.written
            stamp = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
            if len(stamp) < 25:
                stamp = stamp.replace("Z", ".000000Z")
            line = json.dumps(
                {"timestamp": stamp, "level": "info", "event": f"line {number}", "n": number, "logger": "bench"}
            )
            task = number % (TASKS + 1)
            name = "scheduler" if task == TASKS else f"t{task}"
            file = self.files.get(name)
            if file is None:
                path = self.component
                if name != "scheduler":
                    path = self.logs / f"dag_id=bench/run_id=manual/task_id={name}/attempt=1.log"
                    path.parent.mkdir(parents=True, exist_ok=True)
                file = self.files[name] = path.open("a")
            file.write(line + "\n")
            self.written += 1
        for file in self.files.values():
            file.flush()

    def rotate(self) -> None:
        """The component's file gets another name, as logrotate does it."""
        file = self.files.pop("scheduler", None)
        if file is not None:
            file.close()
            for number in range(8, 0, -1):
                old = Path(f"{self.component}.{number}")
                if old.exists():
                    old.rename(f"{self.component}.{number + 1}")
            self.component.rename(f"{self.component}.1")

    def there(self) -> int:
        found = self.server.ask("GET", f"{self.index}-*/_count")
        return int(found.get("count", 0))


def cpu(pid: int) -> float:
    """Seconds of a process and the children that it has waited for."""
    text = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, text[11:15])) / TICKS


def steady(bench: Bench, rate: int, seconds: float) -> dict[str, object]:
    bench.filebeat.up()
    bench.write(TASKS + 1)
    while bench.there() < TASKS + 1:
        time.sleep(0.2)
    first, moments, seen = bench.written, {}, []
    pids = {"filebeat": bench.filebeat.pid, "elasticsearch": java(bench.server.pid)}
    before = {name: cpu(pid) for name, pid in pids.items()}
    stop = threading.Event()

    def look() -> None:
        # The document count is a lower bound of the line number: lines of other files may be there before this one.
        while not stop.is_set():
            seen.append((bench.there(), time.time()))
            time.sleep(0.05)

    looker = threading.Thread(target=look)
    looker.start()
    begun = time.time()
    step = max(1, rate // 20)
    while time.time() - begun < seconds:
        moments[bench.written + step] = time.time()
        bench.write(step)
        ahead = (bench.written - first) / rate - (time.time() - begun)
        time.sleep(max(0.0, ahead))
    took = time.time() - begun
    while bench.there() < bench.written:
        time.sleep(0.05)
    time.sleep(0.3)
    stop.set()
    looker.join()
    used = {name: round((cpu(pid) - before[name]) / took, 3) for name, pid in pids.items()}
    late = sorted(next(when for count, when in seen if count >= number) - moment for number, moment in moments.items())
    return {
        "lines_per_second": round((bench.written - first) / took),
        "latency_p50_s": round(statistics.median(late), 2),
        "latency_p99_s": round(late[int(len(late) * 0.99)], 2),
        "latency_max_s": round(late[-1], 2),
        "cpu_cores": used,
    }


def killed(bench: Bench, lines: int, kills: int, full: float) -> dict[str, object]:
    told, begun, first = [], time.time(), bench.written
    done = threading.Event()

    def write() -> None:
        turn = 0
        while bench.written - first < lines:
            # Not endlessly ahead of what arrives: the point is what happens in between.
            if bench.written - bench.there() < 150_000:
                bench.write(2000)
                turn += 1
                if turn % 40 == 0:
                    bench.rotate()
            else:
                time.sleep(0.2)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    rest = lines / (2 * kills + 2)

    def reached(share: float) -> None:
        while bench.written - first < rest * share and not done.is_set():
            time.sleep(0.1)

    for turn in range(kills):
        reached(2 * turn + 1)
        bench.filebeat.kill()
        bench.filebeat.up()
        told.append("filebeat")
        reached(2 * turn + 2)
        bench.server.kill()
        time.sleep(random.random() * 3)
        bench.server.up()
        told.append("elasticsearch")
    if full:
        fill(bench.server.folder / "state" / "data", full)
        end = time.monotonic() + 120
        while bench.server.ask("GET", "_cluster/health").get("status") not in {"yellow", "green"}:
            if time.monotonic() > end:
                break
            # What failed five times is tried again on demand only.
            bench.server.ask("POST", "_cluster/reroute?retry_failed=true")
            time.sleep(1)
        told.append(f"disk full for {full:g} s")
    writer.join()
    end = time.monotonic() + 600
    last, since = -1, time.monotonic()
    while bench.there() < bench.written and time.monotonic() < end and time.monotonic() - since < 90:
        count = bench.there()
        if count != last:
            last, since = count, time.monotonic()
        time.sleep(1)
    time.sleep(3)
    numbers = [hit["_source"]["extra"]["n"] for hit in bench.server.documents(f"{bench.index}-*")]
    return {
        "killed": told,
        "lines": bench.written,
        "lost": bench.written - len(set(numbers)),
        "doubled": len(numbers) - len(set(numbers)),
        "seconds": round(time.time() - begun),
    }


def fill(place: Path, seconds: float) -> None:
    filler = place / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        except OSError:
            pass
    time.sleep(seconds)
    filler.unlink()


def java(pid: int) -> int:
    """The server is a child of its launcher, of whichever of its threads."""
    found = [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]
    return int(found[0]) if found else pid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--full", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="windsock-logs-"))
    server, bench = OnSmallDisk(), None
    try:
        bench = Bench(folder, server, "bench")
        found: dict[str, object] = {"steady": steady(bench, given.rate, given.seconds)}
        if given.lines:
            full = given.full if server.mounted else 0
            found["kills"] = killed(bench, given.lines, given.kills, full)
        print(json.dumps(found, indent=2) if given.json else yaml.safe_dump(found, sort_keys=False))
    finally:
        if bench is not None:
            bench.filebeat.stop()
        server.stop(9)
        if server.mounted:
            subprocess.run(["umount", "-l", server.data], check=False)
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
