"""A real statsd_exporter and ours, given the same mapping and the same lines, and how to compare what they expose."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from math import ceil, isclose, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from real import programs
from real.server import free_port
from real.waiting import until

from windsock.exporter.compat.file import load
from windsock.exporter.compat.mapping import Mapping
from windsock.exporter.compat.sender import SenderlessIngest
from windsock.exporter.compat.translate import MappedTranslator
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.exposition import TEXT, render
from windsock.exporter.series.number import go_float
from windsock.exporter.series.own import OwnMetrics
from windsock.exporter.series.store import SeriesStore
from windsock.exporter.series.summary import Summary
from windsock.parts import STATSD_EXPORTER
from windsock.settings.exporter import Budgets, Expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# What the two say about themselves.
_LOOKS = 3
"""In a row that show the same: on a busy machine nothing may be stored between two."""
SELF = ("go_", "process_", "promhttp_", "statsd_exporter_", "statsd_metric_mapper_", "windsock_")


@dataclass
class Exposed:
    """An exposition: type and help by family, value by sample."""

    families: dict[str, tuple[str, str]] = field(default_factory=dict)
    samples: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Where a quantile may lie that was not worked out from all values."""

    @classmethod
    def of(cls, text: str) -> Exposed:
        exposed = cls()
        helps = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE))
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
            assert name not in exposed.families, f"{name} stands twice"
            exposed.families[name] = kind, helps[name]
        for name, value in re.findall(r"^([^#].*) (\S+)$", text, re.MULTILINE):
            assert name not in exposed.samples, f"{name} stands twice"
            exposed.samples[name] = float(value)
        for found in (exposed.families, exposed.samples):
            for name in [name for name in found if name.startswith(SELF)]:
                del found[name]
        return exposed

    def differences(self, other: Exposed) -> list[str]:
        """What is not the same in the two; sums of floats may differ in their last digits."""
        found = [
            f"{name}: {self.families.get(name)} / {other.families.get(name)}"
            for name in sorted({*self.families, *other.families})
            if self.families.get(name) != other.families.get(name)
        ]
        for name in sorted({*self.samples, *other.samples}):
            one, two = self.samples.get(name), other.samples.get(name)
            low, high = self.ranges.get(name, (one, one))
            if one is None or two is None or not (_same(one, two) or low <= two <= high):
                found.append(f"{name}: {one} / {two}")
        return found


def _around(quantile: float, series: Summary) -> tuple[float, float]:
    held = sorted(value for step in series._steps() for value, weight in step for _ in range(weight))
    slack = max(2.0, 2 * len(held) * {0.5: 0.05, 0.9: 0.01, 0.99: 0.001}.get(quantile, 0.01))
    low, high = (len(held) * quantile + sign * slack for sign in (-1, 1))
    return held[max(0, int(low))], held[min(len(held) - 1, ceil(high))]


def _same(one: float, two: float) -> bool:
    return isclose(one, two, rel_tol=1e-9, abs_tol=1e-12) or (isnan(one) and isnan(two))


class Ours:
    """The way of a line from the datagram to the exposition, without sockets."""

    def __init__(self, mapping: Mapping) -> None:
        self.own = OwnMetrics()
        self.store = SeriesStore(Budget(Budgets()))
        self.translator = MappedTranslator(mapping)
        self.ingest = SenderlessIngest(self.store, self.translator, self.own, Expiry())

    def feed(self, *lines: str | bytes, sender: str = "10.0.0.1", batch: int = 512) -> Ours:
        datagrams = [line.encode() if isinstance(line, str) else line for line in lines]
        for start in range(0, len(datagrams), batch):
            self.ingest.feed(datagrams[start : start + batch], sender)
        return self

    def text(self, content: str = TEXT, **options: Any) -> str:
        return render([self.store], content, **options).decode()

    def exposed(self) -> Exposed:
        exposed = Exposed.of(self.text())
        for family in self.store.families.values():
            for series in family.series.values():
                # From 500 values on statsd_exporter's quantiles are estimates, as far off as their `error`.
                if isinstance(series, Summary) and series.counts[0] >= 500:
                    for quantile in series.quantiles:
                        text = ",".join(filter(None, [series.text, f'quantile="{go_float(quantile)}"']))
                        exposed.ranges[f"{family.metric.family}{{{text}}}"] = _around(quantile, series)
        return exposed

    def counted(self) -> dict[str, float]:
        """What was not stored, by reason."""
        text = render([self.own.store], TEXT).decode()
        lines = (line.rpartition(" ") for line in text.splitlines() if "reason=" in line)
        return {name.partition('"')[2].removesuffix('"}'): float(value) for name, _, value in lines if float(value)}


