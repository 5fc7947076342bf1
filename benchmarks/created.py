"""What it would cost to say when each counter began: OpenMetrics 1.0's `_created` and 2.0's start timestamps.

    python benchmarks/created.py [--series N] [--runs N]

The exporter's own code renders and compresses the same counters in each form, by turns, in one process: the texts are
made beforehand, so what is timed is the least that the forms can cost. Then Prometheus scrapes them, as it is started
and with the features that read when a series began. Nothing passes or fails here.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import programs

from windsock import catalog
from windsock.exporter.series import exposition
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.store import SeriesStore
from windsock.parts import PROMETHEUS
from windsock.settings.exporter import Budgets

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS = {
    "today": exposition.OPENMETRICS,
    "text": exposition.TEXT,
    "_created": exposition.OPENMETRICS,
    "2.0": "application/openmetrics-text; version=2.0.0; charset=utf-8",
}
VALUE = 7
"""Of each counter from the start: without a zero before it, `increase()` sees nothing of it."""
FEATURES = {
    "": ["today", "text", "_created"],
    "created-timestamp-zero-ingestion": ["today", "text", "_created"],
    "openmetrics2,created-timestamp-zero-ingestion": ["2.0"],
}
"""Of Prometheus, with the forms that it is given."""
INTERVAL = 5
PATIENCE = 60
"""Seconds."""


def stores(count: int, born: float) -> dict[str, SeriesStore]:
    """The same counters in each form."""
    found = {}
    metric = next(one for one in catalog.statsd() if one.family == "airflow_ti_start_total")
    for form in FORMS:
        store = found[form] = SeriesStore(Budget(Budgets(series=count + 1, metric=count + 1, dag=count + 1)))
        for number in range(count):
            dag, task = divmod(number, 100)
            counter: Any = store.series(metric, (("dag_id", f"dag_{dag}"), ("task_id", f"task_{task}")))
            began = f"{born + number / 1000:.3f}"
            created = counter.text.replace("_total{", "_created{")
            counter.value = {"2.0": f"{VALUE} st@{began}", "_created": f"{VALUE}\n{created}{began}"}.get(form, VALUE)
    return found


def render(store: SeriesStore, content: str) -> tuple[float, float, bytes, bytes]:
    """CPU seconds of the text and of gzip, as the exporter's server makes them, and both bodies."""
    start = time.process_time()
    parts = [*exposition.pieces([store], content), b"" if content == exposition.TEXT else exposition.END]
    rendered = time.process_time()
    gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = b"".join([*map(gzip.compress, parts), gzip.flush()])
    return rendered - start, time.process_time() - rendered, b"".join(parts), packed


def measure(found: dict[str, SeriesStore], runs: int) -> dict[str, bytes]:
    """Print the exporter's side; returns each form's body, compressed."""
    times: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
    bodies: dict[str, tuple[bytes, bytes]] = {}
    for _ in range(runs):
        for form, content in FORMS.items():
            text, gzip, *bodies[form] = render(found[form], content)  # type: ignore[assignment]
            times[form].append((text, gzip))
    sums = {form: statistics.median(map(sum, times[form])) for form in FORMS}
    print(f"  {'the exporter':14}{'text ms':>10}{'gzip ms':>10}{'both':>8}{'ratio':>8}{'MB':>8}{'gzip MB':>9}")
    for form in FORMS:
        text, gzip = (statistics.median(one) * 1000 for one in zip(*times[form], strict=True))
        sizes = "".join(f"{len(body) / 1e6:>{width}.2f}" for body, width in zip(bodies[form], (8, 9), strict=True))
        ratio = sums[form] / sums["today"]
        print(f"  {form:14}{text:>10.1f}{gzip:>10.1f}{sums[form] * 1000:>8.1f}{ratio:>8.2f}{sizes}")
    return {form: packed for form, (_, packed) in bodies.items()}


@contextlib.contextmanager
def served(bodies: dict[str, bytes]) -> Iterator[int]:
    """Serve each form below its name; gives the port."""

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            form = urllib.parse.unquote(self.path.strip("/"))
            self.send_response(200)
            self.send_header("Content-Type", FORMS[form])
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(bodies[form])

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def prometheus(features: str, form: str, target: int) -> dict[str, float]:
    """What a Prometheus says of a form after four scrapes; nothing where it did not get so far in a minute."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    protocols = {"scrape_protocols": ["OpenMetricsText2.0.0"]} if "openmetrics2" in features else {}
    job = {"job_name": "it", "metrics_path": f"/{form}", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
    asked = {
        "samples": "scrape_samples_scraped",
        "seconds": f"min_over_time(scrape_duration_seconds[{3 * INTERVAL}s])",
        "series": 'count({__name__=~"airflow_.*"})',
        "increase": "max(increase(airflow_ti_start_total[15m]))",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        common = {"scrape_interval": f"{INTERVAL}s", "scrape_timeout": f"{INTERVAL}s", **protocols}
        (folder / "prometheus.yml").write_text(json.dumps({"global": common, "scrape_configs": [job]}))
        program = programs.find("prometheus", PROMETHEUS.current)
        arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        arguments += [f"--web.listen-address={address}", *([f"--enable-feature={features}"] if features else [])]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([program, *arguments], stdout=log, stderr=log, start_new_session=True)
        try:
            end = time.monotonic() + PATIENCE
            while ask(address, "count_over_time(scrape_duration_seconds[2m])") < 4:
                if process.poll() is not None:
                    sys.exit((folder / "log").read_text()[-2000:])
                if time.monotonic() > end:
                    return {}
                time.sleep(1)
            return {what: ask(address, query) for what, query in asked.items()}
        finally:
            # It would end what it parses first.
            process.kill()
            process.wait(30)


def ask(address: str, query: str) -> float:
    """The one value of a query; 0 where there is none, as while it starts."""
    url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
        return sum(float(row["value"][1]) for row in json.load(answer)["data"]["result"])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    print(f"{options.series:,} counters, the median of {options.runs} scrapes of each form")
    bodies = measure(stores(options.series, time.time() - 60), options.runs)
    print(f"\n  {f'Prometheus {PROMETHEUS.current}':56}{'samples':>9}{'series':>9}{'seconds':>9}{'increase':>10}")
    with served(bodies) as port:
        for features, form in ((features, form) for features, forms in FEATURES.items() for form in forms):
            said = prometheus(features, form, port)
            shown = "{samples:>9,.0f}{series:>9,.0f}{seconds:>9.2f}{increase:>10.2f}".format(**said) if said else "-"
            print(f"  {form:10}{features or 'as it is started':46}{shown}", flush=True)


if __name__ == "__main__":
    main()
