"""A mapping: the rules of a file, or windsock's own, and which of them a name belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from .globs import Globs, needs_backtracking
from .regex import Pattern, compile_go
from .rule import LineKind, Rule
from .template import fill_glob, fill_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Match:
    """The rule for a name, with its templates filled."""

    rule: Rule
    name: str
    labels: dict[str, str]


class Mapping:
    """Globs go before regular expressions, wherever they stand; among the latter the first in the file wins."""

    def __init__(
        self,
        rules: Sequence[Rule],
        default: Rule | None = None,
        *,
        ordered: bool = True,
        engine: Callable[[str], Pattern] = compile_go,
    ) -> None:
        self.rules = rules
        self.default = default or Rule()
        self._regexes = [(engine(rule.match), rule) for rule in rules if rule.regex]
        globs = [rule for rule in rules if not rule.regex]
        backtracking = ordered or needs_backtracking(rule.match for rule in globs)
        self._globs: dict[LineKind, Globs[Rule]] = {}
        for kind in get_args(LineKind):
            tree = self._globs[kind] = Globs(ordered=ordered, backtracking=backtracking)
            for rule in globs:
                if rule.kind in (None, kind):
                    tree.add(rule.match, rule)

    def find(self, name: str, kind: LineKind) -> Match:
        """The rule for a StatsD name; the default one keeps the name as it is."""
        found = self._globs[kind].find(name)
        if found is not None:
            rule, captures = found
            labels = {label: fill_glob(template, captures) for label, template in rule.labels}
            return Match(rule, fill_glob(rule.name, captures), labels)
        for pattern, rule in self._regexes:
            match = pattern.search(name) if rule.kind in (None, kind) else None
            if match is not None:
                labels = {label: fill_regex(template, match) for label, template in rule.labels}
                return Match(rule, fill_regex(rule.name, match), labels)
        return Match(self.default, name, {})