class Theirs:
    """A statsd_exporter of its own process group."""

    def __init__(self, program: str, mapping: Path | None, folder: Path) -> None:
        web, self._statsd = free_port(), free_port()
        self._url = f"http://127.0.0.1:{web}"
        config = [f"--statsd.mapping-config={mapping}"] if mapping else []
        self.log = folder / "statsd_exporter.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    *config,
                    f"--web.listen-address=127.0.0.1:{web}",
                    f"--statsd.listen-tcp=127.0.0.1:{self._statsd}",
                    "--statsd.listen-udp=",
                    "--statsd.event-flush-interval=5ms",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._lines = 0
        self._wait(lambda: self._scrape() is not None)

    def feed(self, *lines: str | bytes) -> Theirs:
        """Send lines over TCP, where none is lost, and wait until they are taken in."""
        sent = b"".join((line.encode() if isinstance(line, str) else line).strip(b"\n") + b"\n" for line in lines)
        self._lines += sent.count(b"\n")
        with socket.create_connection(("127.0.0.1", self._statsd), timeout=60) as connection:
            connection.sendall(sent)
        self._wait(lambda: f"\nstatsd_exporter_lines_total {self._lines}\n" in (self._scrape() or ""))
        self._settle()
        return self

    def _settle(self) -> None:
        """Wait until what was taken in is stored as well: until nothing changes any more."""
        before, same, pause = self._samples(), 0, 0.05
        while same < _LOOKS:
            # A scrape of many summaries takes the processor that storing needs.
            time.sleep(pause)
            now = self._samples()
            same = same + 1 if now == before else 0
            before, pause = now, pause if same else min(1.0, 2 * pause)

    def _samples(self) -> set[str]:
        """In no order: series of one family with other label names change places from scrape to scrape."""
        return {line for line in (self._scrape() or "").splitlines() if not line.startswith(("#", *SELF))}

    def text(self) -> str:
        text = self._scrape()
        assert text is not None, self.log.read_text()[-2000:]
        return text

    def exposed(self) -> Exposed:
        return Exposed.of(self.text())

    def status(self) -> int:
        return requests.get(f"{self._url}/metrics", timeout=60).status_code

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)

    def _scrape(self) -> str | None:
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.get(f"{self._url}/metrics", timeout=60)
            assert answer.ok, answer.text[-2000:]
            return answer.text
        return None

    def _wait(self, answer: Callable[[], bool]) -> None:
        def reached() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            return answer()

        until(reached, why=self.log.read_text)


@pytest.fixture(scope="session")
def statsd_exporter() -> str:
    """The program in the version that is compared with."""
    return str(programs.find("statsd_exporter", STATSD_EXPORTER.current))


@pytest.fixture
def write(tmp_path) -> Callable[[str], Path]:
    """Write a mapping file."""

    def to_file(text: str) -> Path:
        path = tmp_path / "mapping.yml"
        path.write_text(text)
        return path

    return to_file


@pytest.fixture
def theirs(statsd_exporter, tmp_path) -> Iterator[Callable[..., Theirs]]:
    """Start statsd_exporters with a mapping file or none; each is ended with the test."""
    with contextlib.ExitStack() as running:

        def start(mapping: Path | None = None) -> Theirs:
            peer = Theirs(statsd_exporter, mapping, tmp_path)
            running.callback(peer.end)
            return peer

        yield start


@pytest.fixture
def ours() -> Callable[..., Ours]:
    """Make an exporter with a mapping file, another mapping, or none."""

    def make(mapping: Path | Mapping | None = None) -> Ours:
        if isinstance(mapping, Path):
            mapping = load(str(mapping)).mapping
        return Ours(mapping or Mapping([]))

    return make


@pytest.fixture
def compare(ours, theirs, write) -> Callable[..., Exposed]:
    """Give both a mapping and lines, and assert that they expose the same; returns what."""

    def check(mapping: str | None, lines: Iterable[str | bytes]) -> Exposed:
        file = write(mapping) if mapping is not None else None
        lines = list(lines)
        mine = ours(file).feed(*lines).exposed()
        assert mine.differences(theirs(file).feed(*lines).exposed()) == []
        return mine

    return check
