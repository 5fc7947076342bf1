"""What evaluates the rules: Prometheus in two versions, and VictoriaMetrics. Each runs the unit tests in alerts/tests.

promtool takes them as they are, and so does vmalert-tool, which is vmalert with VictoriaMetrics inside, but for its
clock and for what is seen when: `for_victoriametrics`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

HOME = Path(__file__).resolve().parents[2] / ".windsock"
EPOCH = 946_684_800
"""When the tests of vmalert-tool begin, in Unix time: with the year 2000. Those of promtool begin at 0."""


class Engine(NamedTuple):
    """One program that evaluates rules, and how it is told to test them."""

    name: str
    program: str
    place: str = ""
    """Below .windsock; on the PATH where it is empty."""
    test: tuple[str, ...] = ("test", "rules")

    def find(self) -> str:
        """Its path; fails the test where it is not there."""
        found = shutil.which(self.program, path=str(HOME / self.place)) if self.place else shutil.which(self.program)
        if found is None:
            how = "make current" if self.place else "apt-get install prometheus"
            pytest.fail(f"{self.program} of {self.name} is not there: {how}")
        return found

    def run(self, files: list[Path]) -> subprocess.CompletedProcess[str]:
        """Run these unit tests; the exit code says whether all passed."""
        command = [self.find(), *self.test, *(f"--files={file}" if self.victoria else str(file) for file in files)]
        return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)

    @property
    def victoria(self) -> bool:
        return self.program == "vmalert-tool"


OLDEST = Engine("Prometheus 2.42", "promtool")
CURRENT = Engine("Prometheus 3.16", "promtool", "prometheus-3.16.0")
# The group's name as a label of each alert is vmalert's own idea.
VICTORIA = Engine(
    "VictoriaMetrics 1.150", "vmalert-tool", "victoriametrics-1.150.0", ("unittest", "-disableAlertgroupLabel")
)
ENGINES = (OLDEST, CURRENT, VICTORIA)


def needed(rules: dict[str, Any], alert: str) -> list[dict[str, Any]]:
    """Of all rules in a file's text the alert, and the records that it reads, in their order."""
    kept: list[dict[str, Any]] = []
    for rule in reversed([rule for group in rules["groups"] for rule in group["rules"]]):
        read = "record" in rule and any(rule["record"] in other["expr"] for other in kept)
        if read or rule.get("alert") == alert:
            kept.insert(0, rule)
    return kept


def for_victoriametrics(rules: list[dict[str, Any]], test: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a file of these rules and a file of unit tests, as vmalert-tool takes them to say the same.

    What a rule records is seen by those of later groups, where Prometheus shows it to the next rule: each rule is a
    group of its own. A running vmalert shows it with the next evaluation. And a time that a series says is one of 2000.
    """
    groups = [{"name": f"{number:02}", "rules": [rule]} for number, rule in enumerate(rules)]
    file = {**test, "rule_files": ["rules.yml"], "group_eval_order": [group["name"] for group in groups]}
    for one in file["tests"]:
        for series in one["input_series"]:
            if "_timestamp_seconds{" in series["series"]:
                series["values"] = re.sub(r"(?<!\S)\d+", lambda found: str(EPOCH + int(found[0])), series["values"])
    return {"groups": groups}, file


def write(folder: Path, rules: dict[str, Any], test: dict[str, Any]) -> Path:
    """Write both files, and return that of the unit tests."""
    (folder / "rules.yml").write_text(yaml.safe_dump(rules, sort_keys=False))
    (folder / "test.yml").write_text(yaml.safe_dump(test, sort_keys=False))
    return folder / "test.yml"
