"""Feeds mutated exports to the exporter so often: `python fuzz.py FOLDER TIMES [LIBFUZZER OPTIONS]`.

FOLDER holds the corpus; the first byte of each file says in which form the rest is. Ends with an error where an export
raises anything but a refusal, where a sum falls or a value is exposed that is no number, where more is remembered than
there is room for, or where the exposition can't be parsed.
"""

from __future__ import annotations

import math
import sys

import atheris

with atheris.instrument_imports(include=["windsock.exporter.otlp"]):
    from windsock.exporter.otlp import message
    from windsock.exporter.otlp.intake import Intake

from prometheus_client.parser import text_string_to_metric_families

from windsock import catalog
from windsock.exporter.otlp.outcomes import OUTCOMES, REFUSALS
from windsock.exporter.series import exposition
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.own import OwnMetrics
from windsock.exporter.series.store import SeriesStore
from windsock.exporter.statsd.translate import Translator
from windsock.settings.exporter import Budgets, Exporter, Otlp

RENEW = 5000
FORMS = [(message.PROTOBUF, ""), (message.JSON, ""), (message.PROTOBUF, "gzip"), (message.JSON, "gzip")]
MOST = 1 << 20
STREAMS = 1000


class Target:
    def __init__(self) -> None:
        self.fed = 0
        self.renew()

    def renew(self) -> None:
        self.own = OwnMetrics()
        self.store = SeriesStore(Budget(Budgets(series=500)))
        metrics = catalog.statsd()
        settings = Exporter(otlp=Otlp(streams=STREAMS))
        self.intake = Intake(settings, metrics, Translator(metrics), self.own, began=0)
        self.sums: dict[tuple[str, str], float] = {}

    def __call__(self, data: bytes) -> None:
        form = FORMS[data[0] % len(FORMS)] if data else FORMS[0]
        try:
            request = message.read(data[1:], *form, MOST)
        except message.RequestError:
            return
        outcomes = self.intake.take(request)
        assert outcomes.keys() <= {**OUTCOMES, **REFUSALS}.keys()
        assert message.answer(outcomes, form[0]) is not None
        assert self.intake.streams.size <= STREAMS
        self.fed += 1
        if self.fed % 100 == 0:
            self.look()
        if self.fed % RENEW == 0:
            self.renew()

    def look(self) -> None:
        self.intake.drain(self.store)
        text = exposition.render((self.store, self.own.store), exposition.TEXT).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                assert not math.isnan(sample.value), sample
                if family.type in ("counter", "histogram"):
                    key = sample.name, str(sorted(sample.labels.items()))
                    assert self.sums.get(key, 0) <= sample.value < math.inf, sample
                    self.sums[key] = sample.value


if __name__ == "__main__":
    folder, times, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], folder, f"-runs={times}", "-max_len=4000", "-rss_limit_mb=1500", *options], Target())
    atheris.Fuzz()
