"""What the rules cost a real Prometheus that scrapes an Airflow with many DAGs.

    python benchmarks/rules.py [--dags N] [--tasks N] [--every SECONDS] [--before FILE] [--runs N] [--oldest] [--json]

Fills a Prometheus by remote write with an hour of what the exporter exposes of so many DAGs, of each metric that some
rule reads, and asks each expression of each group as an evaluation does. Of a group it prints the seconds of processor
time that one evaluation takes, the mean of the runs, which says more than the clock on a machine that is busy.
`--before FILE` asks the rules of an older tree beside them: `git show REVISION:alerts/generated/rules.yml`.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import remote_write

import dashboards as filled
from windsock.alerts import build
from windsock.dashboards import promql
from windsock.parts import PROMETHEUS
from windsock.settings import Settings
from windsock.settings.units import parse_duration

SPAN = 65 * 60
"""Seconds of samples: what looks back further reads few series."""
EVALUATED = "15s"
"""Between two evaluations of a group that says nothing else, as docs/alerts.md has it."""
PIECE = 900
"""Seconds that are sent of all series before the next ones."""


def groups(rules: str) -> dict[str, list[str]]:
    """The expressions of each group."""
    return {group["name"]: [rule["expr"] for rule in group["rules"]] for group in yaml.safe_load(rules)["groups"]}


def fill(url: str, read: set[str], options: argparse.Namespace) -> int:
    """Send an hour of all series; returns how many they are."""
    every = list(filled.series(read, options.dags, options.tasks))
    end = filled.END
    for begin in range(end - SPAN, end + 1, PIECE):
        patterns: dict[tuple[str, int], bytes] = {}
        for first in range(0, len(every), filled.BATCH):
            body = bytearray()
            for one in every[first : first + filled.BATCH]:
                pattern = (one.kind, one.pace)
                if pattern not in patterns:
                    until = min(begin + PIECE, end + options.every)
                    patterns[pattern] = filled.samples(*pattern, begin, until, options.every)
                body += remote_write.part(1, one.labels + patterns[pattern])
            remote_write.write(url + remote_write.PATH, bytes(body))
        print(f"  {(end - begin) // 60} min to go", file=sys.stderr)
    return len(every)


def ask(url: str, expr: str) -> None:
    """What an evaluation asks. Prometheus' refusal ends the benchmark."""
    body = urllib.parse.urlencode({"query": expr, "time": filled.END, "timeout": "10m"}).encode()
    try:
        urllib.request.urlopen(f"{url}/api/v1/query", body, timeout=600).read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{expr}: {error.code} {error.read()[:300]!r}")


def timed(url: str, process: int, rules: str, runs: int) -> dict[str, dict[str, float]]:
    """Seconds of processor time of one evaluation, by group and expression."""
    found: dict[str, dict[str, float]] = {}
    for group, asked in groups(rules).items():
        found[group] = {}
        for expr in asked:
            ask(url, expr)
            before = filled.cpu(process)
            for _ in range(runs):
                ask(url, expr)
            found[group][expr] = (filled.cpu(process) - before) / runs
    return found


def intervals(rules: str) -> dict[str, float]:
    """Seconds between two evaluations of each group."""
    return {
        group["name"]: parse_duration(group.get("interval") or EVALUATED) for group in yaml.safe_load(rules)["groups"]
    }


def show(when: str, found: dict[str, dict[str, float]], every: dict[str, float]) -> None:
    took = {group: sum(one.values()) for group, one in found.items()}
    share = sum(seconds / every[group] for group, seconds in took.items())
    print(
        f"{when}: {sum(map(len, found.values()))} rules, {sum(took.values()):.3f} s if all are evaluated once;"
        f" {share * parse_duration(EVALUATED):.3f} s in each {EVALUATED}, {share:.1%} of a processor"
    )
    for group, one in sorted(found.items(), key=lambda row: -sum(row[1].values())):
        slowest = max(one, key=one.__getitem__)
        shown = " ".join(slowest.split())[:60]
        print(
            f"  {group:24} {len(one):3} rules, every {every[group]:3.0f} s: {took[group]:7.3f} s,"
            f" {one[slowest]:.3f} s of it {shown}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--every", type=int, default=60, help="seconds between two samples")
    parser.add_argument("--before", type=Path, help="rules.yml of an older tree")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--oldest", action="store_true", help=f"Prometheus {PROMETHEUS.oldest}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    texts = {"before": options.before.read_text()} if options.before else {}
    texts["now"] = build.files(Settings())[build.RULES]
    asked = {expr for text in texts.values() for one in groups(text).values() for expr in one}
    read = {name for expr in asked for name in promql.names(expr)}
    version = PROMETHEUS.oldest if options.oldest else PROMETHEUS.current
    found: dict[str, Any] = {}
    with filled.prometheus(version) as (url, process):
        series = fill(url, read, options)
        for when, text in texts.items():
            found[when] = timed(url, process, text, options.runs)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"Prometheus {version}, {options.dags} DAGs with {options.tasks} tasks, {series:,} series")
    for when, one in found.items():
        show(when, one, intervals(texts[when]))


if __name__ == "__main__":
    main()
