"""What the unit tests of the rules notice: each comparison, threshold, `for`, window, matcher, changed one at a time.

Each mutant is the generated rules with one change; the unit tests of the alert are run against it with promtool, and
one of them has to fail. What several alerts read (a recording rule) is caught where the tests of one of them fail. What
they share by construction, how growth is counted, is changed in one of them.

promtool runs all cases of a file, and the dearest takes a hundred times as long as the cheapest: so each case is a file
of its own, and those come first that find the most in a second. What is found is printed rule by rule.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from windsock.alerts import build, coverage
from windsock.alerts.unit_tests import needed
from windsock.dashboards import promql
from windsock.settings import Settings
from windsock.settings.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR = 0.95
PROCESSES = 2
PRIOR = 0.05
"""Mutants that a case may catch which has caught none."""
TIMEOUT = 300
GO = {"GOGC": "400"}
"""Less of promtool's time goes into collecting garbage: a quarter of all."""

COMPARISON = re.compile(r"(?<=[\s)\d}\]])(==|!=|>=|<=|>|<)(?= )")
OTHER = {"==": "!=", "!=": "==", ">=": ">", ">": ">=", "<=": "<", "<": "<="}
THRESHOLD = re.compile(r"(?:(?:==|!=|>=|<=|>|<) |time\(\) - )(\d+(?:\.\d+)?)\b(?![\[:])")
MATCHER = re.compile(r'(?<=[{,])(\s*\w+)(=~|!~|!=|=)(?=")')
OPPOSITE = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
SELECTOR = re.compile(r"[\w:]+\{[^}]*\}")
WINDOW = re.compile(r"([\w:]+(?:\{[^}]*\})?|\))\[(\w+)(:\w+)?\]")
OFFSET = re.compile(r"offset (\w+)")
GROWTH = re.compile(
    r"<= bool|cluster_instance:up:min offset \w+ == 1"
    r"|last_over_time\([\w:]+(?:\{[^}]*\})?\[1h30s\] offset 1m\)"
)
"""What each growth has."""
GROWTH_OF = "WindsockKernelDrops"
"""In whose tests these are judged."""
TEAM, TEAM_OF = "airflow_db_dag_info", "AirflowFinishAtRisk"
"""What all alerts about a DAG have, until its team is recorded, and in whose tests it is judged."""

