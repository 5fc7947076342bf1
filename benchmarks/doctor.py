"""Faults of a real installation, one after the other, and what the doctor says of each.

    python benchmarks/doctor.py [--airflow VERSION] [--only WORD …] [--markdown]

A scheduler of Airflow runs on a PostgreSQL, its metrics go to an exporter, which a Prometheus with windsock's rules
scrapes; it tells an Alertmanager with windsock's routes; an Elasticsearch comes for the faults of logs. Each fault of
doctor_faults.py is planted, and the doctor asked until what is expected is the worst that it finds, or as bad as it.
Prints a line for each fault, with the seconds until it was named and what was said beside it; with --markdown the rows
of the table in docs/doctor.md. Exits with 1 where one was not named, or where something is wrong with what is in good
health: that is looked at in the beginning and in the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import doctor_servers  # noqa: E402, F401  it adds to FAULTS
from doctor_faults import FAULTS  # noqa: E402  they use the servers that tests run
from doctor_stack import Stack  # noqa: E402

from windsock.airflow.versions import NEWEST  # noqa: E402
from windsock.doctor.finding import worst  # noqa: E402

PATIENCE = 240.0
"""Seconds until a fault must have been named."""
HEALTHY = "nothing is wrong"


def until_named(stack: Stack, check: str, sections: dict[str, object]) -> tuple[float | None, dict[str, str]]:
    """The seconds until `check` was among the worst findings, or nothing was wrong where it is empty; the findings."""
    begun = time.monotonic()
    while True:
        found = [one for one in stack.look(**sections) if one.grade in {"warning", "critical"}]
        bad = {one.check: one.sentences for one in found}
        took = time.monotonic() - begun
        if check in {one.check for one in found if one.grade == worst(found)} or (
            not check and not found and stack.heard()
        ):
            return took, bad
        if took > PATIENCE:
            return None, bad
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--airflow", default=NEWEST)
    parser.add_argument("--only", nargs="*", metavar="WORD", help="faults whose words have one of these")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    chosen = [
        one
        for one in FAULTS
        if given.airflow[0] in one.majors and (not given.only or any(word in one.words for word in given.only))
    ]
    missed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # it ends its servers then

    def say(words: str, check: str, seconds: float | None, found: dict[str, str]) -> None:
        nonlocal missed
        missed += seconds is None
        beside = ", ".join(sorted(found.keys() - {check})) or "nothing"
        took = "NOT NAMED" if seconds is None else f"{seconds:5.1f} s"
        if given.markdown:
            print(f"| {words} | {f'`{check}`' if check else '-'} | {took.strip()} |", flush=True)
        else:
            print(f"{words:60} {check:25} {took}, beside it {beside}", flush=True)
        if seconds is None:
            print(f"  {found}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(given.airflow, Path(folder))
        try:
            stack.schedule()
            say(HEALTHY, "", *until_named(stack, "", {}))
            for fault in chosen:
                for sections in fault.plant(stack):
                    say(fault.words, fault.check, *until_named(stack, fault.check, sections))
            say(HEALTHY, "", *until_named(stack, "", {}))
        finally:
            stack.close()
    print(f"Airflow {given.airflow}: {len(chosen)} faults, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
