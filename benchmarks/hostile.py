"""What the worst input costs at each boundary: milliseconds of the processor a KB, and memory.

    python benchmarks/hostile.py [--seconds 20] [--seed 24] [BOUNDARY…]

A boundary is where bytes from outside become values: a line of StatsD, the exporter's saved state, windsock.yaml, the
web configuration, a mapping file, an entry of the spool, the reconciler's store (its file, and one row of it). Each is
given mutations of what is sound for `--seconds`, in a process of its own: bytes changed, parts taken away, repeated up
to 64 KiB, nested, and words that mean ill. Time is that of the processor (a busy machine does not count) without
Python's collecting of garbage, an input of less than a KB counts as one. Exits with 1 where one takes more than 50 ms a
KB, memory goes beyond 300 MiB, or anything but the boundary's own error comes out.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import gzip
import hashlib
import itertools
import json
import logging
import multiprocessing
import random
import resource
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windsock import catalog, settings
from windsock.airflow.versions import NEWEST
from windsock.callbacks.entry import Entry, entry_of
from windsock.events import Event
from windsock.exceptions import WindsockError
from windsock.exporter import saved
from windsock.exporter.compat import file as mappings
from windsock.exporter.reconciler.failure import Alert, Key
from windsock.exporter.reconciler.store import Store
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.own import OwnMetrics
from windsock.exporter.series.store import SeriesStore
from windsock.exporter.statsd.ingest import Ingest
from windsock.exporter.statsd.translate import Translator
from windsock.exporter.web import access
from windsock.settings.exporter import Budgets, Expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT / "tests" / "data" / "captures" / f"airflow-{NEWEST}-influxdb.txt.gz"
SLOWEST = 50.0
"""Milliseconds of the processor for a KB of input."""
LARGEST = 300
"""MiB of resident memory."""
LONGEST = 65_536
WORDS = (
    *(b"[", b"{", b'{"a":', b"]", b"}", b'"', b"'", b":", b",", b"\n", b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800"),
    *(
        b"&a [*a]",
        b"*a",
        b"? ",
        b"- ",
        b"<<: *a\n",
        b"!!int x",
        b"!!timestamp 0000-99-99",
        b"!!python/object:os.system",
    ),
    *(b"9" * 500, b"1e999", b"NaN", b"-Infinity", b"null", b"true", b"0x", b"1:1:", b"|c", b"|#", b"|@0", b".", b"*"),
    *(b"(.*)", b"(a+)+$", b"a?", b"$1", b"${X}", b"$2b$31$", b"\xe2\x80\xae"),
)
MAPPING = {
    "mappings": [
        {"match": "airflow.*.*.duration", "name": "duration", "labels": {"a": "$1", "b": "$2"}},
        {"match": r"^airflow\.(\w+)\.end$", "match_type": "regex", "name": "ended", "labels": {"a": "$1"}},
    ]
}
WEB = {
    "basic_auth_users": {"alice": "$2b$04$" + "a" * 53},
    "http_server_config": {"headers": {"X-Frame-Options": "deny"}},
    "rate_limit": {"interval": "1s", "burst": 3},
}
CONFIG = {
    "cluster": "prod",
    "exporter": {"statsd": {"listen": ["udp://127.0.0.1:9125"]}, "buckets": {"airflow_task_duration_seconds": [1, 5]}},
    "teams": {"pay": {"match": {"tag": "team:pay"}, "slack": "#pay"}},
    "severity": [{"match": {"dag_id": ["orders_*"]}, "is": "critical"}],
    "alertmanager": {"urls": ["http://127.0.0.1:9093"]},
}
ALERT = Alert(Key("AirflowTaskFailed", "orders", "r", "load"), "pay", "warning", {"summary": "s" * 300}, 1.7e9, 1.7e9)


@dataclass(frozen=True)
class Boundary:
    """What is sound for it, and what takes an input in, whatever it is: raises nothing but `refusal`."""

    sound: tuple[bytes, ...]
    take: Callable[[bytes], Any]
    refusal: tuple[type[Exception], ...] = ()


def line(_: Path) -> Boundary:
    budgets = Budgets()
    own = OwnMetrics()
    ingest = Ingest(SeriesStore(Budget(budgets)), Translator(catalog.statsd()), own, Expiry())

    def feed(data: bytes) -> None:
        ingest.feed([data])
        assert not own.counter("windsock_ingest_errors_total").value, "an error of its own"

    lines = gzip.decompress(CAPTURE.read_bytes()).split(b"\n")
    return Boundary(tuple(one for one in lines if one), feed)


def state(folder: Path) -> Boundary:
    del folder
    store = SeriesStore(Budget(Budgets()))
    translator = Translator(catalog.statsd())
    ingest = Ingest(store, translator, OwnMetrics(), Expiry())
    ingest.feed(gzip.decompress(CAPTURE.read_bytes()).split(b"\n")[:300])
    store.fold()
    head, _, body = saved.dump(store, translator).partition(b"\n")

    def parse(data: bytes) -> None:
        """With a checksum that fits: whoever can write the file can make one."""
        digest = hashlib.sha256(data).hexdigest()
        saved.parse(json.dumps({**json.loads(head), "sha256": digest}).encode() + b"\n" + data)

    return Boundary((body,), parse, (ValueError,))


def in_file(name: str, sound: Any, read: Callable[[str], Any]) -> Callable[[Path], Boundary]:
    def made(folder: Path) -> Boundary:
        def take(data: bytes) -> None:
            (folder / name).write_bytes(data)
            read(str(folder / name))

        return Boundary((json.dumps(sound, indent=1).encode(),), take, (WindsockError,))

    return made


def decide(path: str) -> None:
    mapping = mappings.load(path).mapping
    for name in ("airflow." + "a." * 500 + "end", "airflow." + "." * 1000, "a" * 36 + "!"):
        mapping.find(name, "counter")


def entry(_: Path) -> Boundary:
    event = Event("AirflowTaskFailed", "c", "orders", "r", task_id="load", annotations={"summary": "s" * 300})
    return Boundary((Entry.new("failed", event, (("slack", "#pay"),)).text().encode(), b"[]"), entry_of, (ValueError,))


def store_file(folder: Path) -> Boundary:
    path = folder / "store.db"
    store = Store(path)
    store.save([Alert(Key("AirflowTaskFailed", f"d{n}", "r"), "", "", {}, 1.7e9, None) for n in range(40)], {}, [])
    store.close()

    def take(data: bytes) -> None:
        for old in folder.glob("store.db*"):
            old.unlink()
        path.write_bytes(data)
        opened = Store(path)
        with contextlib.closing(opened):
            opened.save(opened.load().alerts.values(), {"since": 1.0}, [])

    # A kept-open file that turns out to be damaged is begun anew, and that is said: the reconciler writes it again.
    return Boundary((path.read_bytes(),), take, (sqlite3.Error, UnicodeDecodeError))


def store_row(folder: Path) -> Boundary:
    path = folder / "row.db"
    store = Store(path)
    store.save([ALERT], {"since": 1.7e9}, [])
    file = sqlite3.connect(path)
    columns = [row[1] for row in file.execute("PRAGMA table_info(alert)")]
    turn = itertools.cycle(itertools.product(columns, (bytes, lambda data: data.decode(errors="surrogateescape"))))

    def take(data: bytes) -> None:
        column, kind = next(turn)
        with file, contextlib.suppress(sqlite3.IntegrityError, UnicodeEncodeError):
            file.execute(f"UPDATE alert SET {column} = ? WHERE rowid = 1", [kind(data)])
        found = store.load()
        for one in found.alerts.values():
            one.event("c")
        if not found.alerts:
            store.save([ALERT], {"since": 1.7e9}, [])

    return Boundary((json.dumps(ALERT.annotations).encode(), json.dumps(ALERT.key).encode(), b"1700000000"), take)


BOUNDARIES: dict[str, Callable[[Path], Boundary]] = {
    "line": line,
    "saved state": state,
    "windsock.yaml": in_file("windsock.yaml", CONFIG, lambda path: settings.load(path, environ={})),
    "web config": in_file("web.yml", WEB, access.read),
    "mapping file": in_file("mapping.yml", MAPPING, decide),
    "spool entry": entry,
    "store file": store_file,
    "store row": store_row,
}


def mutations(sound: tuple[bytes, ...], chance: random.Random) -> Iterator[bytes]:
    while True:
        data = bytearray(chance.choice(sound))
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            at, size = chance.randrange(len(data) + 1), chance.randrange(1, 40)
            kind = chance.randrange(6)
            if kind == 0 and at < len(data):
                data[at] = chance.randrange(256)
            elif kind == 1:
                del data[at : at + size]
            elif kind == 2:
                data[at:at] = chance.choice(WORDS)
            elif kind == 3:  # a part of it, or a word, over and over
                part = bytes(data[at : at + size]) or b"a"
                times = chance.randrange(1 + LONGEST // len(part))
                data[at:at] = chance.choice((part, chance.choice(WORDS))) * chance.choice((2, 50, times))
            elif kind == 4:
                data[at : at + size] = data[: chance.randrange(len(data) + 1)]
            else:
                data[at:at] = chance.randbytes(size)
            del data[LONGEST:]
        yield bytes(data)


def measure(name: str, seconds: float, seed: int, answers: Any) -> None:
    """Send the number of inputs, the worst of them in ms a KB and its bytes, MiB, and the errors that should not be."""
    logging.disable()
    collecting = _collections()
    with tempfile.TemporaryDirectory(prefix="windsock-hostile-") as folder:
        boundary = BOUNDARIES[name](Path(folder))
        count, worst, size, leaks = 0, 0.0, 0, set()
        with contextlib.suppress(*boundary.refusal):
            boundary.take(boundary.sound[0])  # what is imported once is no input's fault
        end = time.monotonic() + seconds
        for data in mutations(boundary.sound, random.Random(seed)):
            begun = time.process_time() - collecting[0]
            try:
                boundary.take(data)
            except boundary.refusal:
                pass
            except Exception as error:  # noqa: BLE001  that is what is looked for
                leaks.add(f"{type(error).__name__}: {str(error)[:100]}")
            took = (time.process_time() - collecting[0] - begun) * 1000 / max(1.0, len(data) / 1024)
            count += 1
            worst, size = max((worst, size), (took, len(data)))
            if time.monotonic() > end:
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.send((count, worst, size, peak, sorted(leaks)))


def _collections() -> list[float]:
    """The seconds that Python has spent on collecting garbage: one input of many meets it, and none is its cause."""
    spent, begun = [0.0], [0.0]

    def note(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            begun[0] = time.process_time()
        else:
            spent[0] += time.process_time() - begun[0]

    gc.callbacks.append(note)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boundary", nargs="*", choices=[[], *BOUNDARIES], help="all, where none is given")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=24)
    options = parser.parse_args()
    held = True
    spawn = multiprocessing.get_context("spawn")  # of a forked one the memory would be the parent's, too
    print(f"{'boundary':<15}{'inputs':>9}{'ms a KB':>9}{'of bytes':>10}{'MiB':>6}")
    for name in options.boundary or BOUNDARIES:
        answers, sending = spawn.Pipe(duplex=False)
        process = spawn.Process(target=measure, args=(name, options.seconds, options.seed, sending))
        process.start()
        sending.close()
        count, worst, size, peak, leaks = answers.recv()
        process.join()
        print(
            f"{name:<15}{count:>9,}{worst:>9.1f}{size:>10,}{peak:>6.0f}",
            *leaks,
            sep="\n  " if leaks else "",
            flush=True,
        )
        held &= worst <= SLOWEST and peak <= LARGEST and not leaks
    sys.exit(not held)


if __name__ == "__main__":
    main()