REASONS = (
    ("*", "* < ⟦1 → 0.75⟧*", "the same: what is compared is a whole number"),
    ("*airflow_error_budget*", "*>= ⟦2 → 1.5⟧*", "the same: what is compared is a whole number"),
    ("*airflow_error_budget*", "*>= ⟦3 → 2.25⟧*", "the same: what is compared is a whole number"),
    (
        "*airflow_error_budget*",
        "window *5m30s] → *consecutive_failures",
        "a gap that it would feel is shorter than `keep`",
    ),
    (
        TEAM_OF,
        f"window *of {TEAM}",
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
    (
        "*unnotified:found",
        "window *last_pass*",
        "its value is too old before that, or the gap shorter than `for`",
    ),
    ("*:airflow_dag:group", "*> ⟦1 → 1.25⟧", "the same: what is compared is a whole number"),
    ("AirflowRetryStorm", "*>= ⟦3 → 2.25⟧", "the same: what is compared is a whole number"),
    ("AirflowRetryStorm", "*⟦> → >=⟧ 0)) >= 50", "the same: a DAG without such a task adds nothing"),
    ("AirflowDagParsingBehind", "*> 3600)) ⟦> → >=⟧ 0", "the same: a count is 1 or more"),
    ("AirflowDagImportError", "*⟦> → >=⟧ 0", "the same: no error is of 1970"),
    ("AirflowAssetStale", "*> ⟦0 → 1⟧)) > 1.5", "the same: no pause is shorter than a second"),
    ("AirflowDagFileTimeouts", "*> ⟦2 → 2.5⟧", "the same: what is compared is a whole number"),
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
    name, expr = _name(rule), rule["expr"]
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
        if old in {"1h30s", "1m30s"} and GROWTH.search(expr) and name != GROWTH_OF:
            continue
        if series == TEAM and "alert" in rule and name != TEAM_OF:
            continue
        for new in _windows(old, step):
            changed = expr.replace(f"{series}[{old}{step or ''}]", f"{series}[{new}{step or ''}]")
            yield Mutant(name, f"window [{old}] → [{new}] of {series}", {**rule, "expr": changed})
    for key in ("for", "keep_firing_for"):
        if key in rule:
            seconds = parse_duration(rule[key])
            for other in (seconds + max(60, seconds / 2), max(0, seconds - max(60, seconds / 2))):
                length = format_duration(other)
                yield Mutant(name, f"{key} {rule[key]} → {length}", {**rule, key: length})


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


@dataclass
class Case:
    """One unit test of an alert, in a file of its own."""

    alert: str
    test: str
    took: float = 0.0
    """Seconds."""
    found: Counter[str] = field(default_factory=Counter)
    """Mutants that it caught, by rule."""

    def worth(self, rule: str, read: set[str]) -> tuple[bool, float]:
        """Mutants of that rule that it catches in a second; none where it has no sample of what the rule reads."""
        return any(name in self.test for name in read), (self.found[rule] + PRIOR) / max(self.took, 0.001)


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
        self.cases = {alert: list(_cases(alert)) for alert in self.read}
        self._numbers = itertools.count()

    def check(self, case: Case) -> None:
        """Measure how long it takes; raises SystemExit where it fails without any mutant."""
        begun = time.monotonic()
        if not self._passes(case, self.rules):
            raise SystemExit(f"{case.alert}: its unit tests fail as it is: `windsock alerts test` says why")
        case.took = time.monotonic() - begun

    def catches(self, mutant: Mutant) -> bool:
        """Whether the tests of the rule, or of one that reads the record, fail."""
        groups = [
            {
                **group,
                "rules": [mutant.content if _name(rule) == mutant.rule else rule for rule in group["rules"]],
            }
            for group in self.rules["groups"]
        ]
        cases = [case for alert in self.readers(mutant.rule) for case in self.cases[alert]]
        read = self._metrics(mutant.rule)
        for case in sorted(cases, key=lambda one: one.worth(mutant.rule, read), reverse=True):
            if not self._passes(case, {"groups": groups}):
                case.found[mutant.rule] += 1
                return True
        return False

    def readers(self, rule: str) -> list[str]:
        """The alert itself, or all that read the record at last."""
        return [rule] if rule in self.read else [alert for alert, records in self.read.items() if rule in records]

    def _metrics(self, rule: str) -> set[str]:
        """What it reads at last, where a record is none."""
        exprs = [one["expr"] for group in self.rules["groups"] for one in group["rules"] if _name(one) == rule]
        names = {name for expr in exprs for name in promql.names(expr)}
        records = {name for name in names if ":" in name}
        return (names - records).union(*(self._metrics(one) for one in records))

    def _passes(self, case: Case, rules: dict[str, Any]) -> bool:
        place = self.folder / str(next(self._numbers))
        place.mkdir()
        # JSON is YAML, and made in no time.
        (place / "rules.yml").write_text(json.dumps(needed(rules, case.alert)))
        (place / "test.yml").write_text(case.test)
        command = [self.promtool, "test", "rules", str(place / "test.yml")]
        done = subprocess.run(command, env=os.environ | GO, capture_output=True, timeout=TIMEOUT, check=False)
        shutil.rmtree(place)
        return done.returncode == 0


def _cases(alert: str) -> Iterator[Case]:
    whole = yaml.safe_load((coverage.TESTS / f"{alert}.yml").read_text())
    for test in whole["tests"]:
        yield Case(alert, json.dumps({**whole, "rule_files": ["rules.yml"], "tests": [test]}))


def _name(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def _records(rules: dict[str, Any], alert: str) -> set[str]:
    return {rule.get("record", "") for group in needed(rules, alert)["groups"] for rule in group["rules"]}


def main() -> None:
    """Print what survived, and how much was caught."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="PATTERN", help="rules of these names, with * and ?")
    parser.add_argument("--promtool", default="promtool", help="the program that runs the tests")
    given = parser.parse_args()
    begun = time.monotonic()
    survivors: list[Mutant] = []
    number = 0
    with (
        tempfile.TemporaryDirectory(prefix="windsock-mutants-") as folder,
        ThreadPoolExecutor(PROCESSES) as pool,
    ):
        judge = Judge(given.promtool, Path(folder))
        wanted = [
            rule
            for group in judge.rules["groups"]
            for rule in group["rules"]
            if any(fnmatchcase(_name(rule), one) for one in given.only or "*") and judge.readers(_name(rule))
        ]
        alerts = {alert for rule in wanted for alert in judge.readers(_name(rule))}
        list(pool.map(judge.check, [case for alert in sorted(alerts) for case in judge.cases[alert]]))
        for rule in wanted:
            found = list(mutants(rule))
            seen = list(pool.map(judge.catches, found))
            number += len(found)
            print(f"{_name(rule)}: {sum(seen)} of {len(found)}, after {time.monotonic() - begun:.0f} s", flush=True)
            for mutant in itertools.compress(found, (not one for one in seen)):
                survivors.append(mutant)
                print(f"  {mutant.change}{f'   ({mutant.reason})' if mutant.reason else ''}", flush=True)
    share = 1 - len(survivors) / max(1, number)
    open_ = sum(not mutant.reason for mutant in survivors)
    print(
        f"caught {share:.1%} of {number} (bar {BAR:.0%}); {len(survivors)} survive, {open_} of them without a"
        f" reason; {time.monotonic() - begun:.0f} s"
    )
    sys.exit(share < BAR)


if __name__ == "__main__":
    main()
