"""Everything that can be configured, with its default: the schema of windsock.yaml.

`load()` finds the file, puts single `WINDSOCK__SECTION__KEY` variables over it and validates the whole; what it
returns is immutable. Durations are seconds (float), sizes bytes (int), shares between 0 and 1 (float).
"""

from __future__ import annotations

import ast
import inspect
import ipaddress
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from windsock import _source
from windsock._units import Duration, Ratio, Size  # noqa: TC001  pydantic reads the annotations at run time
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Severity = Literal["critical", "warning", "info"]
Policy = Literal["last", "max", "min", "sum"]
Naming = Literal["prometheus", "helm-chart", "statsd-exporter"]

_LISTEN = re.compile(r"(udp|tcp)://(?:\[[0-9a-fA-F:.]+\]|[^\[\]:/]*):(\d{1,5})|(unixgram|unix):///.+")
_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\[\]:/]*):(\d{1,5})")
_RELAY = re.compile(r"udp://(?:\[[0-9a-fA-F:.]+\]|[^\[\]:/]+):(\d{1,5})")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z][A-Za-z0-9_.-]{0,249}")
_LOOKS_LIKE_A_KEY = re.compile(r"[A-Za-z0-9]{20,}|xox[a-z]-.*")
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d [A-Za-z_]+(/[A-Za-z_+\-0-9]+)*")


def _listen(value: str) -> str:
    match = _LISTEN.fullmatch(value)
    if match is None or (match[2] and int(match[2]) > 65535):
        raise ValueError("expected udp://HOST:PORT, tcp://HOST:PORT, unixgram:///PATH or unix:///PATH")
    return value


def _address(value: str) -> str:
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match[1]) > 65535:
        raise ValueError("expected HOST:PORT")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        wider = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("expected a network such as 10.0.0.0/8, or one address") from None
    raise ValueError(f"expected a network without bits behind its mask, such as {wider}")


def _relay(value: str) -> str:
    match = _RELAY.fullmatch(value)
    if match is None or not 0 < int(match[1]) <= 65535:
        raise ValueError("expected udp://HOST:PORT")
    return value


def _url(value: str) -> str:
    if not re.match(r"https?://[^/\s]+", value):
        raise ValueError("expected a URL that begins with http:// or https://")
    if "@" in value.split("/")[2]:
        raise ValueError("expected a URL without a user or a password; a secret never stands in this file")
    return value.rstrip("/")


def _reference(value: str) -> str:
    # A pasted secret is refused without being repeated: error texts end up in logs.
    if not _REFERENCE.fullmatch(value) or _LOOKS_LIKE_A_KEY.fullmatch(value):
        raise ValueError("expected ${VARIABLE} or the id of an Airflow connection; a secret never stands in this file")
    return value


def _time_of_day(value: str) -> str:
    if not _TIME_OF_DAY.fullmatch(value):
        raise ValueError('expected a time of day with its zone, such as "06:00 Europe/Berlin"')
    zone = value.partition(" ")[2]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"expected a time zone that this machine knows, such as Europe/Berlin, not {zone}") from None
    return value


def _teams(value: dict[str, Any]) -> dict[str, Any]:
    if "default" in value:
        raise ValueError("a team can't be called `default`: that is where the alerts of no team go, see `defaults`")
    return value


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Listen = Annotated[str, AfterValidator(_listen)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Relay = Annotated[str, AfterValidator(_relay)]
Url = Annotated[str, AfterValidator(_url)]
Reference = Annotated[str, AfterValidator(_reference)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])]


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the texts below the keys into the JSON schema. At class creation it would cost each process 45 ms."""
    body = ast.parse(inspect.getsource(model)).body[0]
    for key, text in pairwise(getattr(body, "body", [])):
        if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = model.model_fields[ast.unparse(key.target)].alias or ast.unparse(key.target)
            schema["properties"][name]["description"] = inspect.cleandoc(str(text.value.value))


class Section(BaseModel):
    """A part of windsock.yaml: immutable, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_describe)


class StatsD(Section):
    """Where Airflow's StatsD lines arrive."""

    listen: tuple[Listen, ...] = ("udp://127.0.0.1:9125",)
    """Addresses to receive on."""
    read_buffer: Size = Field(default=32 << 20, le=2**31 - 1)
    """The kernel's receive buffer of each datagram socket; the kernel may give less, and that is reported."""
    prefix: str = "airflow"
    """Airflow's `[metrics] statsd_prefix`."""
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


class Web(Section):
    """The exporter's HTTP side: /metrics, /-/healthy, /-/ready."""

    listen: Address = "127.0.0.1:9102"
    config_file: str | None = None
    """TLS and basic authentication, in the Prometheus exporter toolkit's web configuration format."""
    birth_hold: Duration = 0.0
    """A new counter is shown as 0 in its first scrape, and for so long after it: with several Prometheis, their
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


class Expiry(Section):
    """How long a series stays that nothing updates."""

    gauges: Duration = Field(default=600.0, ge=1)
    """A gauge, or what one sender says of it, goes after one to two of these."""
    dags: Duration = Field(default=604_800.0, ge=1)
    """Counters and histograms of a DAG go when nothing of that DAG was updated for so long; others stay."""


class Exporter(Section):
    """The StatsD-to-Prometheus exporter."""

    statsd: StatsD = StatsD()
    web: Web = Web()
    naming: Naming = "prometheus"
    mapping_config: str | None = None
    """A statsd_exporter mapping file, used instead of the catalogue."""
    budgets: Budgets = Budgets()
    expiry: Expiry = Expiry()
    state_file: str | None = None
    """Keeps counters over a clean stop; after a crash they start at 0, as Prometheus expects it."""
    gauges: dict[str, Policy] = {}
    """By exposed name: which value of several senders is shown."""
    buckets: dict[str, Annotated[tuple[float, ...], Field(min_length=1)]] = {}
    """By exposed name: a histogram's bounds in seconds."""


