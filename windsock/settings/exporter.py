"""The section `exporter` of windsock.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from windsock.settings.formats import Address, Listen, Mode, Network, Reference, Relay, Url
from windsock.settings.http import Http
from windsock.settings.section import Public, Section
from windsock.settings.units import Duration, Size

Policy = Literal["last", "max", "min", "sum"]
Naming = Literal["prometheus", "helm-chart", "statsd-exporter"]


class StatsD(Section):
    """Where Airflow's StatsD lines arrive."""

    listen: tuple[Listen, ...] = ("udp://127.0.0.1:9125",)
    """Addresses to receive on."""
    socket_mode: Mode = "0660"
    """Who may send to a `unixgram://` or `unix://` socket: the file's mode, in quotes. To send is to write."""
    socket_group: Annotated[str, Public()] | None = None
    """The group of the file, by its name or its number, such as Airflow's; None: the exporter's own."""
    read_buffer: Size = Field(default=32 << 20, le=2**31 - 1)
    """The kernel's receive buffer of each datagram socket; the kernel may give less, and that is reported."""
    prefix: str = "airflow"
    """Airflow's `[metrics] statsd_prefix`."""
    airflow: Literal["auto", "2", "3"] = "auto"
    """Airflow's major version, which decides about units; auto: by the metrics that arrive."""
    timer_unit_consistency: bool = False
    """Airflow 2's `[metrics] timer_unit_consistency`: with it the queue and schedule times are in milliseconds."""
    unmapped: Literal["count", "keep"] = "count"
    """Lines of plugins whose name the catalogue does not know: count them only, or keep them too, as metrics named
    `airflow_unmapped_…`."""
    allow: tuple[Network, ...] = ()
    """Networks whose senders are listened to, over UDP and TCP; none: all of them."""
    relay: Relay | None = None
    """Another StatsD server, as udp://HOST:PORT, that gets every datagram too."""

    @field_validator("relay")
    @classmethod
    def _no_loop(cls, relay: str | None, info: ValidationInfo) -> str | None:
        if relay is not None and relay in info.data.get("listen", ()):
            raise ValueError("expected another server than this one: its datagrams would go round for ever")
        return relay


class Otlp(Section):
    """Where Airflow's OpenTelemetry metrics arrive."""

    listen: Address | None = None
    """Where OTLP over HTTP is received, such as 127.0.0.1:4318; None: nowhere. It needs the extra `otlp`."""
    grpc: Address | None = None
    """Where OTLP over gRPC is received, such as 127.0.0.1:4317; None: nowhere."""
    prefix: str = "airflow"
    """Airflow's `[metrics] otel_prefix`."""
    allow: tuple[Network, ...] = ()
    """Networks whose senders are listened to; none: all of them. TLS and users are those of `web.config_file`."""
    max_body: Size = Field(default=4 << 20, ge=1024)
    """The largest export, unpacked. A task's is 1.3 KB, that of a scheduler 200 bytes for each of its series."""
    forget: Duration = Field(default=900.0, ge=60)
    """A process that was silent for so long is forgotten. It must be longer than Airflow's interval between two
    exports: what exports for the first time later than that after its start is not counted."""
    forward: Url | None = None
    """Where all series are passed on to as OpenTelemetry's: a collector, Mimir, a vendor's intake. Without a path it is
    /v1/metrics there. It needs the extra `otlp`."""
    forward_interval: Duration = Field(default=60.0, ge=1)
    """Time from one of these exports to the next."""
    http: Http = Http.unset()
    """How to speak to `forward`."""
    streams: int = Field(default=500_000, ge=1000)
    """Sets of attributes of all processes that are remembered; beyond, the processes that were silent for longest are
    forgotten earlier."""

    @property
    def receives(self) -> bool:
        """Whether there is an address at all."""
        return self.listen is not None or self.grpc is not None


