"""One cause, many DAGs: how many messages Slack gets, and when the one that names the cause is there.

    python benchmarks/storm.py [--dags 12 60 500 5000] [--alertmanager PROGRAM ...] [--later SECONDS] [--killed SHARE]
                               [--hosts N] [--peers 3]

DAGs of one team fail of one cause within `--within` seconds, three others of three causes meanwhile. Sixteen
processes tell of them as callbacks do, on so many `--hosts`, each with a folder of its own; with `--killed`, that share
of the DAGs is told by the reconciler alone, which finds them in a PostgreSQL. Alertmanager has the generated routes,
and Slack is the inbox with its limit of one message a second. Beside each, in the same run: the same failures and the
same Alertmanager without the routes for storms, as it was before there were any. `--later` seconds after all was told
one more DAG fails of the same cause. `--peers`: so many Alertmanagers know each other, and the last of them is away.

Printed: messages; messages that Slack refused for its rate; seconds from the fifth failure to the first message that
names the cause of a storm; seconds from its failure until the last of the three is told by name; seconds from the last
failure until all callbacks were done, which is long where sixteen processes stand in for thousands of pods, and until
everything is told; failures that were not told within `--patience`; whether the later one is a message of its own;
milliseconds that a callback took (median). Exits with 1 where a bar of 60 DAGs is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from storm_told import GROUP, LATER, read

from windsock.airflow.versions import NEWEST
from windsock.alertmanager import Alertmanager as Client
from windsock.alerts import build
from windsock.callbacks.delivery import alertmanager, deliver
from windsock.demo.inbox import Inbox
from windsock.events import TASK_FAILED, Event, rfc3339
from windsock.settings import Settings
from windsock.teams import UNKNOWN

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.server import Server, free_port  # noqa: E402  the servers that tests run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROCESSES = 16
REFUSED = 'OperationalError: connection to server at "10.0.{}.{}", port 5432 failed: Connection refused'
OTHERS = {
    "customers": "KeyError: 'price'",
    "invoices": "FileNotFoundError: no file /data/2026/11/28.csv",
    "weather": "HTTPError: 503 Server Error: Service Unavailable for url: https://api.example.org/v1/weather",
}
_BAR = 60


@dataclass
class Failing:
    """One failure: when it happens (Unix time), and when its callback was done."""

    dag_id: str
    exception: str
    at: float


class Alertmanager(Server):
    """`program` with the generated routes; `grouped`: with those for storms. `peers` are ports, its own the first."""

    def __init__(self, program: str, settings: Settings, peers: Sequence[int] = (), *, grouped: bool) -> None:
        super().__init__("")
        self.url = f"http://127.0.0.1:{self.port}"
        for name, text in build.files(settings).items():
            content = text
            if name == build.ALERTMANAGER:
                config = yaml.safe_load(text)
                if not grouped:
                    _ungroup(config["route"])
                for slack in (one for receiver in config["receivers"] for one in receiver.get("slack_configs", ())):
                    slack["footer"] += GROUP
                content = yaml.safe_dump(config)
            (self.folder / name).write_text(content)
        address = f"--web.listen-address=127.0.0.1:{self.port}"
        own, *others = [f"127.0.0.1:{port}" for port in peers] or [""]
        cluster = [f"--cluster.listen-address={own}", *(f"--cluster.peer={other}" for other in others)]
        self.start(program, address, "--config.file=alertmanager.yml", "--storage.path=data", *cluster)

    def knows(self) -> int:
        """Peers that are there, with itself."""
        with urllib.request.urlopen(f"{self.url}/api/v2/status", timeout=5) as answer:
            return len(json.load(answer)["cluster"]["peers"])


def several(stack: contextlib.ExitStack, program: str, settings: Settings, count: int, *, grouped: bool) -> list[str]:
    """So many Alertmanagers that know each other, of which the last one is away; returns the URLs of all."""
    ports = [free_port() for _ in range(count)] if count > 1 else []
    servers = []
    for number in range(count):
        servers.append(Alertmanager(program, settings, ports[number:] + ports[:number], grouped=grouped))
        stack.callback(servers[-1].remove)
    if count > 1:
        _wait(servers, count)
        servers[-1].stop()
        _wait(servers[:-1], count - 1)
    return [server.url for server in servers]


def _wait(servers: Sequence[Alertmanager], count: int) -> None:
    while any(server.knows() != count for server in servers):
        time.sleep(0.2)


def _ungroup(route: dict[str, Any]) -> None:
    route["routes"] = [one for one in route.get("routes", ()) if "storm" not in one.get("group_by", ())]
    for one in route["routes"]:
        _ungroup(one)


def sender(sections: dict[str, Any], ready: Any, schedule: Any, done: Any) -> None:
    """A worker's process: tells of each failure when it happens."""
    ready.put(1)
    spool = Path(sections["callbacks"]["spool"]["dir"])
    while (work := schedule.get()) is not None:
        one, host = work
        settings = Settings.model_validate({**sections, "callbacks": {"spool": {"dir": str(spool / host)}}})
        time.sleep(max(0.0, one.at - time.time()))
        said = {
            "summary": f"{one.dag_id}: load failed: {one.exception}",
            "exception": one.exception,
            "failed_at": rfc3339(datetime.fromtimestamp(one.at, timezone.utc)),
            "try": "1 of 1",
        }
        event = Event(
            TASK_FAILED,
            "prod",
            one.dag_id,
            f"r{one.at}",
            task_id="load",
            team=UNKNOWN,
            severity="warning",
            annotations=said,
        )
        started = time.perf_counter()
        result = deliver(event, settings, time.monotonic() + 9)
        done.put((time.perf_counter() - started, result.problem))


