"""What is recorded for dashboards is what they would add up themselves, on the oldest and on the newest Prometheus."""

from __future__ import annotations

import pytest
import yaml
from real import engines

from windsock import catalog
from windsock.alerts.panels import PANELS
from windsock.settings import Links

SCRAPED = {"cluster", "instance", "le"}


def series(metric: catalog.Metric, **labels: str) -> str:
    given = {"cluster": "prod", "le": "5.0", **dict.fromkeys(metric.labels, "x"), **labels}
    return f"{metric.family}_bucket{{{','.join(f'{name}={value!r}' for name, value in given.items())}}}"


@pytest.mark.parametrize("engine", [engines.OLDEST, engines.CURRENT], ids=str)
def test_they_add_up_what_one_exporter_says(engine, tmp_path):
    tests = []
    for record in PANELS.records:
        labels, name, _ = record.name.split(":")
        metric = catalog.family(name.removesuffix("_bucket"))
        kept = [label for label in metric.labels if f"_{label}_" in labels]
        added = ",".join(f'{label}="x"' for label in kept)
        told = f'{{cluster="prod",instance="%s",le="5.0"{"," if added else ""}{added}}}'
        split = next(label for label in ("dag_id", "run_type") if label in metric.labels)
        given = [
            {"series": series(metric, instance=instance, **{split: value}), "values": "1+1x10"}
            for instance, value in (("a", "x"), ("a", "y"), ("b", "x"))
        ]
        found = [{"labels": record.name + told % one, "value": value} for one, value in (("a", 12), ("b", 6))]
        check = {"expr": record.name, "eval_time": "5m", "exp_samples": found}
        tests.append({"interval": "1m", "input_series": given, "promql_expr_test": [check]})
    rules = {"groups": [PANELS.render(Links())]}
    file = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    done = engine.run(engines.write(tmp_path, yaml.safe_load(yaml.safe_dump(rules)), file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_labels_that_they_keep_are_those_of_their_metric():
    for record in PANELS.records:
        name = record.name.split(":")[1].removesuffix("_bucket")
        by = set(record.expr.partition("(")[2].partition(")")[0].split(", "))
        assert by <= SCRAPED | set(catalog.family(name).labels)
        assert record.name.startswith("cluster_instance")