class OpenLineage(Section):
    """Where OpenLineage's events arrive: they say which datasets a failure leaves stale."""

    listen: Address | None = None
    """Where they are received over HTTP, such as 127.0.0.1:5000; None: nowhere. The reconciler reads what they say, so
    it is an exporter with a metadata database."""
    namespace: Annotated[str, Public()] = "default"
    """Airflow's [openlineage] namespace: jobs in it are DAGs and tasks, all others are named with theirs."""
    allow: tuple[Network, ...] = ()
    """Networks whose senders are listened to; none: all of them. TLS and users are those of `web.config_file`."""
    max_body: Size = Field(default=2 << 20, ge=1024)
    """The largest event, unpacked. An Airflow task's is 5 KB; Spark's hold a query's plan."""


class Celery(Section):
    """Celery's broker, where Airflow runs tasks by it: what waits in its queues, and how many workers listen."""

    broker: Reference | None = None
    """${VARIABLE} with the URL of a Redis, as Airflow's [celery] broker_url: redis:// or rediss://; None: not read."""
    queues: tuple[str, ...] = Field(default=("default",), min_length=1, max_length=100)
    """The queues of Airflow's tasks; the first is [operators] default_queue."""
    key_prefix: str = ""
    """Airflow's [celery_broker_transport_options] global_keyprefix."""
    interval: Duration = Field(default=15.0, ge=1)
    timeout: Duration = Field(default=5.0, ge=0.2)


class Web(Section):
    """The exporter's HTTP side: /metrics, /-/healthy, /-/ready."""

    listen: Address = "127.0.0.1:9102"
    config_file: str | None = None
    """TLS and basic authentication, in the Prometheus exporter toolkit's web configuration format."""
    birth_hold: Duration = 0.0
    """A new counter is shown as 0 in its first scrape, and for so long after it: with several Prometheus servers, their
    scrape interval."""


class Budgets(Section):
    """Upper bounds of what the exporter holds; what goes beyond is added up in one series a metric, and counted."""

    series: int = Field(default=250_000, ge=1)
    """All series together; a histogram counts as one."""
    metric: int = Field(default=100_000, ge=1)
    """Series of one metric."""
    dag: int = Field(default=20_000, ge=1)
    """Series of one DAG."""
    label: int = Field(default=100_000, ge=1)
    """Values of one label."""
    label_names: int = Field(default=1_000, ge=1)
    """Names of labels, of all series together."""
    bytes: Size = Field(default=96 << 20, ge=1)
    """Names and labels of all series, in each line of a scrape; those of counters and gauges, which are held in memory
    more than once, are counted three times."""
    custom: int = Field(default=100, ge=0)
    """Names of custom metrics (`windsock.metrics`) of one DAG; all DAGs together have twenty times as many. As many
    again are kept of names that the catalogue does not know (`statsd.unmapped`); those of no DAG are as one DAG's."""


class Expiry(Section):
    """How long a series stays that nothing updates."""

    gauges: Duration = Field(default=600.0, ge=1)
    """A gauge, or what one sender says of it, goes after one to two of these."""
    dags: Duration = Field(default=604_800.0, ge=1)
    """Counters and histograms of a DAG go when nothing of that DAG was updated for so long; others stay. A custom
    gauge goes after one to two of these."""


class Exporter(Section):
    """The StatsD-to-Prometheus exporter."""

    statsd: StatsD = StatsD.unset()
    otlp: Otlp = Otlp.unset()
    openlineage: OpenLineage = OpenLineage.unset()
    celery: Celery = Celery.unset()
    web: Web = Web.unset()
    naming: Naming = "prometheus"
    """Whose metric names: windsock's own (prometheus), the official Helm chart's, or statsd_exporter's."""
    mapping_config: str | None = None
    """A statsd_exporter mapping file, used instead of the catalogue."""
    budgets: Budgets = Budgets.unset()
    expiry: Expiry = Expiry.unset()
    state_file: str | None = None
    """Keeps counters over a clean stop; after a crash they start at 0, as Prometheus expects it."""
    gauges: dict[str, Policy] = {}
    """By exposed name: which value of several senders is shown."""
    buckets: dict[str, Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]] = {}
    """By exposed name: a histogram's bounds in seconds."""

    @model_validator(mode="after")
    def _one_naming(self) -> Self:
        if self.otlp.receives and (self.naming != "prometheus" or self.mapping_config is not None):
            raise ValueError("otlp: OpenTelemetry's metrics have windsock's own names only: naming prometheus")
        return self
