"""docs/doctor.md: the faults that it names are those that are planted, and each check is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from windsock.doctor.examination import PARTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/doctor.md").read_text()
ROW = re.compile(r"^\| (.+) \| `([a-z_.]+)` \| ?(.*?) ?\|$", re.MULTILINE)
SOURCES = (
    "alerts/health",
    "callbacks/health.py",
    "dashboards/health.py",
    "logging/health.py",
    "exporter/health.py",
    "exporter/database/health.py",
    "exporter/web/findings.py",
)


@pytest.fixture(scope="module")
def planted():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import doctor_servers  # noqa: F401, PLC0415  it adds to the list
        from doctor_faults import FAULTS  # noqa: PLC0415
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return FAULTS


def test_the_table_has_each_fault_that_is_planted(planted):
    rows = [(words, check, "3" if only else "23") for words, check, only in ROW.findall(PAGE)]
    assert rows == [(one.words, one.check, one.majors) for one in planted]
    for major in "23":
        assert sum(major in one.majors for one in planted) >= 40
    assert {check.partition(".")[0] for _, check, _ in rows} >= PARTS.keys() - {"grafana"} | {"statsd"}


def test_each_check_stands_on_the_page():
    folders = [ROOT / place for place in SOURCES]
    files = [*folders, *(file for folder in folders for file in folder.glob("*.py"))]
    named = set()
    for file in (path for path in files if path.suffix == ".py"):
        text = file.read_text()
        named |= set(re.findall(r'Finding\(\s*"([a-z]+\.[a-z_]+)",\s*"(?:warning|critical)"', text))
        named |= {f"{file.stem}.{what}" for what in re.findall(r'_bad\(\s*"([a-z]+)",', text)}
    assert len(named) > 40
    assert sorted(one for one in named if f"`{one}`" not in PAGE) == []
