"""What the unit tests of the rules notice: each comparison, threshold, `for`, window, matcher, changed one at a time.

Each mutant is the generated rules with one change; the unit tests of the alert are run against it with promtool, and
one of them has to fail. What several alerts read (a recording rule) is caught where the tests of one of them fail. What
they share by construction, how growth is counted, is changed in one of them.
"""

from __future__ import annotations

import argparse
import copy
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from windsock.alerts import build, coverage
from windsock.alerts.unit_tests import needed
from windsock.settings import Settings
from windsock.settings.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BAR = 0.95
PROCESSES = 2
TIMEOUT = 300

COMPARISON = re.compile(r"(?<=[\s)\d}\]])(==|!=|>=|<=|>|<)(?= )")
OTHER = {"==": "!=", "!=": "==", ">=": ">", ">": ">=", "<=": "<", "<": "<="}
THRESHOLD = re.compile(r"(?:(?:==|!=|>=|<=|>|<) |time\(\) - )(\d+(?:\.\d+)?)\b(?![\[:])")
MATCHER = re.compile(r'(?<=[{,])(\s*\w+)(=~|!~|!=|=)(?=")')
OPPOSITE = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
SELECTOR = re.compile(r"[\w:]+\{[^}]*\}")
WINDOW = re.compile(r"([\w:]+(?:\{[^}]*\})?|\))\[(\w+)(:\w+)?\]")
OFFSET = re.compile(r"offset (\w+)")
GROWTH = re.compile(
    r"<= bool|cluster_instance:up:min offset \w+ == 1|last_over_time\([\w:]+(?:\{[^}]*\})?\[10m30s\] offset 1m\)"
)
"""What each growth has."""
GROWTH_OF = "WindsockKernelDrops"
"""In whose tests these are judged."""

REASONS = (
    ("*", "* < ⟦1 → 0.75⟧*", "the same: what is compared is a whole number"),
    ("AirflowErrorBudget*", "*>= ⟦2 → 1.5⟧*", "the same: what is compared is a whole number"),
    ("AirflowErrorBudget*", "*>= ⟦3 → 2.25⟧*", "the same: what is compared is a whole number"),
    (
        "AirflowErrorBudget*",
        "window *5m30s] → *consecutive_failures",
        "a gap that it would feel is shorter than `keep`",
    ),
    (
        "AirflowErrorBudget*",
        "window *of airflow_db_dag_info",
        "it decides only until a new DAG's team is recorded, an evaluation later",
    ),
    (
        "*:failed_ratio*",
        "*> ⟦0 → 1⟧)",
        "of one run its DAG's consecutive failures say the same, and an alert takes two",
    ),
    ("*:failed_ratio3d", "*⟦> → >=⟧ 0)", "the same: where no run ended none failed, and an alert takes two"),
    ("*:budget", "window *5m30s] → *10m30s]*", "a goal that is known for longer harms nobody"),
    ("WindsockLogsRejected", "*offset 1m) ⟦> → >=⟧ 0*", "the same: a step that adds nothing adds nothing"),
    ("WindsockLogsRejected", "*:1m])) ⟦> → >=⟧ 0", "the same: no step is there that adds nothing"),
    ("WindsockCollectorStale", "window *5m30s] → *2m30s] *", "a gap that it would feel is shorter than `for`"),
    (
        "WindsockReconcilerStopped",
        "window *last_pass*",
        "its value is too old before that, or the gap shorter than `for`",
    ),
    (GROWTH_OF, "window *1m30s] → *2m30s] *", "the same: only a series that was not there a minute ago comes to it"),
)
"""By rule and mutant, as patterns: why it may survive."""


class Mutant(NamedTuple):
    """A change of one rule."""

    rule: str
    change: str
    content: dict[str, Any]
    """The rule as it is then."""

    @property
    def reason(self) -> str:
        """Why it may survive; empty where it should not."""
        found = (
            why for rule, change, why in REASONS if fnmatchcase(self.rule, rule) and fnmatchcase(self.change, change)
        )
        return next(found, "")


def mutants(rule: dict[str, Any]) -> Iterator[Mutant]:
    """Each mutant of a rule."""
    name, expr = rule.get("alert") or rule["record"], rule["expr"]
    shared = [match.span() for match in GROWTH.finditer(expr)] if name != GROWTH_OF else []

    def inside(position: int) -> bool:
        return any(start <= position < end for start, end in shared)

    for start, end, new in _changes(expr):
        if not inside(start):
            line = expr[:start].rsplit("\n", 1)[-1] + f"⟦{expr[start:end]} → {new}⟧" + expr[end:].split("\n", 1)[0]
            at = line.index("⟦")
            change = line[max(0, at - 70) : at + 60].strip()
            yield Mutant(name, change, {**rule, "expr": expr[:start] + new + expr[end:]})
    for selector in dict.fromkeys(SELECTOR.findall(expr)):
        for match in MATCHER.finditer(selector):
            changed = selector[: match.start(2)] + OPPOSITE[match[2]] + selector[match.end(2) :]
            yield Mutant(name, f"matcher {selector} → {changed}", {**rule, "expr": expr.replace(selector, changed)})
    for series, old, step in dict.fromkeys(match.groups() for match in WINDOW.finditer(expr)):
        if old in {"10m30s", "1m30s"} and GROWTH.search(expr) and name != GROWTH_OF:
            continue
        for new in _windows(old, step):
            changed = expr.replace(f"{series}[{old}{step or ''}]", f"{series}[{new}{step or ''}]")
            yield Mutant(name, f"window [{old}] → [{new}] of {series}", {**rule, "expr": changed})
    for key in ("for", "keep_firing_for"):
        if key in rule:
            seconds = parse_duration(rule[key])
            for new in (seconds + max(60, seconds / 2), max(0, seconds - max(60, seconds / 2))):
                yield Mutant(name, f"{key} {rule[key]} → {format_duration(new)}", {**rule, key: format_duration(new)})


