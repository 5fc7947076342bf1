"""Where configuration values come from: the file with its line numbers, the environment, the command line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.settings import document
from windsock.settings.formats import LOOKS_LIKE_A_KEY
from windsock.settings.section import Public

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Key: TypeAlias = tuple[str | int, ...]

SYSTEM = Path("/etc/windsock/windsock.yaml")
"""What is read where no other file is named."""
_ENV_PREFIX = "WINDSOCK__"
_SHOWN = 80


class Source:
    """Plain values, and for each key where it came from (`windsock.yaml:12`, `$WINDSOCK__CLUSTER`, `--web-listen`)."""

    def __init__(self, values: dict[str, Any] | None = None, file: str | None = None) -> None:
        self.values = values or {}
        self.file = file
        self.origins: dict[Key, str] = {}
        self.problems: list[str] = []

    def origin(self, key: Key) -> str:
        """Where `key`, or what it stands in, came from."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.origins:
                return self.origins[key[:end]]
        return self.file or "windsock.yaml"

    def put(self, path: list[str], value: Any, origin: str) -> None:
        """Set one value over what is there."""
        place = self.values
        for part in path[:-1]:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[path[-1]] = value
        self.origins[tuple(path)] = origin


def find(path: str | Path | None, environ: Mapping[str, str], *, cwd: bool) -> Path | None:
    """Return the configuration file; raises SettingsError where one was named that does not exist."""
    for named, origin in ((path, "--config"), (environ.get("WINDSOCK_CONFIG"), "$WINDSOCK_CONFIG")):
        if named:
            if not Path(named).is_file():
                raise SettingsError([f"{named}: no such file (from {origin})"])
            return Path(named)
    places = [Path("windsock.yaml")] if cwd else []
    return next((place for place in [*places, SYSTEM] if place.is_file()), None)


def read(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    cwd: bool = True,
    overrides: Mapping[str, tuple[Any, str]] | None = None,
) -> Source:
    """Return the values of file, environment and command line, in rising order. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    source = Source()
    file = find(path, environ, cwd=cwd)
    if file is not None:
        source.file = str(file)
        source.values = _parse(file, source)
    for name, text in sorted(environ.items()):
        if name.startswith(_ENV_PREFIX):
            source.put(name[len(_ENV_PREFIX) :].lower().split("__"), _scalar(text), f"${name}")
    for name, (value, origin) in (overrides or {}).items():
        source.put(name.split("."), value, origin)
    return source


def _scalar(text: str) -> Any:
    # `["a", "b"]`, `true` and `5` mean what they mean in the file; what is no YAML is a string.
    try:
        value, _ = document.parse(text, "")
    except SettingsError:
        return text
    return text if value is None or isinstance(value, dict) else value


def _parse(file: Path, source: Source) -> dict[str, Any]:
    value, node = document.read(file)
    if value is None or node is None:
        return {}
    if not isinstance(value, dict):
        raise SettingsError([f"{file}:1: expected a mapping such as `cluster: airflow`, got {type(value).__name__}"])
    source.problems += _walk(node, (), file, source.origins)
    return value


def _walk(node: yaml.Node, key: Key, file: Path, origins: dict[Key, str]) -> Iterator[str]:
    """Note the line of every key, and yield a problem for each key that stands twice."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            here = (*key, str(name.value))
            line = f"{file}:{name.start_mark.line + 1}"
            if here in origins:
                yield f"{line}: {dotted(here)}: stands twice, first in {origins[here]}"
            origins[here] = line
            yield from _walk(value, here, file, origins)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            origins[(*key, index)] = f"{file}:{item.start_mark.line + 1}"
            yield from _walk(item, (*key, index), file, origins)


def explain(error: ValidationError, source: Source, model: type[BaseModel]) -> list[str]:
    """One line a problem: where, which key, what was expected, and the nearest valid key."""
    lines: dict[str, None] = {}
    for item in error.errors(include_url=False):
        key, known, annotation = _resolve(item["loc"], model)
        where = f"{source.origin(key)}: {dotted(key)}"
        if item["type"] == "extra_forbidden":
            import difflib  # noqa: PLC0415  where something is wrong

            near = difflib.get_close_matches(str(key[-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
            lines[f"{where}: unknown key; {hint}"] = None
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines[f"{where}: {message[:1].lower()}{message[1:]}, got {_got(item['input'], annotation)}"] = None
    return list(lines)


def _got(value: Any, annotation: Any) -> str:
    """What stands there, or only its type where the key could hold a secret, or where the value looks like one."""
    if isinstance(value, (dict, list)) or not _is_public(annotation):
        return type(value).__name__
    text = str(value)
    if redact(text) != text or "@" in text or re.search(LOOKS_LIKE_A_KEY, text):
        return type(value).__name__
    return repr(value if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _is_public(annotation: Any) -> bool:
    """Whether all that a key may hold are numbers, words of a list, and texts that are marked as public."""
    if get_origin(annotation) is Annotated:
        base, *marks = get_args(annotation)
        return any(isinstance(mark, Public) for mark in marks) or _is_public(base)
    if get_origin(annotation) is Literal:
        return True
    if get_origin(annotation) in (tuple, Union, UnionType):
        inner = [one for one in get_args(annotation) if one not in (None, type(None), ...)]
        return bool(inner) and all(map(_is_public, inner))
    return annotation in (bool, int, float)


def _resolve(loc: Key, model: type[BaseModel]) -> tuple[Key, list[str], Any]:
    """Take pydantic's own steps (the names of union members) out of `loc`.

    Also returns the keys that are known at its last step, and the annotation of what it leads to.
    """
    key: list[str | int] = []
    here: Any = model
    known: list[str] = []
    for step in loc:
        section = _bare(here)
        fields = {f.alias or name: f for name, f in section.model_fields.items()} if _is_model(section) else None
        if fields is not None:
            known = list(fields)
            key.append(step)
            here = fields[str(step)].rebuild_annotation() if str(step) in fields else None
            continue
        bare = _bare(here)
        if get_origin(bare) in (dict, list, tuple):
            key.append(step)
            here = get_args(bare)[1 if get_origin(bare) is dict else 0]
    return tuple(key), known, here


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def dotted(key: Key) -> str:
    """`exporter.statsd.listen[0]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
