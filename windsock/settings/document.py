"""One YAML document, read within bounds: whatever is wrong with it is a SettingsError that names file and line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from windsock import regular
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_BYTES = 1 << 20
"""A thousand teams need some 200 KB; a file that is no configuration must not be read into memory."""
_MOST_NODES = 50_000
"""Of which an alias counts each time: nine levels of nine aliases each would be 400 million."""
_DEEPEST = 50
"""windsock.yaml has seven levels. An alias to what it stands in has no end."""

_LONGEST_NUMBER = 64
"""Characters: Python's time for a long one grows with its square."""

_NAMED = r"((?:alias|anchor|tag)(?: handle)?) b?['\"].*"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # chosen as the package is built
    """A safe loader that knows where a value stands which it can't take."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            if isinstance(node, yaml.ScalarNode):
                _check_scalar(node)
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # What datetime and int raise, and PyYAML lets out: a month 13, `!!int x`. They repeat the value.
            kind = node.tag.rpartition(":")[2]
            problem = f"no {kind}; a text that looks like one needs quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


def read(file: Path) -> tuple[Any, yaml.Node | None]:
    """Return the value of the file, and its node, which knows the lines; (None, None) of an empty one.

    Raises SettingsError.
    """
    return parse(_bytes(file), str(file))


def read_node(file: Path) -> yaml.Node | None:
    """Return the node alone, for whoever makes values of it in another way than YAML's. Raises SettingsError."""
    return _parse(_bytes(file), str(file), None)[1]


def parse(data: bytes | str, name: str) -> tuple[Any, yaml.Node | None]:
    """The same as `read` of a text that is called `name`."""
    return _parse(data, name, _Loader.construct_document)


def _parse(
    data: bytes | str, name: str, construct: Callable[[_Loader, yaml.Node], Any] | None
) -> tuple[Any, yaml.Node | None]:
    try:
        text = data.decode() if isinstance(data, bytes) else data
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, None
        _check(node)
        return construct(loader, node) if construct is not None else None, node
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError([f"{name}:{line}: can't be read: {error}"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # An alias, an anchor or a tag may be a secret that begins with `*`, `&` or `!`.
        problem = re.sub(_NAMED, r"\1", str(error.problem or error.context))
        raise SettingsError([f"{name}:{mark.line + 1 if mark else 1}: not valid YAML: {problem}"]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1 if isinstance(error.position, int) else 1
        raise SettingsError([f"{name}:{line}: not valid YAML: {error.reason}"]) from None
    except yaml.YAMLError as error:
        raise SettingsError([f"{name}:1: not valid YAML: {error}"]) from None
    except (RecursionError, MemoryError):
        raise SettingsError([f"{name}:1: not valid YAML: nested too deeply"]) from None


def _bytes(file: Path) -> bytes:
    try:
        return regular.content(file, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise SettingsError([f"{file}: can't be read: {getattr(error, 'strerror', None) or error}"]) from None


def _check(root: yaml.Node) -> None:
    """Raise MarkedYAMLError where the nodes, with what aliases repeat, are too many or too deep."""
    seen = 0
    waiting = [iter((root,))]
    while waiting:
        node = next(waiting[-1], None)
        if node is None:
            waiting.pop()
            continue
        seen += 1
        if len(waiting) > _DEEPEST:
            raise yaml.MarkedYAMLError(problem=_too(f"deep ({_DEEPEST} levels at most)"), problem_mark=node.start_mark)
        if seen > _MOST_NODES:
            raise yaml.MarkedYAMLError(problem=_too(f"long ({_MOST_NODES:,} values)"), problem_mark=node.start_mark)
        waiting.append(_inside(node))


def _check_scalar(node: yaml.ScalarNode) -> None:
    """Raise ValueError where it is a number that nobody means, or a text that no file and no address has."""
    if "\0" in node.value or (node.tag.endswith((":int", ":float")) and len(node.value) > _LONGEST_NUMBER):
        raise ValueError


def _too(what: str) -> str:
    return f"with its aliases it is too {what}"


def _inside(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="expected a word as key", problem_mark=key.start_mark)
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value