class Senders:
    """The processes. Which one tells of a failure is chance, as the executor's choice is."""

    def __init__(self, sections: dict[str, Any], hosts: int) -> None:
        self.hosts = hosts
        context = multiprocessing.get_context("spawn")
        self.ready, self.done = context.Queue(), context.Queue()
        self.queues = [context.Queue() for _ in range(PROCESSES)]
        self.processes = [
            context.Process(target=sender, args=(sections, self.ready, queue, self.done), daemon=True)
            for queue in self.queues
        ]
        for process in self.processes:
            process.start()
        for _ in self.processes:
            self.ready.get(timeout=120)

    def tell(self, failures: Sequence[Failing]) -> list[float]:
        """Returns the seconds that the callbacks took."""
        for number, one in enumerate(sorted(failures, key=lambda one: one.at)):
            self.queues[number % PROCESSES].put((one, str(number % self.hosts)))
        results = [self.done.get(timeout=120) for _ in failures]
        problems = {problem for _, problem in results if problem}
        if problems:
            print(f"callbacks could not deliver: {', '.join(sorted(problems))}")
        return [seconds for seconds, _ in results]

    def close(self) -> None:
        for queue in self.queues:
            queue.put(None)
        for process in self.processes:
            process.join(10)


def slack(stack: contextlib.ExitStack) -> tuple[Path, Inbox, dict[str, Any]]:
    """A folder, an inbox with Slack's limit, and the sections of a windsock.yaml that lead to it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-storm-")))
    inbox = stack.enter_context(Inbox(rate_limit=True))
    (folder / "slack_token").write_text("xoxb-for-the-benchmark")
    sections: dict[str, Any] = {
        "cluster": "prod",
        "channels": {"slack": {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}},
        "defaults": {"slack": "#data-alerts"},
        "alertmanager": {"secrets_dir": str(folder)},
        "callbacks": {"spool": {"dir": str(folder / "spool")}},
        "metadata": {"interval": "5s"},
    }
    return folder, inbox, sections


def measure(options: argparse.Namespace, program: str, dags: int, *, grouped: bool) -> dict[str, Any]:
    chance = random.Random(options.seed)
    with contextlib.ExitStack() as stack:
        folder, inbox, sections = slack(stack)
        given = Settings.model_validate(sections)
        sections["alertmanager"]["urls"] = several(stack, program, given, options.peers, grouped=grouped)
        senders = Senders(sections, options.hosts)
        stack.callback(senders.close)

        start = time.time() + 1
        moments = sorted(start + chance.random() * options.within for _ in range(dags))
        storm = [Failing(f"dag_{n:04}", REFUSED.format(n // 250, n % 250), at) for n, at in enumerate(moments)]
        others = [Failing(dag_id, said, start + options.within * chance.random()) for dag_id, said in OTHERS.items()]
        killed = storm[5 : 5 + int(options.killed * dags)]
        if killed:
            stack.enter_context(reconciling(sections, folder, killed))
        took = senders.tell([one for one in (*storm, *others) if one not in killed])
        sent = time.time()
        end = sent + options.patience
        while (left := len(storm) + len(others) - (told := read(inbox, start)).count) > 0 and time.time() < end:
            time.sleep(0.2)
        fifth = moments[min(4, len(moments) - 1)]
        own = [told.named[one.dag_id] - one.at for one in others if one.dag_id in told.named]
        first = told.storm or min((at for dag, at in told.named.items() if dag.startswith("dag_")), default=0.0)
        figures: dict[str, Any] = {
            "messages": told.messages,
            "refused": sum(attempt.status == 429 for attempt in inbox.attempts("slack")),
            "cause": round(first - fifth, 1) if first else None,
            "others": round(max(own), 1) if len(own) == len(others) else None,
            "sent": round(sent - moments[-1], 1),
            "all": round(told.complete - moments[-1], 1) if left <= 0 else None,
            "untold": max(0, left),
            "later": None,
            "callback": round(statistics.median(took) * 1000, 1),
        }
        if grouped and options.later:
            time.sleep(options.later)
            again = Failing(LATER, REFUSED.format(9, 9), time.time())
            senders.tell([again])
            while LATER not in (now := read(inbox, start)).named and time.time() < again.at + options.patience:
                time.sleep(0.2)
            figures["later"] = "its own" if LATER in now.named else "none"
        return figures


@contextlib.contextmanager
def reconciling(sections: dict[str, Any], folder: Path, killed: Sequence[Failing]) -> Iterator[None]:
    """A reconciler, and a database in which these fail; their logs have the exception."""
    from real.databases import Postgres  # noqa: PLC0415  only where it is asked for
    from real.failures import fail  # noqa: PLC0415
    from real.tables import Database  # noqa: PLC0415

    from windsock.exporter.reconciler.reconciler import alone  # noqa: PLC0415

    server = Postgres()
    database = Database(server, NEWEST)
    logs = folder / "logs"
    given = {"reconcile": {"store": str(folder / "reconciler.db"), "logs": str(logs)}}
    reconciler = alone(Settings.model_validate({**sections, **given}), database.url)
    reconciler.start()

    def kill() -> None:
        for number, one in enumerate(killed, 1):
            time.sleep(max(0.0, one.at - time.time()))
            log = logs / f"dag_id={one.dag_id}" / f"run_id=run_{number}" / "task_id=load" / "attempt=1.log"
            log.parent.mkdir(parents=True)
            log.write_text(f"{one.exception}\n")
            fail(database, number, one.dag_id, "load", ended=one.at)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
        reconciler.stop()
        server.remove()


def cost(program: str, looks: int = 100) -> dict[str, float]:
    """Milliseconds (median) that a callback spends on its look, on joining a storm that its host knows, and on asking
    for an earlier alert, which it did before there were any.
    """
    server = Alertmanager(program, Settings(), grouped=True)
    times: dict[str, list[float]] = {"look": [], "join": [], "before": []}
    with contextlib.ExitStack() as stack:
        stack.callback(server.remove)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-storm-")))
        for number in range(2 * looks):
            which = "join" if number % 2 else "look"
            spool = folder / ("one" if number % 2 else str(number))
            given = {"alertmanager": {"urls": [server.url]}, "callbacks": {"spool": {"dir": str(spool)}}}
            settings = Settings.model_validate(given)
            client = Client(settings.alertmanager)
            said = {"exception": REFUSED.format(1, number)}
            event = Event(TASK_FAILED, "prod", f"dag_{number}", "r1", task_id="load", annotations=said)
            started = time.perf_counter()
            placed, signs = alertmanager.place(event, settings, client, 1.0)
            middle = time.perf_counter()
            client.find(event.identity, 1.0)
            times["before"].append(time.perf_counter() - middle)
            times[which].append(middle - started)
            client.post([placed.alert(datetime.now(timezone.utc)), *signs], 1.0)
    return {name: round(statistics.median(taken) * 1000, 1) for name, taken in times.items()}


def missed(figures: dict[str, Any], dags: int) -> list[str]:
    """The bars of 60 DAGs that are not met, in words."""
    if dags != _BAR:
        return []
    bars = {
        "more than 5 messages beside the three": figures["messages"] - len(OTHERS) > 5,
        "the cause later than 10 s": figures["cause"] is None or figures["cause"] > 10,
        "the three later than 15 s": figures["others"] is None or figures["others"] > 15,
        "something untold": figures["untold"] > 0,
        "the later one is no message of its own": figures["later"] == "none",
    }
    return [bar for bar, is_missed in bars.items() if is_missed]


def _name(program: str) -> str:
    return Path(program).parent.name if "alertmanager-" in program else "Debian's Alertmanager"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found = [
        shutil.which("prometheus-alertmanager"),
        *map(str, sorted(ROOT.glob(".windsock/alertmanager-*/alertmanager"))),
    ]
    parser.add_argument("--dags", type=int, nargs="+", default=[12, 60, 500, 5000])
    parser.add_argument("--alertmanager", nargs="+", default=[one for one in found if one], help="paths of programs")
    parser.add_argument("--within", type=float, default=8.0, help="seconds in which they fail")
    parser.add_argument("--later", type=float, default=300.0, help="seconds until one more fails; 0: none does")
    parser.add_argument("--killed", type=float, default=0.0, help="share of the DAGs of which no callback tells")
    parser.add_argument("--hosts", type=int, default=PROCESSES, help="with a folder each; --dags: pods")
    parser.add_argument("--peers", type=int, default=1, help="Alertmanagers; of several the last is away")
    parser.add_argument("--patience", type=float, default=150.0, help="seconds until what was sent is told")
    parser.add_argument("--only", choices=("now", "before"), help="not both")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, wrong = [], []
    taken = {program: cost(program) for program in options.alertmanager}
    if not options.json:
        for program, figures in taken.items():
            print(
                f"{_name(program)}: a callback's look takes {figures['look']} ms, joining what its host knows"
                f" {figures['join']} ms, {figures['before']} before there were storms"
            )
    for program in options.alertmanager:
        for dags in options.dags:
            for which in ("now", "before"):
                if options.only in (None, which):
                    figures = measure(options, program, dags, grouped=which == "now")
                    rows.append({"alertmanager": _name(program), "dags": dags, "routes": which, **figures})
                    wrong += missed(figures, dags) if which == "now" else []
                    if not options.json:
                        print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if options.json:
        print(json.dumps({"cost": {_name(program): one for program, one in taken.items()}, "rows": rows}, indent=2))
    if wrong:
        raise SystemExit("missed: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
