"""The web configuration file: TLS, basic authentication, headers and a rate limit for the exporter's HTTP side.

The format is the Prometheus exporter toolkit's (github.com/prometheus/exporter-toolkit, docs/web-configuration.md), so
that one file serves all exporters of an installation. What Python's ssl can't do is an error that says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from windsock.exceptions import SettingsError
from windsock.settings import sources
from windsock.settings.units import Duration  # noqa: TC001  pydantic reads the annotations at run time

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
Version = Literal["TLS12", "TLS13"]

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_COSTLIEST = 15
"""A hash takes some 2 s then, and the next one, of whoever guesses, waits for it; 31 would take a day."""
_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_UNVERIFIED = {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Section):
    """`tls_server_config`; without a certificate there is no TLS."""

    cert_file: str = ""
    key_file: str = ""
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Literal["CurveP256", "CurveP384", "CurveP521", "X25519"], ...] = Field((), max_length=1)
    """Python's ssl takes one."""
    cert: None = None
    """A certificate or a key in the file itself is not supported: Python's ssl reads them from files."""
    key: None = None
    client_ca: None = None

    @field_validator("cert", "key", "client_ca", mode="before")
    @classmethod
    def _no_inline(cls, value: Any, info: ValidationInfo) -> None:
        if value:
            raise ValueError(f"give it as a file, by {info.field_name}_file: Python's ssl reads no other")

    @field_validator("client_auth_type", mode="before")
    @classmethod
    def _no_unverified(cls, value: Any) -> Any:
        if value in _UNVERIFIED:
            raise ValueError("Python's ssl asks for no certificate that it does not verify; RequireAndVerifyClientCert")
        return value or "NoClientCert"


class Http(_Section):
    """`http_server_config`; `http2` is accepted, and HTTP/1.1 is spoken."""

    http2: bool = True
    headers: dict[str, str] = {}

    @field_validator("headers")
    @classmethod
    def _known(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name not in _HEADERS:
                raise ValueError(f"can't set {name}, only {', '.join(_HEADERS)}")
            if _HEADERS[name] and value not in _HEADERS[name]:
                raise ValueError(f"expected {' or '.join(_HEADERS[name])} for {name}")
            if not value.isprintable() or not value.isascii():
                raise ValueError(f"expected one line of ASCII for {name}")
        return {name: value for name, value in headers.items() if value}


class RateLimit(_Section):
    """`rate_limit`: a request each `interval` seconds, and `burst` of them at once; 0: no limit."""

    interval: Duration = 0.0
    burst: int = Field(default=0, ge=0)


class WebConfig(_Section):
    """The whole file. Relative file names in it are relative to its folder."""

    tls_server_config: Tls = Tls()
    http_server_config: Http = Http()
    basic_auth_users: dict[str, str] = {}
    rate_limit: RateLimit = RateLimit()

    @field_validator("basic_auth_users")
    @classmethod
    def _hashed(cls, users: dict[str, str]) -> dict[str, str]:
        for name, text in users.items():
            match = _BCRYPT.fullmatch(text)
            if match is None or not 4 <= int(match[1]) <= _COSTLIEST:
                raise ValueError(
                    f"expected a bcrypt hash for {name}, as `htpasswd -nBC 10 {name}` prints it, "
                    f"of a cost of at most {_COSTLIEST}"
                )
        return users


def load(path: str) -> tuple[WebConfig, sources.Source]:
    """Return what the file says, and where each key of it stands. Raises SettingsError with every problem found."""
    if not Path(path).is_file():
        raise SettingsError([f"{path}: no such file (exporter.web.config_file)"])
    source = sources.read(path, {})
    problems = list(source.problems)
    config = WebConfig()
    try:
        config = WebConfig.model_validate({key: value for key, value in source.values.items() if value is not None})
    except ValidationError as error:
        problems += sources.explain(error, source, WebConfig)
    if problems:
        raise SettingsError(problems)
    return config, source
