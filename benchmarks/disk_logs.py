"""What a line of a task's log takes on Elasticsearch's disk.

    python benchmarks/disk_logs.py [--copies N] [--logs FOLDER]

The log files of a real Airflow 3.3.2 (those of the tests, or a folder of one's own with `dag_id=` in it) are written
as often as the same DAGs would have run again in half a day: with other times and ids. A real Filebeat ships them to a
real Elasticsearch with the templates of `windsock logs install`. Prints bytes of the files and of the index for a line,
as it was written and after a force-merge to one segment, which is what the lifecycle does with an index of yesterday.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from real.elasticsearch import Elasticsearch, Filebeat
from real.server import free_port
from real.waiting import until

from windsock.airflow.versions import NEWEST

ROOT = Path(__file__).resolve().parent.parent
INDEX = "bench"
APART = timedelta(minutes=15)
REMEMBERED = 12
"""Seconds: Elasticsearch says for ten how large an index was (index.store.stats_refresh_interval)."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=[.+Z])")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def copy(logs: Path, texts: dict[str, str], number: int) -> int:
    """Write the files as those of a later time; returns how many lines they have."""
    known: dict[str, str] = {}

    def later(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + number * APART).isoformat()

    def other(found: re.Match[str]) -> str:
        return known.setdefault(found[0], str(uuid.uuid4()))

    for name, text in texts.items():
        path = logs / MOMENT.sub(later, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(UUID.sub(other, MOMENT.sub(later, text)))
    return sum(text.count("\n") for text in texts.values())


def real(folder: Path | None, place: Path) -> dict[str, str]:
    """The texts of the files, by their names."""
    if folder is None:
        with tarfile.open(ROOT / f"tests/data/logs/airflow-{NEWEST}.tar.gz") as packed:
            packed.extractall(place, filter="data")
        folder = place
    files = [path for path in folder.rglob("*") if path.is_file() and "task_id=" in str(path)]
    return {str(path.relative_to(folder)): path.read_text(errors="replace") for path in files}


def size(server: Elasticsearch) -> tuple[int, int]:
    """Bytes of the index, without copies, and how many segments it has."""
    server.ask("POST", f"{INDEX}-*/_flush?wait_if_ongoing=true")
    time.sleep(REMEMBERED)
    found = server.ask("GET", f"{INDEX}-*/_stats/store,segments")["_all"]["primaries"]
    return int(found["store"]["size_in_bytes"]), int(found["segments"]["count"])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=15)
    parser.add_argument("--logs", type=Path)
    options = parser.parse_args()
    # All of it ends with this process, also by kill.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-disk-")))
        texts = real(options.logs, folder / "real")
        logs = folder / "logs"
        lines = sum(copy(logs, texts, number) for number in range(options.copies))
        written = sum(path.stat().st_size for path in logs.rglob("*") if path.is_file())
        server = Elasticsearch()
        stack.callback(server.remove)
        settings = {
            "folder": str(logs),
            "index": INDEX,
            "replicas": 0,
            "lifecycle": False,  # this build of Elasticsearch has none
            "stats": f"127.0.0.1:{free_port()}",
            "elasticsearch": {"urls": [server.url]},
        }
        (folder / "windsock.yaml").write_text(yaml.safe_dump({"logs": settings}))
        for command in (["install"], ["build", "--filebeat-version", "7.17", "--out", str(folder / "built")]):
            given = [sys.executable, "-m", "windsock", "logs", *command, "--config", str(folder / "windsock.yaml")]
            subprocess.run(given, check=True, stdout=subprocess.DEVNULL)
        filebeat = Filebeat(folder / "built", (folder / "built" / "filebeat.yml").read_text())
        stack.callback(filebeat.stop)
        filebeat.up()
        until(lambda: server.count(f"{INDEX}-*") >= lines, 1800)
        shipped = size(server)
        server.ask("POST", f"{INDEX}-*/_forcemerge?max_num_segments=1")
        merged = size(server)
    print(f"{lines:,} lines in {len(texts) * options.copies:,} files: {written / lines:.0f} bytes each")
    for name, (number, segments) in (("shipped", shipped), ("merged", merged)):
        print(f"in the index as {name}: {number / lines:.0f} bytes each, segments: {segments}")


if __name__ == "__main__":
    main()
