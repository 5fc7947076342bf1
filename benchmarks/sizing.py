"""What one DAG and one task cost the exporter: series, bytes of a scrape, memory, CPU; for docs/sizing.md.

    python benchmarks/sizing.py [--dags N ...] [--rate N] [--seconds N]

A capture of Airflow has all that one DAG sends; a real exporter gets it under as many names as there are to be DAGs,
and is scraped. Then the capture is replayed to it. Memory and sizes are the same on a busy machine, CPU nearly so.
"""

from __future__ import annotations

import argparse
import gzip
import re

from exporter import CAPTURE, SCRAPES, Contender, ingest, running, send

DAG = b"orders_etl"
"""Of the capture: mapped and plain tasks, all of which succeed."""


def dag_lines(lines: list[bytes]) -> list[bytes]:
    """One line for each set of a name and tags that this DAG sends."""
    tags = re.compile(rb"[,:]dag_id=" + DAG + rb"[,:]")
    return list({line.partition(b":")[0]: line for line in lines if tags.search(line)}.values())


def series(body: bytes) -> int:
    """Lines of the exposition that are samples."""
    return sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))


def feed(contender: Contender, templates: list[bytes], dags: int, rate: float) -> None:
    """Send the lines of `dags` DAGs; the first scrape, which shows each as 0, is behind it afterwards."""
    lines = [line.replace(DAG, b"dag_%05d" % number) for number in range(dags) for line in templates]
    send(contender.port, lines, len(lines), rate)
    contender.settle()
    contender.scrape()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dags", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    lines = gzip.decompress(CAPTURE.read_bytes()).splitlines()
    templates = dag_lines(lines)
    tasks = {match[1] for line in templates if (match := re.search(rb"task_id=([^,:]+)", line))}
    own = [line for line in lines if b"dag_id=" in line]
    tries = sum(line.startswith(b"airflow.ti.finish,") for line in lines)
    print(f"A DAG of {len(tasks)} tasks has {len(templates)} names with tags.")
    print(f"A try of a task is {len(own) / tries:.1f} datagrams with a DAG's name, of its run's too ({tries} tries).")
    print(f"{'DAGs':>8}{'samples':>12}{'of a DAG':>10}{'scrape MB':>11}{'memory MiB':>12}{'scrape CPU s':>14}")
    empty = 0
    for dags in (0, *options.dags):
        with running("windsock") as contender:
            feed(contender, templates, dags, options.rate)
            before = contender.cpu()
            for _ in range(SCRAPES):
                body = contender.scrape()[1]
            cpu, count = (contender.cpu() - before) / SCRAPES, series(body)
            each = (count - empty) / dags if dags else 0.0
            empty = empty if dags else count
            size, memory = len(body) / 1e6, contender.memory() / 2**20
            print(f"{dags:>8}{count:>12,}{each:>10.1f}{size:>11.2f}{memory:>12.0f}{cpu:>14.3f}", flush=True)
    with running("windsock") as contender:
        found = ingest(contender, lines, int(options.rate * options.seconds), options.rate)
    print(f"A datagram at {options.rate:,.0f} a second: {found}")


if __name__ == "__main__":
    main()
