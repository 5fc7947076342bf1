"""What a sample of ours takes on a Prometheus' disk: hours of scrapes of a real exporter, as blocks.

    python benchmarks/disk.py [--dags N] [--hours N] [--runs N ...]

A capture of Airflow has all that a run of one DAG sends. A real exporter gets it whenever one of `dags` DAGs runs, each
of them `runs` times a day, with timers that differ; every 15 s of that time it is scraped. What it exposed becomes
blocks of two hours, as a running Prometheus writes them (`promtool tsdb create-blocks-from openmetrics`), and then
blocks of six, which it makes of them first. Prints bytes of both for a sample, and of what a real Prometheus has on
its disk of three hours that are in no block yet: its write-ahead log, and the chunks of its head. It gets each scrape
as one request of remote write, which it stores as it stores a scrape.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_load import lines_of_a_run
from sizing import DAG

from exporter import Contender, running
from windsock.exporter.statsd.send import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from real import history, programs, remote_write
from real.prometheus import Prometheus
from real.waiting import until

DAY, HOUR, EVERY = 86_400, 3600, 15
BLOCK, COMPACTED, HEAD = 2 * HOUR, "6h", 3 * HOUR
BEGIN = 1_790_000_000 // (24 * HOUR) * 24 * HOUR
TIMER = re.compile(rb":([\d.]+)\|ms")


def due(dags: int, runs: int, second: int) -> list[int]:
    """The DAGs that run in the 15 s before; each once in the first minutes, so that all series are there early."""
    pause = DAY // runs
    return [dag for dag in range(dags) if (second - dag * EVERY) % pause < EVERY]


def vary(line: bytes) -> bytes:
    """The same with a timer of its own: half to one and a half times as long."""
    return TIMER.sub(lambda found: b":%.3f|ms" % (float(found[1]) * random.uniform(0.5, 1.5)), line)


def scrapes(contender: Contender, dags: int, runs: int, hours: float) -> Iterator[tuple[int, bytes]]:
    """Each scrape, with the seconds since the beginning."""
    sender, templates, sent = Sender(socket.AF_INET, ("127.0.0.1", contender.port)), lines_of_a_run(), 0
    for second in range(EVERY, int(hours * HOUR), EVERY):
        for dag in due(dags, runs, second):
            lines = [vary(line.replace(DAG, b"dag_%05d" % dag)) for line in templates]
            sent += len(lines)
            while lines:
                lines = lines[sender.send(lines) :]
        while b"\nwindsock_lines_total %d\n" % sent not in (body := contender.scrape(packed=False)[1]):
            pass
        yield second, body
    sender.close()


def write(folder: Path, contender: Contender, dags: int, runs: int, hours: float) -> list[Path]:
    """What was exposed, with timestamps; a file for each two hours."""
    files: list[Path] = []
    for second, body in scrapes(contender, dags, runs, hours):
        number = second // BLOCK
        if number == len(files):
            files.append(folder / f"{number:03}.txt")
        stamp = b" %d\n" % (BEGIN + second)
        with files[-1].open("ab") as file:
            file.writelines(line + stamp for line in body.splitlines() if line and line[:1] != b"#")
    for path in files:
        with path.open("ab") as file:
            file.write(b"# EOF\n")
    return files


def blocks(promtool: Path, files: list[Path], place: Path, *flags: str) -> tuple[int, int, int]:
    """Samples, bytes of chunks, and bytes of the index, over all blocks that are made of these files."""
    for file in files:
        command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", *flags]
        subprocess.run([*command, file, place], check=True, stdout=subprocess.DEVNULL)
    samples = chunks = index = 0
    for meta in place.glob("*/meta.json"):
        stats = json.loads(meta.read_text())["stats"]
        samples += stats["numSamples"]
        chunks += sum(file.stat().st_size for file in (meta.parent / "chunks").iterdir())
        index += (meta.parent / "index").stat().st_size
    return samples, chunks, index


def ahead(files: list[Path]) -> tuple[int, int, int]:
    """Samples of the first three hours, and bytes of the log and of the head's chunks."""
    target = {"cluster": "prod", "instance": "exporter:9102", "job": "windsock"}
    samples, known = 0, dict[str, bytes]()
    server = Prometheus(program=str(programs.current("prometheus")))
    try:
        for stamp, lines in itertools.groupby(_lines(files), lambda line: line.rpartition(" ")[2]):
            if int(stamp) - BEGIN >= HEAD:
                break
            body = bytearray()
            for line in lines:
                series, value, _ = line.rsplit(" ", 2)
                if series not in known:
                    known[series] = remote_write.labels({**next(history.samples(f"{series} 0"))[0], **target})
                body += remote_write.part(1, known[series] + remote_write.sample(float(value), int(stamp)))
                samples += 1
            remote_write.write(f"{server.url}{remote_write.PATH}", bytes(body))
        log = size(server.folder / "data" / "wal")
        # Once a minute it writes the chunks of its head that are full.
        until(lambda: size(server.folder / "data" / "chunks_head") > samples / 10)
        head = size(server.folder / "data" / "chunks_head")
    finally:
        server.remove()
    return samples, log, head


def size(folder: Path) -> int:
    """Bytes of its files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _lines(files: list[Path]) -> Iterator[str]:
    for file in files:
        with file.open() as text:
            yield from (line.rstrip("\n") for line in text if line[:1] != "#")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=10)
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--runs", type=int, nargs="+", default=[24, 288], help="of a DAG in a day")
    options = parser.parse_args()
    promtool = programs.current("promtool")
    for runs in options.runs:
        with tempfile.TemporaryDirectory(prefix="windsock-disk-") as folder, running("windsock") as contender:
            files = write(Path(folder), contender, options.dags, runs, options.hours)
            whole = Path(folder) / "whole.txt"
            with whole.open("wb") as text:
                for file in files:
                    text.write(file.read_bytes().removesuffix(b"# EOF\n"))
                text.write(b"# EOF\n")
            for name, given, flags in (("2h", files, ()), (COMPACTED, [whole], (f"--max-block-duration={COMPACTED}",))):
                place = Path(folder) / f"blocks-{name}"
                samples, chunks, index = blocks(promtool, given, place, *flags)
                number = len(list(place.iterdir()))
                each = f"{chunks / samples:.2f} of chunks, {index / samples:.2f} of the index"
                said = f"{runs} runs a day, {number} blocks of {name}: {samples:,} samples"
                print(f"{said}, {(chunks + index) / samples:.2f} bytes each: {each}", flush=True)
            samples, log, head = ahead(files)
            each = f"{log / samples:.2f} of the log, {head / samples:.2f} of the head's chunks"
            print(f"{runs} runs a day, 3 h in no block: {samples:,} samples, {each}", flush=True)


if __name__ == "__main__":
    main()
