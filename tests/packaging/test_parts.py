"""One file has the versions of all parts: no other says another one."""

from __future__ import annotations

import re

import yaml

from windsock import parts

PARTS = {name.lower(): value for name, value in vars(parts).items() if isinstance(value, parts.Part)}
# Airflow's are registries, captures and lock files of many versions, and `make airflow` asks about each new one.
OTHERS = {name: value for name, value in PARTS.items() if name != "airflow"}
NAMED = re.compile(rf"\b({'|'.join(OTHERS)})[^\w\n]{{1,4}}v?(\d+\.\d+\.\d+)\b", re.IGNORECASE)
"""A part's name with a whole version right after it; "0.28 or later" says what a part can do, not which one is run."""
PLACES = ("deploy", "docs", "tests", "scripts", "benchmarks", "examples", "windsock")
HISTORY = {"CHANGELOG.md"}
COMPOSE = "docker-compose.observability.yaml"


def texts(root, folders):
    """The text of each file that somebody wrote, by its path."""
    found = [path for place in (*PLACES, *folders) for path in (root / place).rglob("*.*")]
    for path in (*found, *root.glob("*.*"), root / "Makefile", root / ".ci" / "run"):
        if path.suffix in {".py", ".md", ".yaml", ".yml", ".sh", ".toml", ""} and path.is_file():
            yield str(path.relative_to(root)), path.read_text()


def test_no_file_names_another_version_of_a_part(root, folders):
    named = [
        (file, name.lower(), version)
        for file, text in texts(root, folders)
        if file not in HISTORY
        for name, version in NAMED.findall(text)
    ]
    assert {name for _, name, _ in named} >= {"prometheus", "alertmanager", "elasticsearch", "filebeat"}
    assert [said for said in named if said[2] not in OTHERS[said[1]]] == []


def test_the_page_has_each_part(root):
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|", (root / "docs/matrix.md").read_text(), re.MULTILINE)
    assert {name.lower(): tuple(versions) for name, *versions in rows} == PARTS


def test_the_compose_file_pins_what_was_run(root):
    services = yaml.safe_load((root / COMPOSE).read_text())["services"].values()
    images = dict(service["image"].rsplit(":", 1) for service in services if "build" not in service)
    assert images == parts.COMPOSE


def test_its_filebeat_is_the_one_that_its_configuration_is_for(root):
    written = re.search(r"^# For Filebeat (\S+)\.$", (root / "deploy/filebeat/filebeat.yml").read_text(), re.MULTILINE)
    assert parts.FILEBEAT.current.startswith(f"{written[1]}.")
    assert f"--filebeat-version {written[1]}" in (root / "Makefile").read_text()


def test_the_filebeat_that_is_built_is_the_oldest_one(root):
    module = (root / "demo/stack/filebeat/go.mod").read_text()
    assert re.findall(r"^require \S+/beats/v7 v(\S+)$", module, re.MULTILINE) == [parts.FILEBEAT.oldest]
