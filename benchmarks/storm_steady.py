"""Slack's limit in the steady state: DAGs that fail all the time, each of a cause of its own and none ever mended.

    python benchmarks/storm_steady.py [--dags 200] [--every 60] [--minutes 5] [--alertmanager PROGRAM ...]

Each DAG fails every `--every` seconds, at a moment of its own, told by sixteen processes as callbacks do. Alertmanager
has the generated routes with their waits, and Slack is the inbox with its limit of one message a second.

Printed by minute: failures that were told, messages that Slack took, messages that it refused for its rate; and at the
end the DAGs that no message has named.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import threading
import time
from typing import TYPE_CHECKING

from storm import ROOT, Alertmanager, Failing, Senders, slack

from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windsock.demo.inbox import Inbox


def failures(options: argparse.Namespace, start: float) -> list[Failing]:
    """What fails when."""
    chance = random.Random(options.seed)
    phases = {f"dag_{number:04}": chance.random() * options.every for number in range(options.dags)}
    times = [number * options.every for number in range(int(options.minutes * 60 / options.every))]
    return [
        Failing(dag_id, f"Error{dag_id.title().replace('_', '')}: no {dag_id}", start + at + phase)
        for at in times
        for dag_id, phase in phases.items()
    ]


def show(inbox: Inbox, failed: Sequence[Failing], start: float, minutes: float) -> None:
    """Print a line for each minute."""
    posts = inbox.attempts("slack")
    for minute in range(int(minutes) + 2):
        begin, end = start + minute * 60, start + minute * 60 + 60
        within = [one for one in posts if begin <= one.at < end]
        refused = sum(one.status == 429 for one in within)
        number = sum(begin <= one.at < end for one in failed)
        print(
            f"minute {minute + 1}: {number} failures, {len(within) - refused} messages, {refused} refused", flush=True
        )


def measure(options: argparse.Namespace, program: str) -> None:
    with contextlib.ExitStack() as stack:
        _, inbox, sections = slack(stack)
        server = Alertmanager(program, Settings.model_validate(sections), grouped=True)
        stack.callback(server.remove)
        sections["alertmanager"]["urls"] = [server.url]
        senders = Senders(sections, hosts=1)
        stack.callback(senders.close)
        start = time.time() + 1
        failed = failures(options, start)
        thread = threading.Thread(target=senders.tell, args=(failed,), daemon=True)
        thread.start()
        time.sleep(max(0.0, start + options.minutes * 60 + 120 - time.time()))
        show(inbox, failed, start, options.minutes)
        said = "\n".join(message.text for message in inbox.messages("slack"))
        unnamed = {one.dag_id for one in failed if one.dag_id not in said}
        print(f"{len(unnamed)} of {options.dags} DAGs are named in no message: a message names twenty")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found = [
        shutil.which("prometheus-alertmanager"),
        *map(str, sorted(ROOT.glob(".windsock/alertmanager-*/alertmanager"))),
    ]
    parser.add_argument("--dags", type=int, default=200)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between a DAG's failures")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--alertmanager", nargs="+", default=[one for one in found if one], help="paths of programs")
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args()
    for program in options.alertmanager:
        print(program)
        measure(options, program)


if __name__ == "__main__":
    main()
