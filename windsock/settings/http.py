"""How windsock speaks to another server, wherever windsock.yaml names one."""

# Annotations are values in this module: pydantic would compile each text, in each callback's process.

from windsock.settings.formats import Headers, Reference
from windsock.settings.section import Section


class Http(Section):
    """How to speak to Alertmanager, Prometheus, Grafana, or what takes OTLP; the names of Prometheus' http_config."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: Reference | None = None
    bearer: Reference | None = None
    headers: Headers = {}
    """`${VARIABLE}` in a value is the variable's."""
