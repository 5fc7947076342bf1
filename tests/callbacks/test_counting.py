"""How a callback reports itself to the exporter: the calls that Airflow's own metrics get."""

import sys
from types import ModuleType

import pytest

from windsock.airflow import compat
from windsock.callbacks import Notify, on_failure, on_success


class Conf:
    def __init__(self, **options):
        self.options = options

    def getboolean(self, section, key, fallback=None):
        assert section == "metrics"
        return self.options.get(key, fallback)


@pytest.fixture(params=["3.2 and later", "2.11 to 3.1"])
def airflow_metrics(request, monkeypatch):
    """Airflow's configuration and counters where this version has them; tests/e2e has the real ones on the wire."""
    calls = []

    class Stats:
        @staticmethod
        def incr(name, count=1, tags=None):
            assert count == 1
            if name.startswith("windsock.callback."):  # what channels count: test_metrics
                calls.append((name, tags))

    def install(**options):
        names = (
            {"airflow.sdk.configuration": "conf", "airflow.sdk.observability.stats": "Stats"}
            if request.param == "3.2 and later"
            else {"airflow.configuration": "conf", "airflow.stats": "Stats"}
        )
        for name, attribute in names.items():
            parts = name.split(".")
            for end in range(1, len(parts)):
                monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(parts[end - 1]))
            module = ModuleType(name)
            setattr(module, attribute, Stats if attribute == "Stats" else Conf(**options))
            monkeypatch.setitem(sys.modules, name, module)
        for name in ("airflow", "airflow.sdk"):
            if name in sys.modules:
                sys.modules[name].__path__ = []
        return calls

    return install


PLAIN = {"statsd_on": True}
INFLUXDB = {"statsd_on": True, "statsd_influxdb_enabled": True}
DATADOG = {"statsd_datadog_enabled": True}
DATADOG_WITHOUT_TAGS = {"statsd_datadog_enabled": True, "statsd_datadog_metrics_tags": False}
OPENTELEMETRY = {"otel_on": True}


@pytest.mark.parametrize("options", [INFLUXDB, DATADOG, OPENTELEMETRY])
def test_delivered_with_tags(airflow3, alertmanager, configure, airflow_metrics, options):
    configure(alertmanager={"urls": [alertmanager.url]})
    calls = airflow_metrics(**options)
    on_failure(airflow3.task_failure(ValueError("x")))
    assert calls == [("windsock.callback.sent", {"alertname": "AirflowTaskFailed", "dag_id": "zoo.fail"})]


def test_each_failure_is_counted_once_and_its_end_is_none(airflow, alertmanager, configure, airflow_metrics):
    """The rule AirflowTaskFailuresUnnotified holds the count against the failures of Airflow's own metrics."""
    configure(alertmanager={"urls": [alertmanager.url]})
    calls = airflow_metrics(**INFLUXDB)
    indexes = [airflow.task_failure(ValueError("x"), map_index=index) for index in (0, 1, 0, -1)]
    for context in indexes:
        on_failure(context)
        Notify()(context)
    assert len(calls) == 3
    success = airflow.task_failure(None)
    success["task_instance"].state = "success"
    on_success(success)
    assert alertmanager.alerts() == []
    assert len(calls) == 3


@pytest.mark.parametrize("options", [PLAIN, DATADOG_WITHOUT_TAGS])
def test_delivered_without_tags_the_dag_is_in_the_name(airflow3, alertmanager, configure, airflow_metrics, options):
    configure(alertmanager={"urls": [alertmanager.url]})
    calls = airflow_metrics(**options)
    on_failure(airflow3.task_failure(ValueError("x")))
    assert calls == [("windsock.callback.sent.AirflowTaskFailed.zoo.fail", None)]


@pytest.mark.parametrize(
    ("urls", "reason"), [([], "unconfigured"), (["http://127.0.0.1:1"], "unreachable"), ("nonsense", "settings")]
)
def test_not_delivered(airflow3, configure, airflow_metrics, urls, reason):
    configure(alertmanager={"urls": urls})
    calls = airflow_metrics(**INFLUXDB)
    on_failure(airflow3.dag_failure())
    tags = {"reason": reason, "alertname": "AirflowDagRunFailed", "dag_id": "zoo.fail"}
    assert calls == [("windsock.callback.failed", tags)]


def test_not_delivered_without_tags(airflow3, airflow_metrics):
    calls = airflow_metrics(**PLAIN)
    on_failure(airflow3.dag_failure())
    assert calls == [("windsock.callback.failed.unconfigured.AirflowDagRunFailed.zoo.fail", None)]


def test_a_timeout_is_counted_within_the_budget(airflow3, hostile, configure, airflow_metrics):
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": 4})
    calls = airflow_metrics(**PLAIN)
    on_failure(airflow3.task_failure(ValueError("x")))
    assert calls == [("windsock.callback.failed.timeout.AirflowTaskFailed.zoo.fail", None)]


def test_nonsense_is_counted(airflow_metrics):
    calls = airflow_metrics(**PLAIN)
    on_failure(None)
    assert calls == [("windsock.callback.failed.internal.unknown.unknown", None)]


def test_broken_metrics_harm_nobody(airflow3, alertmanager, configure, airflow_metrics, monkeypatch, lines):
    configure(alertmanager={"urls": [alertmanager.url]})
    airflow_metrics(**PLAIN)

    def broken(*_, **__):
        raise SystemExit(1)

    monkeypatch.setattr(compat, "count", broken)
    on_failure(airflow3.task_failure(ValueError("x")))
    assert [level for level, _ in lines()] == ["INFO"]


def test_airflows_own_masker_is_asked(airflow, alertmanager, configure, monkeypatch):
    configure(alertmanager={"urls": [alertmanager.url]})
    name = "airflow.sdk._shared.secrets_masker" if airflow.major == 3 else "airflow.utils.log.secrets_masker"
    masker = ModuleType(name)
    masker.redact = lambda text: text.replace("open sesame", "***")
    monkeypatch.setitem(sys.modules, name, masker)

    on_failure(airflow.task_failure(ValueError("the cave said open sesame")))

    assert alertmanager.alerts()[0]["annotations"]["exception"] == "ValueError: the cave said ***"


def test_a_masker_that_is_not_set_up_harms_nobody(airflow, alertmanager, configure, monkeypatch):
    configure(alertmanager={"urls": [alertmanager.url]})
    masker = ModuleType("airflow.utils.log.secrets_masker")

    def redact(text):
        raise RuntimeError("no secrets masker found")

    masker.redact = redact
    monkeypatch.setitem(sys.modules, masker.__name__, masker)
    on_failure(airflow.task_failure(ValueError("x")))
    assert alertmanager.alerts()[0]["annotations"]["exception"] == "ValueError: x"
