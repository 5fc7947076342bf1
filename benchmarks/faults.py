"""What reaches the inbox when a part of a real Airflow breaks: the alerts that are expected, when, and no others.

    python benchmarks/faults.py [--only WORD …] [--current] [--hold SECONDS] [--home FOLDER]

An Airflow of the newest version on a PostgreSQL, each of its components a process, and what `windsock up` starts
beside it: exporter, Prometheus, Alertmanager with the generated rules and routes, the inbox. Its DAGs are those of
faults_dags.py. One part after the other is broken, its message waited for, the part mended, the end waited for. What
does not touch each other is broken at once.

Prints, for each fault, the seconds from the fault to its message and from the repair to its end, how many messages it
was, and what fired meanwhile that nobody was told of; then each message that nobody expected. Exits with 1 where there
is one, or one is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from faults_bench import LATE, Bench, say

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))


if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 1500.0
"""Seconds within which a message has to come: the longest `for`, and a machine that is busy."""
QUIET = 90.0
"""Seconds after the last end in which nothing may come: a group's interval, and some."""
YESTERDAY = re.compile("AirflowFinishMissed promised")
"""Told before it is due: a DAG that is new and catches up has missed what was due yesterday."""


@dataclass
class Fault:
    """What is broken, how it is mended, and what is told of it."""

    name: str
    alert: str
    """Expected, in the first line of a message."""
    about: str
    """What that line has, too."""
    begin: Callable[[], None]
    mend: Callable[[], None]
    more: tuple[str, ...] = ()
    """Patterns of first lines that are expected as well."""
    begun: float = 0.0
    told: float = 0.0
    mended: float = 0.0
    ended: float = 0.0
    messages: int = 0
    silent: set[str] = field(default_factory=set)

    def expects(self, at: float, title: str) -> bool:
        """Whether this message is the one that has to come, or its end."""
        return self.alert in title and self.about in title and at >= self.begun

    def tells(self, at: float, title: str) -> bool:
        """Whether a message is about this."""
        return self.expects(at, title) or any(re.search(one, title) for one in self.more)


def faults(bench: Bench) -> list[list[Fault]]:
    """In the order in which they come; those of one list at once."""
    # With the words by which Airflow knows a file that may hold DAGs.
    broken = "from airflow.sdk import DAG\nimport nothing_that_is_there\n"
    return [
        [
            Fault(
                LATE,
                "AirflowFinishMissed",
                "promised",
                lambda: bench.flag("promised"),
                lambda: bench.unflag("promised"),
                more=("AirflowFinishAtRisk promised", YESTERDAY.pattern),
                begun=bench.due.timestamp(),
            ),
            Fault(
                "a DAG file breaks",
                "AirflowDagImportError",
                "",
                lambda: bench.airflow.add("broken.py", broken),
                (bench.airflow.dags / "broken.py").unlink,
            ),
            Fault(
                "a pool is full",
                "AirflowPoolStarving",
                "",
                lambda: bench.run("crowded"),
                lambda: bench.unflag("crowded"),
            ),
            Fault(
                "Airflow pauses a DAG after failures",
                "AirflowDagPausedByFailures",
                "failing",
                lambda: bench.flag("failing"),
                bench.unpause,
                more=("^failing failed", "^Over: failing", "^\\[.*failing"),
            ),
            Fault(
                "6 % of the tasks fail, and are tried again",
                "AirflowFailureRateHigh",
                "shares",
                lambda: bench.run("shares"),
                bench.pass_shares,
            ),
        ],
        [Fault("the exporter is killed", "WindsockExporterDown", "", bench.kill_exporter, bench.start_exporter)],
        [
            Fault(
                "the triggerer is killed",
                "AirflowTriggererDown",
                "",
                lambda: bench.kill("triggerer"),
                lambda: (bench.airflow.start("triggerer"), None)[-1],
            )
        ],
        [
            Fault(
                "the DAG processor is killed",
                "AirflowDagProcessorDown",
                "",
                lambda: bench.kill("dag-processor"),
                lambda: (bench.airflow.start("dag-processor"), None)[-1],
            )
        ],
        [
            Fault(
                "the scheduler stops",
                "AirflowSchedulerHeartbeatStopped",
                "",
                lambda: bench.kill("scheduler", signal.SIGTERM),
                lambda: (bench.airflow.start("scheduler"), None)[-1],
            )
        ],
        [
            Fault(
                "the database stops",
                "AirflowSchedulerHeartbeatStopped",
                "",
                bench.postgres.stop,
                bench.start_database,
            )
        ],
    ]


def is_end(title: str) -> bool:
    return title.startswith(("[RESOLVED]", "Over:"))


def run(bench: Bench, batch: list[Fault], hold: float) -> list[str]:
    """Break all of it, wait for each message, mend, wait for each end; returns what nobody expected."""
    first = len(bench.titles)
    for fault in batch:
        fault.begin()
        fault.begun = fault.begun or time.time()
        say(f"-- {fault.name}")
    begun = min(fault.begun for fault in batch)
    while any(not fault.ended for fault in batch) and time.time() < begun + PATIENCE + hold:
        for at, title in bench.look():
            for fault in batch:
                if fault.expects(at, title):
                    fault.told = fault.told or (0.0 if is_end(title) else at)
                    fault.ended = at if is_end(title) else 0.0
        for fault in batch:
            if fault.told and not fault.mended and time.time() > fault.told + hold:
                fault.mend()
                fault.mended = time.time()
                say(f"-- mended: {fault.name}")
        time.sleep(1)
    quiet = time.time() + QUIET
    while time.time() < quiet:
        bench.look()
        time.sleep(1)
    for fault in batch:
        fault.messages = sum(fault.tells(*one) and one[0] >= fault.begun for one in bench.titles[first:])
        told = " ".join(title for _, title in bench.titles[first:])
        fault.silent = {name for at, name in bench.firing if at > fault.begun and name not in told}
    return [title for at, title in bench.titles[first:] if not any(fault.tells(at, title) for fault in batch)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="faults whose name has one of these")
    parser.add_argument("--current", action="store_true", help="the newest Prometheus and Alertmanager")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds from a message to the repair")
    parser.add_argument("--home", type=Path, help="a folder that stays, for a look afterwards")
    options = parser.parse_args()
    wrong = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with contextlib.ExitStack() as cleanup:
        home = options.home or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="windsock-faults-")))
        home.mkdir(exist_ok=True)
        bench = Bench(home, options, cleanup)
        say("a minute of quiet")
        time.sleep(60)
        early = [title for _, title in bench.look() if not YESTERDAY.search(title)]
        print(
            "| fault | alert | to its message | from the repair to its end | messages | fires, and is told to nobody |"
        )
        print("|---|---|--:|--:|--:|---|")
        for batch in faults(bench):
            chosen = [fault for fault in batch if any(word in fault.name for word in options.only)]
            if not chosen:
                continue
            early += run(bench, chosen, options.hold)
            for one in chosen:
                wrong |= not one.told or not one.ended
                told = f"{one.told - one.begun:.0f} s" if one.told else "**never**"
                ended = f"{one.ended - one.mended:.0f} s" if one.ended else "**never**"
                silent = ", ".join(f"`{name}`" for name in sorted(one.silent))
                print(f"| {one.name} | `{one.alert}` | {told} | {ended} | {one.messages} | {silent} |", flush=True)
        for title in early:
            print(f"nobody expected: {title}")
        (home / "titles.json").write_text(json.dumps(bench.titles, indent=1))
    sys.exit(bool(early) or wrong)


if __name__ == "__main__":
    main()
