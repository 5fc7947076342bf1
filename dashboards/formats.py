"""The dashboards as other tools take them: ConfigMaps for Grafana's sidecar, Terraform, Grafana's own provisioning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from windsock import yaml_dump
from windsock.exceptions import WindsockError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CONFIGMAP_LIMIT = 1 << 20
"""Bytes that Kubernetes takes as the data of one ConfigMap."""
SIDECAR = {"grafana_dashboard": "1"}
"""The label that the sidecar of Grafana's chart looks for by default."""

_TERRAFORM = """\
# Made by `windsock dashboards build --format terraform`: what is changed here is lost with the next build.
terraform {
  required_providers {
    grafana = {
      source  = "grafana/grafana"
      version = ">= 2.0"
    }
  }
}

variable "folder" {
  description = "The title of the folder in Grafana."
  type        = string
  default     = %s
}

resource "grafana_folder" "windsock" {
  title = var.folder
}

resource "grafana_dashboard" "windsock" {
  for_each    = fileset(path.module, "*.json")
  folder      = grafana_folder.windsock.uid
  config_json = file("${path.module}/${each.value}")
}
"""
_HEADER = "# Made by `windsock dashboards build --format {}`: what is changed here is lost with the next build.\n"


def plain(texts: Mapping[str, str], folder: str, out: Path) -> dict[str, str]:
    """The JSON alone."""
    del folder, out
    return dict(texts)


def configmap(texts: Mapping[str, str], folder: str, out: Path) -> dict[str, str]:
    """One ConfigMap for each dashboard; the sidecar puts it into `folder`. Raises WindsockError for one too large."""
    del out
    files = {}
    for name, text in texts.items():
        if (size := len(text.encode())) >= CONFIGMAP_LIMIT:
            raise WindsockError(f"{name}: {size} bytes; a ConfigMap holds less than {CONFIGMAP_LIMIT}")
        metadata = {
            "name": f"grafana-{json.loads(text)['uid']}".lower().replace("_", "-"),
            "labels": SIDECAR,
            "annotations": {"grafana_folder": folder},
        }
        found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {name: text}}
        files[f"{name.removesuffix('.json')}.yaml"] = _HEADER.format("configmap") + yaml_dump.dump(found)
    return files


def terraform(texts: Mapping[str, str], folder: str, out: Path) -> dict[str, str]:
    """A module that reads the JSON beside it, with the provider grafana/grafana."""
    del out
    quoted = json.dumps(folder, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return {**texts, "windsock.tf": _TERRAFORM.replace("%s", quoted)}


def provisioning(texts: Mapping[str, str], folder: str, out: Path) -> dict[str, str]:
    """A provider for /etc/grafana/provisioning/dashboards, which reads the JSON from where it was written."""
    provider = {
        "name": "windsock",
        "folder": folder.replace("$", "$$"),  # Grafana puts variables of its environment in
        "type": "file",
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": str(out.absolute()).replace("$", "$$")},
    }
    text = _HEADER.format("provisioning") + yaml_dump.dump({"apiVersion": 1, "providers": [provider]})
    return {**texts, "windsock.yaml": text}


FORMATS: dict[str, Callable[[Mapping[str, str], str, Path], dict[str, str]]] = {
    "json": plain,
    "configmap": configmap,
    "terraform": terraform,
    "provisioning": provisioning,
}
"""By the name that `--format` takes."""
