"""The chart without helm: its values, its examples, its versions. `make matrix ARGS=chart` renders it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import windsock
from windsock import parts, settings

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "windsock"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))


def merged(values, others):
    """As helm puts one file of values over another."""
    both = {
        key: merged(values[key], value) if isinstance(value, dict) and isinstance(values.get(key), dict) else value
        for key, value in others.items()
    }
    return {**values, **both}


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.fixture(scope="module")
def wrong(values):
    schema = json.loads((CHART / "values.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    return lambda others: {".".join(map(str, one.path)) for one in validator.iter_errors(merged(values, others))}


GOOD = {"image": {"repository": "x"}, "config": "cluster: a", "reader": {"database": {"secret": "db"}}}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_taken_by_the_schema_and_by_windsock(wrong, path, tmp_path):
    # Of windsock.yaml's files one has no default: helm is given it.
    assert wrong(merged(yaml.safe_load(path.read_text()), {"filebeat": {"config": "x"}})) == set()
    (tmp_path / "windsock.yaml").write_text(yaml.safe_load(path.read_text())["config"])
    assert settings.load(tmp_path / "windsock.yaml", environ={}).cluster


def test_there_is_one_example_for_each_place(wrong):
    assert [path.stem for path in EXAMPLES] == [
        "by-component",
        "kube-prometheus-stack",
        "kubernetes-executor",
        "managed-airflow",
    ]
    assert wrong(GOOD) == set()


@pytest.mark.parametrize(
    ("others", "place"),
    [
        ({"image": {"repository": ""}}, "image.repository"),
        ({"config": ""}, "config"),
        ({"reader": {"database": {"secret": ""}}}, "reader.database.secret"),
        ({"reader": {"replica": 3}}, "reader"),
        ({"reader": {"enabled": False, "openlineage": {"enabled": True}}}, "reader.openlineage.enabled"),
        ({"filebeat": {"enabled": True}}, "filebeat.config"),
        ({"exporter": {"statsd": {"port": 80}}}, "exporter.statsd.port"),
        ({"exporter": {"components": {"Workers": {}}}}, "exporter.components"),
        ({"exporter": {"components": {"workers": {"statsd": {}}}}}, "exporter.components.workers"),
        ({"monitor": {"kind": "Annotations"}}, "monitor.kind"),
        ({"statsd": {}}, ""),
    ],
)
def test_what_can_not_work_is_refused_with_its_place(wrong, others, place):
    assert wrong(merged(GOOD, others)) == {place}


def test_every_value_has_its_place_in_the_schema(values):
    properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert set(values) == set(properties) - {"global"}
    for name, value in values.items():
        if "properties" in properties[name]:
            assert set(value) == set(properties[name]["properties"]), name


def test_its_versions_are_those_of_windsock_and_of_its_parts(values):
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == windsock.__version__
    assert values["filebeat"]["image"]["tag"] == parts.FILEBEAT.current


def test_its_files_are_the_generated_ones(root):
    """As links here, as copies in the sdist; a new dashboard needs a link of its own."""
    made = {path.name: path for folder in ("alerts", "dashboards") for path in (root / folder / "generated").iterdir()}
    held = {path.name: path for path in (CHART / "files").rglob("*") if path.is_file()}
    assert set(held) == set(made)
    assert [name for name, path in held.items() if path.read_text() != made[name].read_text()] == []
