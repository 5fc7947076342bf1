"""Many log files: what it costs real Filebeat to look through them, and to open them when it starts.

    python benchmarks/files.py [--files N ...] [--open N] [--json]

For each number of old files, which are looked at and not read: Filebeat's CPU while nothing happens, and the time until
the first line of a new file is found in Elasticsearch. Then `--open` new files of one line each, all there when
Filebeat starts: how many it has open at once, its memory then, and how long until every line is found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import yaml
from logs import Bench, cpu
from real.elasticsearch import Elasticsearch

LINE = '{"timestamp":"%s","level":"info","event":"line"}\n'
OLD = 60 * 86_400.0
WAIT = 20.0
LOOKS = 5


def write(logs: Path, number: int, age: float = 0.0) -> None:
    """A task's log of one line, as if it had been written `age` seconds ago."""
    place = logs / f"dag_id=d{number % 50}" / f"run_id=r{number // 1000}" / f"task_id=t{number}"
    place.mkdir(parents=True, exist_ok=True)
    now = time.time()
    (place / "attempt=1.log").write_text(LINE % time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(now)))
    if age:
        os.utime(place / "attempt=1.log", (now - age, now - age))


def old(bench: Bench, files: int) -> dict[str, object]:
    for number in range(files):
        write(bench.logs, number, OLD)
    bench.filebeat.up()
    time.sleep(WAIT)
    pid = bench.filebeat.pid
    before = cpu(pid)
    time.sleep(WAIT)
    used = (cpu(pid) - before) / WAIT
    late = []
    for number in range(LOOKS):
        begun = time.monotonic()
        write(bench.logs, files + number)
        while bench.there() <= number:
            time.sleep(0.05)
        late.append(time.monotonic() - begun)
    return {"old_files": files, "cpu_cores": round(used, 2), "new_file_found_s": round(statistics.median(late), 2)}


def opened(bench: Bench, files: int) -> dict[str, object]:
    for number in range(files):
        write(bench.logs, number)
    bench.filebeat.up()
    begun, most, memory = time.monotonic(), 0, 0
    while bench.there() < files and time.monotonic() - begun < 900:
        process = Path(f"/proc/{bench.filebeat.pid}")
        most = max(most, len(list((process / "fd").iterdir())))
        memory = max(memory, int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        time.sleep(1)
    found = {"open_at_once": most, "memory_mib": memory >> 20, "all_found_s": round(time.monotonic() - begun)}
    return {"new_files": files, "found": bench.there(), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="*", default=[20_000, 100_000, 200_000])
    parser.add_argument("--open", type=int, default=13_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    server, found = Elasticsearch(), []
    try:
        for turn, (measure, files) in enumerate([*((old, count) for count in given.files), (opened, given.open)]):
            folder = Path(tempfile.mkdtemp(prefix="windsock-files-"))
            bench = Bench(folder, server, f"files{turn}")
            try:
                found.append(measure(bench, files))
            finally:
                bench.filebeat.stop()
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        server.remove()
    print(json.dumps(found, indent=2) if given.json else yaml.safe_dump(found, sort_keys=False))


if __name__ == "__main__":
    main()
