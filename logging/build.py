"""The files of `windsock logs build`, as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from windsock import yaml_dump

from . import airflow, filebeat, grafana, kibana, mappings

if TYPE_CHECKING:
    from windsock.settings import Settings

    from .owners import Row

_HEADER = "# Made by `windsock logs build`: what is changed here is lost with the next build.\n"


def files(settings: Settings, version: str | None = None, dags: tuple[Row, ...] = ()) -> dict[str, str]:
    """Return the text of each file by its name; `version` is one of filebeat.VERSIONS, None: all of them."""
    found = {}
    for one in (version,) if version else filebeat.VERSIONS:
        name = "filebeat.yml" if version else f"filebeat-{one}.yml"
        found["kibana.ndjson" if version else f"kibana-{one}.ndjson"] = kibana.ndjson(settings, one)
        found[name] = f"{_HEADER}# For Filebeat {one}.\n{yaml_dump.dump(filebeat.configuration(settings, one, dags))}"
    for path, body in mappings.files(settings).items():
        found[f"elasticsearch/{path.removeprefix('_').replace('/', '.')}.json"] = _json(body)
    for name, body in mappings.api_keys(settings).items():
        found[f"elasticsearch/api_key.{name}.json"] = _json(body)
    found["grafana.json"] = _json(grafana.dashboard())
    if settings.logs.template:
        found["template.json"] = _json(mappings.template(settings))
    for one in ("3", "2.11"):
        found[f"airflow-{one}.environment"] = _HEADER + airflow.environment(settings, one)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"
