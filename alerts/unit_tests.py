"""The rules' unit tests, each beside the rules that it is about.

promtool evaluates all rules of a file in every minute of a test: with those of the other alerts it takes ten times as
long, and says the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from windsock import yaml_load

from .coverage import TESTS

if TYPE_CHECKING:
    from pathlib import Path

_ALL = "../generated/rules.yml"
"""What the tests name, so that promtool takes them where they stand, too."""


def needed(rules: dict[str, Any], alert: str) -> dict[str, Any]:
    """Return a file of rules with nothing but the alert and the records that it reads, in their groups and order."""
    records = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}

    def kept(names: set[str]) -> list[dict[str, Any]]:
        every = (
            {**group, "rules": [rule for rule in group["rules"] if _name(rule) in names]} for group in rules["groups"]
        )
        return [group for group in every if group["rules"]]

    names: set[str] = set()
    more = {alert}
    while more - names:
        names |= more
        read = "".join(rule["expr"] for group in kept(names) for rule in group["rules"])
        more = {name for name in records if name in read}
    return {**rules, "groups": kept(names)}


def _name(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def write(rules: str, folder: Path) -> list[Path]:
    """Write the unit tests of rules without links, and return their files, which `promtool test rules` takes."""
    whole = yaml_load.load(rules)
    written = []
    for file in sorted(TESTS.glob("*.yml")):
        own = f"{file.stem}.rules"
        (folder / own).write_text(yaml.safe_dump(needed(whole, file.stem), sort_keys=False), encoding="utf-8")
        made = folder / file.name
        made.write_text(file.read_text(encoding="utf-8").replace(_ALL, own, 1), encoding="utf-8")
        written.append(made)
    return written
