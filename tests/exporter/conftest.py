"""The exporter without sockets, over sockets and as a program; the captures; and how to read an exposition."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import signal
from collections import Counter as Tally
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from real import command
from real.statements import shared
from real.tables import Database
from real.waiting import until

from windsock import settings
from windsock.exporter.database import collector, engine
from windsock.exporter.series.exposition import TEXT, render
from windsock.exporter.service import Service
from windsock.exporter.statsd import ingest, learn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DATA = Path(__file__).parent.parent / "data"
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)")


def values(text: str) -> dict[str, float]:
    """An exposition's samples: `airflow_ti_start_total{dag_id="d",task_id="t"}` → 1.0."""
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    found = [(match[1], float(match[2])) for match in map(SAMPLE.fullmatch, lines)]
    assert len(dict(found)) == len(found), "a series stands twice"
    return dict(found)


def configure(**exporter: Any) -> settings.Settings:
    """Settings of an exporter; without listeners and on a free port where nothing else is said."""
    chosen = {"statsd": {"listen": []}, "web": {"listen": "127.0.0.1:0"}}
    for section, given in exporter.items():
        chosen[section] = {**chosen.get(section, {}), **given} if isinstance(given, dict) else given
    return settings.Settings.model_validate({"exporter": chosen})


class Pipeline:
    """The way of a line from the datagram to the exposition: the exporter, fed by hand."""

    def __init__(self, clock: SimpleNamespace, **exporter: Any) -> None:
        self.clock = clock
        self.service = Service(configure(**exporter))
        self.service._receiver.stop()
        self.service.web.server_close()

    def feed(self, *lines: str | bytes, sender: str = "10.0.0.1", batch: int = 512) -> Pipeline:
        """Datagrams of one sender, in batches as `recvmmsg` would return them."""
        datagrams = [line.encode() if isinstance(line, str) else line for line in lines]
        for start in range(0, len(datagrams), batch):
            self.service._ingest.feed(datagrams[start : start + batch], sender)
        return self

    def wait(self, seconds: float = 2.0) -> Pipeline:
        """Let time pass."""
        self.clock.now += seconds
        self.service._ingest.tick()
        return self

    def text(self, content: str = TEXT, **options: Any) -> str:
        return render(self.service.stores(), content, **options).decode()

    def airflow(self) -> dict[str, float]:
        """What is exposed about Airflow, buckets left out."""
        return {
            name: value
            for name, value in values(self.text()).items()
            if name.startswith("airflow_") and "_bucket{" not in name
        }

    def own(self) -> dict[str, float]:
        """What is exposed about the exporter itself, zeros left out."""
        return {name: value for name, value in values(self.text()).items() if name.startswith("windsock_") and value}

    def accounted(self) -> dict[str, float]:
        """How many lines were stored, and how many were not, by reason."""
        kinds = ("samples", "duplicates", "unmapped", "ignored", "sample_errors", "series_rejected", "ingest_errors")
        return {
            name.removeprefix("windsock_"): value
            for name, value in self.own().items()
            if name.startswith(tuple(f"windsock_{kind}_total" for kind in kinds))
        }


@pytest.fixture(scope="session", autouse=True)
def _shared_statements() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collector, "open_engine", lambda *given: shared(engine.open_engine(*given)))
        yield


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The time as whoever stores lines sees it; add to `now`."""
    clock = SimpleNamespace(now=1000.0)
    for module in (ingest, learn):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def make_pipeline(clock) -> Callable[..., Pipeline]:
    """Make an exporter that is fed by hand; keywords are sections of its settings."""
    return lambda **exporter: Pipeline(clock, **exporter)


@pytest.fixture
def pipeline(make_pipeline) -> Pipeline:
    return make_pipeline()


@pytest.fixture(scope="session")
def captures() -> dict[str, list[bytes]]:
    """The datagrams that real installations sent, by file; the Datadog dialect ends each with a line feed."""
    found = {}
    for file in sorted((DATA / "captures").glob("*.txt.gz")):
        name = file.name.removesuffix(".txt.gz")
        end = b"\n" if name.endswith("datadog") else b""
        found[name] = [line + end for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert len(found) == 8
    return found


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Start exporters with real sockets, ended with the test: `serve("udp://127.0.0.1:0")`."""
    with contextlib.ExitStack() as running:

        def start(*listen: str, **exporter: Any) -> Service:
            chosen = {**exporter, "statsd": {"listen": listen, **exporter.get("statsd", {})}}
            return running.enter_context(Service(configure(**chosen)))

        yield start


def url(service: Service, path: str = "/metrics") -> str:
    return f"http://{service.web.address}{path}"


@pytest.fixture
def scrape() -> Callable[..., dict[str, float]]:
    """Fetch and read /metrics, as a person would, or with `prometheus=True` as Prometheus does."""

    def fetch(service: Service, *, prometheus: bool = False) -> dict[str, float]:
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": "10"} if prometheus else {}
        answer = requests.get(url(service), headers=headers, timeout=60)
        answer.raise_for_status()
        return values(answer.text)

    return fetch


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Ask until the answer is true; returns it."""
    return until


class Program:
    """`windsock exporter` in its own process group."""

    def __init__(self, *arguments: str, environ: dict[str, str] | None = None, folder: Path) -> None:
        environ = {**{k: v for k, v in os.environ.items() if not k.startswith("WINDSOCK")}, **(environ or {})}
        self.process = command.Running("exporter", *arguments, cwd=folder, environ=environ, log=folder / "exporter.log")
        self.log = folder / "exporter.log"
        self.greeting = self.process.stdout.readline()

    @property
    def metrics(self) -> str:
        return re.search(r"http://\S+", self.greeting)[0]

    def port(self, kind: str) -> int:
        return int(re.search(rf"{kind}://127\.0\.0\.1:(\d+)", self.greeting)[1])

    def end(self, number: int = signal.SIGTERM) -> int:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        return self.process.wait(60)


@pytest.fixture
def program(tmp_path) -> Iterator[Callable[..., Program]]:
    """Start the command; every one is ended with the test."""
    started: list[Program] = []

    def start(*arguments: str, environ: dict[str, str] | None = None) -> Program:
        started.append(Program(*arguments, environ=environ, folder=tmp_path))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)
        one.process.stdout.close()


@pytest.fixture(scope="session")
def read() -> SimpleNamespace:
    """Ways to read an exposition: `values(text)`, `series(text)`, `url(service)`."""

    def series(text: str) -> list[str]:
        """Every series once; a histogram's as its family and labels."""
        found: Iterable[str] = (
            re.sub(r"_count(?=$|\{)", "", name) if is_histogram(text, name) else name for name in values(text)
        )
        return sorted(Tally(name for name in found if not re.search(r"_(bucket|sum)(\{|$)", name)))

    def is_histogram(text: str, name: str) -> bool:
        family = re.sub(r"_count(\{.*)?$", "", name)
        return family != name and f"# TYPE {family} histogram\n" in text

    return SimpleNamespace(values=values, series=series, url=url, configure=configure)


@pytest.fixture(scope="session")
def databases() -> Iterator[dict[tuple[str, str], Database]]:
    """Made once for each engine and version."""
    made: dict[tuple[str, str], Database] = {}
    yield made
    for one in made.values():
        one.engine.dispose()


@pytest.fixture
def make_database() -> Iterator[Callable[[Any, str], Database]]:
    """Make a database of the test's own."""
    made: list[Database] = []

    def make(server: Any, version: str) -> Database:
        made.append(Database(server, version))
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()
