"""What evaluates the rules: Prometheus in two versions, and VictoriaMetrics. Each runs the unit tests in alerts/tests.

promtool takes them as they are, and so does vmalert-tool, which is vmalert with VictoriaMetrics inside, but for its
clock and for what is seen when: `for_victoriametrics`.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from windsock import parts

from . import programs

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = 946_684_800
"""When the tests of vmalert-tool begin, in Unix time: with the year 2000. Those of promtool begin at 0."""


class Engine(NamedTuple):
    """One version of what evaluates rules."""

    name: str
    program: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def find(self) -> Path:
        """The program that tests rules. Raises MissingProgramError."""
        return programs.find(self.program, self.version)

    def run(self, test: Path) -> subprocess.CompletedProcess[str]:
        """Run a file of unit tests; the exit code says whether all passed."""
        arguments = ["test", "rules", str(test)]
        if self is VICTORIA:
            # The group's name as a label of each alert is an idea of vmalert's own.
            arguments = ["unittest", "-disableAlertgroupLabel", f"--files={test}"]
        return subprocess.run([self.find(), *arguments], capture_output=True, text=True, timeout=280, check=False)


OLDEST, CURRENT = (Engine("Prometheus", "promtool", version) for version in parts.PROMETHEUS)
VICTORIA = Engine("VictoriaMetrics", "vmalert-tool", parts.VICTORIAMETRICS.current)
ENGINES = (OLDEST, CURRENT, VICTORIA)


def for_victoriametrics(rules: dict[str, Any], test: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a file of these rules and a file of unit tests, as vmalert-tool takes them to say the same.

    What a rule records is seen by those of later groups, where Prometheus shows it to the next rule: each rule is a
    group of its own. A running vmalert shows it with the next evaluation. And a time that a series says is one of 2000.
    """
    flat = [rule for group in rules["groups"] for rule in group["rules"]]
    groups = [{"name": f"{number:02}", "rules": [rule]} for number, rule in enumerate(flat)]
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
