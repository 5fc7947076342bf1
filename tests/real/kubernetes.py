"""What kubeconform holds manifests against: one JSON schema a kind, of Kubernetes' own API and of its operators.

kubeconform itself would fetch them from a web site. The API's description comes with the Go module of Kubernetes, the
operator's with its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from windsock import parts
from windsock.demo.stack import workshop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # chosen as the package is built
    """A safe loader to which `=` is a text, as it is to Go."""


_Loader.add_constructor("tag:yaml.org,2002:value", _Loader.construct_yaml_str)

PATTERN = "{{.ResourceKind}}{{.KindSuffix}}.json"
"""kubeconform's -schema-location, below the folder."""
_KUBERNETES = f"k8s.io/kubernetes@v{parts.KUBERNETES.current}"
_OPERATOR = f"github.com/prometheus-operator/prometheus-operator@v{parts.PROMETHEUS_OPERATOR.current}"


def schemas(folder: Path, place: Path) -> None:
    """Write them into `folder`; `place` is where Go runs. Raises StackError."""
    swagger = json.loads((workshop.download(place, _KUBERNETES) / "api/openapi-spec/swagger.json").read_text())
    definitions = {name: _strict(one) for name, one in swagger["definitions"].items()}
    for name, one in definitions.items():
        for kind in one.get("x-kubernetes-group-version-kind", ()):
            needed = dict(_needed(name, definitions))
            schema = {"$ref": f"#/definitions/{name}", "definitions": needed}
            (folder / _file(kind["group"], kind["version"], kind["kind"])).write_text(json.dumps(schema))
    crds = workshop.download(place, _OPERATOR) / "example/prometheus-operator-crd"
    for file in crds.glob("*.yaml"):
        spec = yaml.load(file.read_text(), Loader=_Loader)["spec"]
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            # The API server's, of any kind: metadata is described there alone.
            schema["properties"]["metadata"] = {"type": "object"}
            (folder / _file(spec["group"], version["name"], spec["names"]["kind"])).write_text(json.dumps(schema))


def _file(group: str, version: str, kind: str) -> str:
    return "-".join(filter(None, (kind.lower(), group.partition(".")[0], version))) + ".json"


def _needed(name: str, definitions: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The definition and all that it refers to."""
    seen, waiting = {name}, [name]
    while waiting:
        one = waiting.pop()
        yield one, definitions[one]
        new = {ref.rpartition("/")[2] for ref in _references(definitions[one])} - seen
        seen |= new
        waiting += new


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def _strict(schema: Any) -> Any:
    """The same in JSON Schema's words, which takes no key that it does not know."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items() if key not in ("description", "default")}
    if "x-kubernetes-int-or-string" in made or made.get("format") == "int-or-string":
        made.pop("type", None)
        made.pop("format", None)
        return {"anyOf": [{"type": "integer"}, {"type": "string"}], **made}
    if isinstance(made.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in made:
        made.setdefault("additionalProperties", False)
    return made
