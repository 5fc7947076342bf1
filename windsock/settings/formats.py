"""The texts of windsock.yaml that must have a form: addresses, URLs, references to secrets, times of day."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import core_schema

from windsock import regex_cost, versions
from windsock.redaction import MASK
from windsock.settings.section import Public

# Texts, which `re` compiles, and keeps, where one is needed: a callback needs few of them, and a new process.
_LISTEN = r"(udp|tcp)://(?:\[[0-9a-fA-F:.]+\]|[^\[\]:/]*):(\d{1,5})|(unixgram|unix):///.+"
_ADDRESS = r"(?:\[[0-9a-fA-F:.]+\]|[^\[\]:/]*):(\d{1,5})"
_RELAY = r"udp://(?:\[[0-9a-fA-F:.]+\]|[^\[\]:/]+):(\d{1,5})"
_REFERENCE = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z][A-Za-z0-9_.-]{0,249}"
LOOKS_LIKE_A_KEY = r"[A-Za-z0-9]{20,}|xox[a-z]-.*"
_MODE = r"0?[67][0-7]{2}"
_HEADER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_OPEN = r"(?:[A-Za-z]{1,20} )?\$\{[A-Za-z_][A-Za-z0-9_]*\}"
_MENTION = r"@[a-z0-9][a-z0-9._-]{0,79}|<@[UW][A-Z0-9]{2,30}>|<!subteam\^S[A-Z0-9]{2,30}>|<!(here|channel)>"
"""Of a user group by its handle, of a user, of a user group, of who is in the channel:
https://docs.slack.dev/messaging/formatting-message-text"""
_TIME_OF_DAY = r"([01]\d|2[0-3]):[0-5]\d [A-Za-z_]+(/[A-Za-z_+\-0-9]+)*"


def _listen(value: str) -> str:
    match = re.fullmatch(_LISTEN, value)
    if match is None or (match[2] and int(match[2]) > 65535):
        raise ValueError("expected udp://HOST:PORT, tcp://HOST:PORT, unixgram:///PATH or unix:///PATH")
    return value


def _address(value: str) -> str:
    match = re.fullmatch(_ADDRESS, value)
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
    match = re.fullmatch(_RELAY, value)
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
    if not re.fullmatch(_REFERENCE, value) or re.fullmatch(LOOKS_LIKE_A_KEY, value):
        raise ValueError("expected ${VARIABLE} or the id of an Airflow connection; a secret never stands in this file")
    return value


def _mention(value: str) -> str:
    names = [f"<!{name[1:]}>" if name in ("@here", "@channel") else name for name in value.split()]
    if not names or not all(re.fullmatch(_MENTION, name) for name in names):
        raise ValueError("expected @HANDLE of a user group, <!subteam^ID>, <@ID> of a user, @here or @channel")
    return " ".join(names)


def _time_of_day(value: str) -> str:
    if not re.fullmatch(_TIME_OF_DAY, value):
        raise ValueError('expected a time of day with its zone, such as "06:00 Europe/Berlin"')
    _time_zone(value.partition(" ")[2])
    return value


def _time_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"expected a time zone that this machine knows, such as Europe/Berlin, not {zone}") from None
    return zone


def no_default(value: dict[str, Any]) -> dict[str, Any]:
    """The teams; their names are a label of every alert."""
    if "default" in value:
        raise ValueError("a team can't be called `default`: that is where the alerts of no team go, see `defaults`")
    return value


def _mode(value: Any) -> str:
    # YAML's 0660 is the number 432, and 440 would be 0670.
    if not isinstance(value, str) or not re.fullmatch(_MODE, value):
        raise ValueError('expected a mode in quotes that lets the owner read and write, such as "0660"')
    return f"0{value.removeprefix('0')}"


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        # Neither the one nor the other is repeated: a value that came to stand as a name is one all the same.
        if not re.fullmatch(_HEADER, name):
            raise ValueError("expected names of HTTP headers")
        if not text.isascii() or not text.isprintable():
            raise ValueError(f"expected one line of ASCII for {name}")
    return value


class _Hidden:
    """Shows of values what stands for a secret, and no other. Pydantic's PlainSerializer costs a process 3 ms."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        serialized = core_schema.plain_serializer_function_ser_schema(_hidden, when_used="json")
        return {**handler(source), "serialization": serialized}


def _hidden(value: dict[str, str]) -> dict[str, str]:
    return {name: text if re.fullmatch(_OPEN, text) else MASK for name, text in value.items()}


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _version(oldest: str) -> BeforeValidator:
    def check(value: Any) -> str:
        # YAML has no version: without quotes 0.30 is the number 0.3.
        if value == versions.AUTO or (
            isinstance(value, str) and versions.is_version(value) and versions.at_least(value, oldest)
        ):
            return str(value)
        raise ValueError(f'expected a version from "{oldest}" on, in quotes or with its third number, or auto')

    return BeforeValidator(check, json_schema_input_type=str)


def _secret_pattern(value: str) -> str:
    regex_cost.check(value)
    return value


Severity = Literal["critical", "warning", "info"]
Listen = Annotated[str, AfterValidator(_listen), Public()]
Address = Annotated[str, AfterValidator(_address), Public()]
Network = Annotated[str, AfterValidator(_network), Public()]
Relay = Annotated[str, AfterValidator(_relay), Public()]
Url = Annotated[str, AfterValidator(_url)]
Reference = Annotated[str, AfterValidator(_reference)]
AlertmanagerVersion = Annotated[str, _version(versions.ALERTMANAGER), Public()]
PrometheusVersion = Annotated[str, _version(versions.PROMETHEUS), Public()]
TimeZone = Annotated[str, AfterValidator(_time_zone), Public()]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day), Public()]
Mention = Annotated[str, AfterValidator(_mention), Public()]
Mode = Annotated[str, BeforeValidator(_mode, json_schema_input_type=str), Public()]
Headers = Annotated[dict[str, str], AfterValidator(_headers), _Hidden()]
"""HTTP headers, in whose values `${VARIABLE}` stands for the variable's; what else they hold is shown to nobody."""
Urls = Annotated[tuple[Url, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])]
SecretPattern = Annotated[str, AfterValidator(_secret_pattern)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])]
References = Annotated[tuple[Reference, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])]
