"""Every unit test of the rules in a real VictoriaMetrics, evaluated by vmalert: MetricsQL, its `for` and its templates.

Half a minute of a whole core, and more: `make matrix` runs it, the usual suite does not, so that no test_ stands before
its name.
"""

from __future__ import annotations

import pytest
import yaml
from real import engines

from windsock.alerts import build, coverage
from windsock.alerts.rules import RULES
from windsock.settings import Settings

RULE_FILE = yaml.safe_load(build.files(Settings(exporter={"web": {"listen": "127.0.0.1:0"}}))[build.RULES])
"""Without links, as the unit tests are written."""


@pytest.fixture
def passes(tmp_path):
    """`passes(alert, right="", wrong="")`: what vmalert-tool says of its unit tests, where one part is wrong."""

    def run(alert, right="", wrong=""):
        test = yaml.safe_load((coverage.TESTS / f"{alert}.yml").read_text())
        rules, test = engines.for_victoriametrics(engines.needed(RULE_FILE, alert), test)
        text = yaml.safe_dump(rules, width=10_000)
        assert right in text
        return engines.VICTORIA.run(engines.write(tmp_path, yaml.safe_load(text.replace(right, wrong)), test))

    return run


@pytest.mark.parametrize("alert", [rule.name for rule in RULES])
def test_every_unit_test_passes(passes, alert):
    done = passes(alert)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("alert", "right", "wrong"),
    [
        ("AirflowSchedulerHeartbeatStopped", "[2m30s]", "[1m30s]"),
        ("WindsockDatabaseDown", "airflow_db_up[5m30s]", "airflow_db_up[5m]"),
        ("WindsockKernelDrops", "14m59s", "15m59s"),
        ("WindsockLogsLate", "keep_firing_for: 5m", "keep_firing_for: 1m"),
        ("WindsockReconcilerStopped", "time() - 300", "time() - 360"),
    ],
)
def test_a_wrong_rule_fails_its_unit_tests(passes, alert, right, wrong):
    assert passes(alert, right, wrong).returncode == 1
