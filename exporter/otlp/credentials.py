"""The exporter's TLS, as gRPC has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import grpc

from windsock.exceptions import WindsockError
from windsock.exporter.web.bodies import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from windsock.exporter.web.access import Access, Rules
    from windsock.exporter.web.webconfig import Tls

_FIXED = ("min_version", "max_version", "cipher_suites", "curve_preferences")
"""Keys of `tls_server_config` that gRPC for Python can't be told; it speaks TLS 1.2 and 1.3."""
_NEEDED = "RequireAndVerifyClientCert"


def read(access: Callable[[], Access]) -> Any:
    """The credentials to serve with, read anew when the files change; None: no TLS. Raises WindsockError."""
    rules = access().rules
    if rules.context is None:
        return None
    asked = _tls(rules)
    defaults = type(asked)()
    for key in _FIXED:
        if getattr(asked, key) != getattr(defaults, key):
            raise WindsockError(
                f"exporter.otlp.grpc: gRPC can't keep to tls_server_config.{key} of {rules.files[0]}; leave it out, or "
                "receive over HTTP alone (exporter.otlp.listen)"
            )
    if asked.client_auth_type == "VerifyClientCertIfGiven":
        raise WindsockError(
            f"exporter.otlp.grpc: gRPC does not verify certificates that it does not require: {rules.files[0]} needs "
            f"client_auth_type {_NEEDED} or NoClientCert, or receive over HTTP alone (exporter.otlp.listen)"
        )
    known = rules

    def fetch() -> Any:
        """For each connection; None: as before."""
        nonlocal known
        now = access().refresh()
        if now is known or now.context is None:
            return None
        try:
            found = _configuration(now)
        except OSError:
            return None
        known = now
        return found

    try:
        first = _configuration(rules)
    except OSError as error:
        raise WindsockError(f"exporter.otlp.grpc: {error.filename}: {error.strerror}") from None
    return grpc.dynamic_ssl_server_credentials(first, fetch, asked.client_auth_type == _NEEDED)


def check(session: Mapping[str, Sequence[bytes]], rules: Rules) -> None:
    """Raise RequestError where a connection is not what the rules in force ask for: gRPC's own are from the start."""
    if rules.context is None:
        return
    if list(session.get("transport_security_type", ())) != [b"ssl"]:
        raise RequestError(403, "expected TLS: the exporter must be started again to speak it")
    if _tls(rules).client_auth_type == _NEEDED and not session.get("x509_pem_cert"):
        raise RequestError(403, "expected a certificate: the exporter must be started again to ask for it")
    names = {name.decode(errors="replace") for name in session.get("x509_subject_alternative_name", ())}
    if rules.allowed_sans and names.isdisjoint(rules.allowed_sans):
        raise RequestError(403, "the certificate has none of the client_allowed_sans")


def _tls(rules: Rules) -> Tls:
    """What TLS is made of, by rules that ask for it."""
    return cast("Tls", rules.tls)


def _configuration(rules: Rules) -> Any:
    tls, folder = _tls(rules), rules.files[0].parent
    pair = (folder / tls.key_file).read_bytes(), (folder / tls.cert_file).read_bytes()
    authorities = (folder / tls.client_ca_file).read_bytes() if tls.client_ca_file else None
    return grpc.ssl_server_certificate_configuration([pair], authorities)
