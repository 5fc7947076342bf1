"""Feeds mutated datagrams to the exporter so often: `python fuzz.py FOLDER TIMES`.

FOLDER holds the corpus; what libFuzzer finds interesting is not kept. Ends with an error where a line is met that the
exporter counts as its own bug, or where the exposition can't be parsed.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["windsock.exporter.statsd"]):
    from windsock.exporter.series import exposition
    from windsock.exporter.series.budget import Budget
    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.series.store import SeriesStore
    from windsock.exporter.statsd import ingest, line, translate

from prometheus_client.parser import text_string_to_metric_families

from windsock import catalog
from windsock.settings.exporter import Budgets, Expiry

RENEW = 20_000


class Target:
    def __init__(self) -> None:
        self.fed = 0
        self.renew()

    def renew(self) -> None:
        self.own = OwnMetrics()
        self.store = SeriesStore(Budget(Budgets(series=500)))
        translator = translate.Translator(catalog.statsd())
        self.ingest = ingest.Ingest(self.store, translator, self.own, Expiry())

    def __call__(self, data: bytes) -> None:
        datagrams = data.split(b"\x00")
        self.ingest.feed(datagrams)
        assert not self.own.counter("windsock_ingest_errors_total").value, datagrams
        assert len(self.store) <= 500
        self.fed += 1
        if self.fed % 1000 == 0:
            text = exposition.render((self.store, self.own.store), exposition.TEXT).decode()
            list(text_string_to_metric_families(text))
        if self.fed % RENEW == 0:
            self.renew()


if __name__ == "__main__":
    assert line.Head
    folder, times = sys.argv[1:]
    atheris.Setup([sys.argv[0], folder, f"-runs={times}", "-max_len=400", "-rss_limit_mb=1500"], Target())
    atheris.Fuzz()
