"""The section `logs` of windsock.yaml: what ships Airflow's logs to Elasticsearch, and how they are read back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from windsock.settings.formats import Address, Patterns, Reference, Url, Urls
from windsock.settings.section import Public, Section
from windsock.settings.units import Duration

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$"), Public()]


class Elasticsearch(Section):
    """The servers, and one credential: an API key, or a user with a password."""

    urls: Urls = ("http://127.0.0.1:9200",)
    api_key: Reference | None = None
    """As `id:key`."""
    username: str | None = None
    password: Reference | None = None
    ca_file: str | None = None


class Components(Section):
    """What Airflow's processes print, by the name that the lines get as `source`: scheduler, api-server, worker …"""

    files: dict[Name, Patterns] = {}
    """Paths of files that a process's output is redirected to."""
    containers: dict[Name, Patterns] = {}
    """Paths of a container engine's own log files, such as /var/log/containers/airflow-scheduler-*.log."""
    journald: dict[Name, Patterns] = {}
    """Units of systemd; Filebeat reads them from 8.x on."""


class Logs(Section):
    """Filebeat, Elasticsearch, and the reader of Airflow's own UI."""

    folder: str = "/opt/airflow/logs"
    """Airflow's `[logging] base_log_folder`, as Filebeat sees it."""
    format: Literal["json", "text"] = "json"
    """json: Airflow 3, or 2.11 with JSON lines; text: 2.11's plain text, in which a traceback spans lines."""
    index: Name = "airflow-logs"
    """The beginning of the names of the indices, one a day of the events."""
    elasticsearch: Elasticsearch = Elasticsearch.unset()
    retention: Duration = Field(default=2_592_000.0, ge=86_400)
    """How long a day's lines are kept."""
    warm_after: Duration = Field(default=345_600.0, ge=86_400)
    """When a day's index moves to the warm tier, is merged and takes no more lines: a day after `catch_up` or later."""
    cold_after: Duration | None = Field(default=None, ge=86_400)
    """When it moves on to the cold tier; without it, it stays where it is."""
    tiers: bool = False
    """Let new indices go to nodes with the role data_hot, where Elasticsearch has some; else it asks for data_content.
    Not for OpenSearch, which would look for an attribute of that name."""
    lifecycle: bool = True
    """Let Elasticsearch delete old indices; a server without lifecycle needs `windsock logs prune` once a day."""
    shards: int = Field(default=1, ge=1, le=64)
    """Of each day's index: one per 50 GB of a day."""
    replicas: int = Field(default=1, ge=0, le=5)
    template: str | None = None
    """Path of template.json, as Filebeat sees it, which it then loads itself; else `windsock logs install` does it."""
    catch_up: Duration = Field(default=259_200.0, ge=3600, le=2_592_000)
    """How long Filebeat may be down and lose nothing: files that got no line for longer are not read. It opens all
    others when it starts, and needs some 90 KB for each."""
    stats: Address = "127.0.0.1:5066"
    """Where Filebeat shows its own statistics."""
    components: Components = Components.unset()
    airflow_logging: str | None = None
    """Airflow's `[logging] logging_config_class` as it was, where it was not Airflow's own: the reader builds on it."""
    kibana: Url | None = None
    """Base URL of Kibana, which Airflow's UI then links to."""
