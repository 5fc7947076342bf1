"""A YAML file, read value by value: each problem names its line, its key and what was expected."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml

from windsock.exceptions import SettingsError
from windsock.settings import document
from windsock.settings.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_Choice = TypeVar("_Choice")

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|\+?\.inf", re.IGNORECASE)
_FLAGS = {**dict.fromkeys(("true", "yes", "on", "y"), True), **dict.fromkeys(("false", "no", "off", "n"), False)}


@dataclass
class Findings:
    """What is wrong with a file, and what in it has no effect; each with its file and line."""

    file: str
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def problem(self, node: yaml.Node, key: str, expected: str) -> None:
        """Note what makes the file unusable."""
        self.problems.append(f"{self.file}:{node.start_mark.line + 1}: {key}: {expected}")

    def remark(self, node: yaml.Node, key: str, text: str) -> None:
        """Note what can be left out without a change."""
        self.remarks.append(f"{self.file}:{node.start_mark.line + 1}: {key}: {text}")


class Section:
    """One mapping of the file; a key that is not there, or has no value, gives the empty value of its type."""

    def __init__(self, node: yaml.Node | None, key: str, findings: Findings) -> None:
        self.node = node or yaml.MappingNode("", [])
        self.key = key
        self.findings = findings
        self._values: dict[str, yaml.Node] = {}
        if not isinstance(self.node, yaml.MappingNode):
            self.problem("", "expected a mapping")
            return
        yaml.constructor.SafeConstructor().flatten_mapping(self.node)
        self._values = {str(name.value): value for name, value in self.node.value}

    def __contains__(self, name: str) -> bool:
        node = self._values.get(name)
        return node is not None and node.tag != "tag:yaml.org,2002:null"

    def known(self, *names: str) -> None:
        """Remark on every key that is none of `names`; statsd_exporter passes over them silently."""
        for name in self._values:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                self.remark(name, f"unknown key, left out; did you mean {near[0]!r}?" if near else "unknown, left out")

    def problem(self, name: str, expected: str) -> None:
        """Note a problem with the value of `name`, or with the whole section."""
        self.findings.problem(self._values.get(name, self.node), self._dotted(name), expected)

    def remark(self, name: str, text: str) -> None:
        """Note that `name` has no effect."""
        self.findings.remark(self._values.get(name, self.node), self._dotted(name), text)

    def section(self, name: str) -> Section:
        """The mapping below `name`."""
        return Section(self._values[name] if name in self else None, self._dotted(name), self.findings)

    def sections(self, name: str) -> list[Section]:
        """The list of mappings below `name`."""
        return [Section(node, f"{self._dotted(name)}[{i}]", self.findings) for i, node in enumerate(self._items(name))]

    def texts(self, name: str) -> dict[str, str]:
        """The mapping of strings below `name`."""
        section = self.section(name)
        return {key: section.text(key) for key in section._values}  # noqa: SLF001  its own class

    def text(self, name: str) -> str:
        """A string; every scalar is one, as it is written."""
        if name not in self:
            return ""
        node = self._values[name]
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.problem(name, "expected a string")
        return ""

    def choice(self, name: str, choices: Mapping[str, _Choice]) -> _Choice | None:
        """One of the choices' values."""
        text = self.text(name)
        if name in self and text not in choices:
            self.problem(name, f"expected {' or '.join(repr(choice) for choice in choices if choice)}")
        return choices.get(text) if name in self else None

    def flag(self, name: str) -> bool:
        """`true` or `false`."""
        flag = _FLAGS.get(self.text(name).lower())
        if flag is None and name in self:
            self.problem(name, "expected true or false")
        return bool(flag)

    def number(self, name: str) -> float | None:
        """A number."""
        if name not in self:
            return None
        number = _number(self._values[name])
        if number is None:
            self.problem(name, "expected a number")
        return number

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of numbers."""
        found = [_number(node) for node in self._items(name)]
        if None in found:
            self.problem(name, "expected a list of numbers")
        return tuple(number for number in found if number is not None)

    def seconds(self, name: str) -> float:
        """A duration such as `1m30s`."""
        text = self.text(name)
        try:
            if not _NUMBER.fullmatch(text):
                return parse_duration(text) if name in self else 0.0
            if float(text) == 0:
                return 0.0
        except ValueError:
            pass
        self.problem(name, "expected a duration with its unit, such as 90s or 1m30s")
        return 0.0

    def _items(self, name: str) -> Iterator[yaml.Node]:
        if name not in self:
            return
        node = self._values[name]
        if isinstance(node, yaml.SequenceNode):
            yield from node.value
        else:
            self.problem(name, "expected a list")

    def _dotted(self, name: str) -> str:
        return f"{self.key}.{name}".strip(".")


def _number(node: yaml.Node) -> float | None:
    text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
    return float(text.lower().replace(".inf", "inf")) if _NUMBER.fullmatch(text) else None


def read(path: str) -> Section:
    """The mapping that a YAML file holds. Raises SettingsError where it holds none."""
    node = document.read_node(Path(path))
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise SettingsError([f"{path}:1: expected a mapping with the key `mappings`"])
    return Section(node, "", Findings(path))
