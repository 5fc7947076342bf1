"""The files of `windsock logs build`, as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from . import airflow, filebeat, mappings

if TYPE_CHECKING:
    from windsock.settings import Settings

_HEADER = "# Made by `windsock logs build`: what is changed here is lost with the next build.\n"


def files(settings: Settings, version: str | None = None) -> dict[str, str]:
    """Return the text of each file by its name; `version` is one of filebeat.VERSIONS, None: all of them."""
    found = {}
    for one in (version,) if version else filebeat.VERSIONS:
        name = "filebeat.yml" if version else f"filebeat-{one}.yml"
        found[name] = f"{_HEADER}# For Filebeat {one}.\n{_yaml(filebeat.configuration(settings, one))}"
    for path, body in mappings.files(settings).items():
        found[f"elasticsearch/{path.removeprefix('_').replace('/', '.')}.json"] = _json(body)
    for name, body in mappings.api_keys(settings).items():
        found[f"elasticsearch/api_key.{name}.json"] = _json(body)
    if settings.logs.template:
        found["template.json"] = _json(mappings.template(settings))
    for one in ("3", "2.11"):
        found[f"airflow-{one}.environment"] = _HEADER + airflow.environment(settings, one)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


class _Dumper(yaml.SafeDumper):
    """Block style, and a script as it was written."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _yaml(value: dict[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return text