class Metadata(Section):
    """The reader of Airflow's metadata database."""

    url: Reference | None = None
    """None: AIRFLOW__DATABASE__SQL_ALCHEMY_CONN; where that is not set either, no database is read."""
    interval: Duration = Field(default=15.0, ge=1)
    """Time from the start of one pass over the database to the start of the next."""
    timeout: Duration = Field(default=5.0, ge=0.2)
    """Time of a whole pass; a single statement gets a quarter of it, on the server's side."""


class Http(Section):
    """How to speak to Alertmanager; the names of Prometheus' http_config."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: Reference | None = None
    bearer: Reference | None = None
    headers: dict[str, str] = {}


class Alertmanager(Section):
    """The Alertmanagers that receive alert events; all of them get each event, as Prometheus does it."""

    urls: tuple[Url, ...] = ()
    http: Http = Http()
    secrets_dir: str = "/etc/alertmanager/secrets"
    """Where the generated alertmanager.yml looks for one file a secret, named like the variable in lower case."""


class Spool(Section):
    """What could not be delivered waits here."""

    dir: str | None = None
    max_files: int = Field(default=10_000, ge=0)
    max_bytes: Size = 100 << 20


class Callbacks(Section):
    """What runs inside Airflow's processes."""

    enabled: bool = True
    budget: Duration = Field(default=10.0, gt=0, le=19)
    """Seconds for everything a callback does; Airflow kills the process at 20."""
    spool: Spool = Spool()
    attach: tuple[dict[str, Any], ...] = ()


class Links(Section):
    """Base URLs of what an alert links to; without one the alert has no such link."""

    airflow: Url | None = None
    grafana: Url | None = None
    runbooks: Url | None = None


class SlackChannel(Section):
    """One credential is needed: a bot token (any channel) or an incoming webhook (its own channel)."""

    api_url: Url = "https://slack.com/api"
    token: Reference | None = None
    webhook: Reference | None = None


class PagerDutyChannel(Section):
    """PagerDuty's Events API v2."""

    url: Url = "https://events.pagerduty.com/v2/enqueue"


class EmailChannel(Section):
    """The SMTP server."""

    smarthost: Address | None = None
    sender: str = "windsock@localhost"
    username: str | None = None
    password: Reference | None = None
    tls: bool = True


class Channels(Section):
    """How each platform is reached, for all teams."""

    slack: SlackChannel = SlackChannel()
    pagerduty: PagerDutyChannel = PagerDutyChannel()
    email: EmailChannel = EmailChannel()


class Match(Section):
    """Facts of a DAG; each key that is given must match (one of its patterns, with * and ?)."""

    dag: Patterns = ()
    owner: Patterns = ()
    tag: Patterns = ()


class Team(Section):
    """Who is told about which DAGs, and where."""

    match: Match = Match()
    slack: str | None = None
    pagerduty: Reference | None = None
    email: Patterns = ()


class Defaults(Section):
    """What no team matches, and a failure's severity when no rule matches."""

    slack: str | None = None
    pagerduty: Reference | None = None
    email: Patterns = ()
    severity: Severity = "warning"


class SeverityRule(Section):
    """The first rule that matches decides."""

    match: Match
    is_: Severity = Field(alias="is")


class Objective(Section):
    """What is promised about one DAG."""

    success: Ratio | None = None
    fresh_within: Duration | None = None
    finish_by: TimeOfDay | None = None


class Settings(Section):
    """The whole of windsock.yaml."""

    cluster: str = Field(default="airflow", pattern=r"^[A-Za-z0-9_.:-]{1,64}$")
    """This installation's name: on every series, every alert and every log line."""
    exporter: Exporter = Exporter()
    metadata: Metadata = Metadata()
    reconcile: Literal["auto"] | bool = "auto"
    alertmanager: Alertmanager = Alertmanager()
    callbacks: Callbacks = Callbacks()
    links: Links = Links()
    channels: Channels = Channels()
    teams: Annotated[dict[str, Team], AfterValidator(_teams)] = {}
    defaults: Defaults = Defaults()
    severity: tuple[SeverityRule, ...] = ()
    slo: dict[str, Objective] = {}


def load(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    cwd: bool = True,
    overrides: Mapping[str, tuple[Any, str]] | None = None,
) -> Settings:
    """Return the effective settings.

    The file is `path`, `$WINDSOCK_CONFIG`, `./windsock.yaml` (not with `cwd=False`: inside Airflow the working folder
    is not ours) or `/etc/windsock/windsock.yaml`, whichever comes first; none at all is fine. `overrides` are dotted
    keys, each with its value and the option that gave it. Raises SettingsError with every problem found, each with its
    file, line and key.
    """
    return validate(_source.read(path, environ, cwd=cwd, overrides=overrides))


def validate(source: _source.Source) -> Settings:
    """Return the settings that `source` holds; raises SettingsError with all of its problems."""
    problems = list(source.problems)
    settings = Settings()
    try:
        settings = Settings.model_validate(source.values)
    except ValidationError as error:
        problems += _source.explain(error, source, Settings)
    if problems:
        raise SettingsError(problems)
    return settings
