"""The globs of a mapping as a tree of name parts, so that ten thousand of them cost no more than a few.

Which rule wins is statsd_exporter's: the first in the file, or with `glob_disable_ordering` the most specific, part by
part from the left. Its limits are kept, because the names that people query depend on them: a glob that is the
beginning of a longer one before it never matches, and unordered globs are searched as `needs_backtracking` says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Rule = TypeVar("_Rule")

PARTS = 250
"""Of the longest glob: a name of Airflow's has a handful, ids with many dots make it some dozens."""


class _Node(Generic[_Rule]):
    """One part of names; `shortest` and `longest` are the numbers of parts that may follow it."""

    __slots__ = ("children", "longest", "priority", "rule", "shortest", "stars")

    def __init__(self, following: int) -> None:
        self.children: dict[str, _Node[_Rule]] = {}
        self.rule: _Rule | None = None
        self.stars: tuple[int, ...] = ()
        self.priority = 0
        self.shortest = self.longest = following


class Globs(Generic[_Rule]):
    """The globs for one type of lines."""

    def __init__(self, *, ordered: bool, backtracking: bool = True) -> None:
        self._root: _Node[_Rule] = _Node(0)
        self._ordered = ordered
        self._backtracking = ordered or backtracking
        self._count = 0

    def add(self, glob: str, rule: _Rule) -> None:
        """Add a rule behind those that are there."""
        parts = glob.split(".")
        node = self._root
        for following, part in zip(reversed(range(len(parts))), parts, strict=True):
            child = node.children.get(part)
            if child is None:
                child = node.children[part] = _Node(following)
                if not following:
                    child.rule = rule
                    child.stars = tuple(index for index, part in enumerate(parts) if part == "*")
            child.shortest = min(child.shortest, following)
            child.longest = max(child.longest, following)
            node = child
        node.priority = self._count
        self._count += 1

    def find(self, name: str) -> tuple[_Rule, tuple[str, ...]] | None:
        """The rule that a name belongs to, and what its globs captured: the whole name, then what each `*` stands for.

        All nodes that a beginning of the name leads to are followed at once, part by part, the most specific first: no
        node is visited twice, whatever the name.
        """
        parts = name.split(".")
        reached = [self._root]
        for following, part in zip(reversed(range(len(parts))), parts, strict=True):
            # What is a `*` itself is no second way to the same node; statsd_exporter does not capture it.
            keys = (part,) if part == "*" else (part, "*")
            children = (node.children.get(key) for node in reached for key in keys)
            reached = [child for child in children if child and child.shortest <= following <= child.longest]
            if not self._backtracking:
                del reached[1:]
            if not reached:
                return None
        ends = [(node, node.rule) for node in reached if node.rule is not None]
        if not ends:
            return None
        node, rule = min(ends, key=lambda end: end[0].priority) if self._ordered else ends[0]
        return rule, (name, *(parts[index] for index in node.stars if parts[index] != "*"))


def needs_backtracking(globs: Iterable[str]) -> bool:
    """Whether unordered globs are searched a second way where the most specific one led nowhere.

    So they are as soon as one glob shares what stands before one of its `*` with another of as many parts, and neither
    covers nor is covered by another.
    """
    by_length: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    for glob in globs:
        parts = tuple(glob.split("."))
        by_length[len(parts)].append(parts)
    return any(_needed(patterns) for patterns in by_length.values())


def _needed(patterns: list[tuple[str, ...]]) -> bool:
    beginnings = Counter(pattern[:end] for pattern in patterns for end in range(len(pattern)))
    times = Counter(patterns)
    tree: dict[str, Any] = {}
    for pattern in patterns:
        node = tree
        for part in pattern:
            node = node.setdefault(part, {})
    return any(
        times[pattern] == 1
        and any(part == "*" and beginnings[pattern[:index]] > 1 for index, part in enumerate(pattern))
        and not _several(tree, [() if part == "*" else (part,) for part in pattern])
        and not _several(tree, [("*",) if part == "*" else (part, "*") for part in pattern])
        for pattern in patterns
    )


def _several(tree: dict[str, Any], choices: list[tuple[str, ...]]) -> bool:
    return sum(1 for _ in islice(_ends(tree, choices), 2)) > 1


def _ends(tree: dict[str, Any], choices: list[tuple[str, ...]]) -> Iterator[None]:
    """Once for each pattern in the tree that takes one of `choices` at each part; no choices are all."""
    if not choices:
        yield None
        return
    for part in choices[0] or tree:
        if part in tree:
            yield from _ends(tree[part], choices[1:])