def _changes(expr: str) -> Iterator[tuple[int, int, str]]:
    """Places of an expression, and what stands there in a mutant."""
    for match in COMPARISON.finditer(expr):
        yield *match.span(1), OTHER[match[1]]
    for match in THRESHOLD.finditer(expr):
        value = float(match[1])
        for new in (value * 1.25 or 1.0, value * 0.75):
            if new != value:
                yield *match.span(1), f"{new:g}"
    for match in OFFSET.finditer(expr):
        yield *match.span(1), format_duration(2 * parse_duration(match[1]))


def _windows(old: str, step: str | None) -> Iterator[str]:
    """Half of it and twice as much, with an edge where the old one has it: between two samples, or a second off."""
    seconds = parse_duration(old)
    unit = parse_duration(step[1:]) if step else 60
    edge = 1 if step else -30
    scrapes = round((seconds + edge) / unit)
    for new in {max(1, scrapes // 2), scrapes * 2} - {scrapes}:
        yield format_duration(new * unit - edge)


class Judge:
    """Runs unit tests against mutants."""

    def __init__(self, promtool: str, folder: Path) -> None:
        self.promtool = promtool
        self.folder = folder
        settings = Settings(exporter={"web": {"listen": "127.0.0.1:0"}})
        self.rules: dict[str, Any] = yaml.safe_load(build.files(settings)[build.RULES])
        every = [rule for group in self.rules["groups"] for rule in group["rules"]]
        self.read = {rule["alert"]: _records(self.rules, rule["alert"]) for rule in every if "alert" in rule}
        """By alert: what recording rules it needs."""
        self.took: dict[str, float] = {}

    def check(self, alerts: Iterable[str]) -> None:
        """Measure how long the tests of these alerts take; raises SystemExit where they fail without any mutant."""
        for alert in alerts:
            begun = time.monotonic()
            if not self._passes(alert, self.rules, alert):
                raise SystemExit(f"{alert}: its unit tests fail as it is: `windsock alerts test` says why")
            self.took[alert] = time.monotonic() - begun

    def catches(self, number: int, mutant: Mutant) -> bool:
        """Whether the tests of the rule, or of one that reads the record, fail."""
        rules = copy.deepcopy(self.rules)
        for group in rules["groups"]:
            group["rules"] = [
                mutant.content if (rule.get("alert") or rule.get("record")) == mutant.rule else rule
                for rule in group["rules"]
            ]
        readers = self.readers(mutant.rule)
        return any(not self._passes(alert, rules, f"{number}-{alert}") for alert in readers)

    def readers(self, rule: str) -> list[str]:
        """The alert itself, or all that read the record at last; those with the fastest tests first."""
        if rule in self.read:
            return [rule]
        found = [alert for alert, records in self.read.items() if rule in records]
        return sorted(found, key=lambda alert: self.took.get(alert, 0.0))

    def _passes(self, alert: str, rules: dict[str, Any], name: str) -> bool:
        place = self.folder / name
        place.mkdir()
        (place / "rules.yml").write_text(yaml.safe_dump(needed(rules, alert), sort_keys=False))
        test = (coverage.TESTS / f"{alert}.yml").read_text().replace("../generated/rules.yml", "rules.yml", 1)
        (place / "test.yml").write_text(test)
        command = [self.promtool, "test", "rules", str(place / "test.yml")]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
        shutil.rmtree(place)
        return done.returncode == 0


def _records(rules: dict[str, Any], alert: str) -> set[str]:
    return {rule.get("record", "") for group in needed(rules, alert)["groups"] for rule in group["rules"]}


def main() -> None:
    """Print what survived, and how much was caught."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="PATTERN", help="rules of these names, with * and ?")
    parser.add_argument("--promtool", default="promtool", help="the program that runs the tests")
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="windsock-mutants-") as folder:
        judge = Judge(given.promtool, Path(folder))
        wanted = [
            rule
            for group in judge.rules["groups"]
            for rule in group["rules"]
            if any(fnmatchcase(rule.get("alert") or rule["record"], one) for one in given.only or "*")
            and judge.readers(rule.get("alert") or rule["record"])
        ]
        judge.check({alert for rule in wanted for alert in judge.readers(rule.get("alert") or rule["record"])})
        found = [mutant for rule in wanted for mutant in mutants(rule)]
        print(f"{len(found)} mutants of {len(wanted)} rules")
        with ThreadPoolExecutor(PROCESSES) as pool:
            caught = list(pool.map(judge.catches, range(len(found)), found))
    survivors = [mutant for mutant, seen in zip(found, caught, strict=True) if not seen]
    for mutant in survivors:
        print(f"{mutant.rule}: {mutant.change}{f'   ({mutant.reason})' if mutant.reason else ''}")
    share = 1 - len(survivors) / max(1, len(found))
    open_ = sum(not mutant.reason for mutant in survivors)
    print(
        f"caught {share:.1%} of {len(found)} (bar {BAR:.0%}); {len(survivors)} survive, {open_} of them without a"
        f" reason; {time.monotonic() - begun:.0f} s"
    )
    sys.exit(share < BAR)


if __name__ == "__main__":
    main()
