"""From `tls_server_config` to Python's ssl."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING

from windsock import regular
from windsock.exceptions import SettingsError
from windsock.settings import document
from windsock.settings.sources import Source, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .webconfig import Tls

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
# The suites that Go's crypto/tls offers, by Go's names; those of TLS 1.3 are always on, in Go too.
_TLS13_SUITES = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
_SUITES = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    )
}


def files(tls: Tls, folder: Path) -> list[Path]:
    """The files that `tls` names."""
    return [folder / name for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name]


def context(tls: Tls, folder: Path, source: Source) -> ssl.SSLContext | None:
    """Return the context to serve with, None where no TLS is asked for. Raises SettingsError."""
    try:
        return _context(tls, folder) if tls != type(tls)() else None
    except _Wrong as wrong:
        key = ("tls_server_config", wrong.key)
        raise SettingsError([f"{source.origin(key)}: {dotted(key)}: {wrong}"]) from None


def is_allowed(certificate: Mapping[str, object] | None, allowed: tuple[str, ...]) -> bool:
    """Whether one of the certificate's names (as `getpeercert` gives them) is in `allowed`; with none, all are."""
    names = (certificate or {}).get("subjectAltName", ())
    found = {_plain(kind, name) for kind, name in names} if isinstance(names, tuple) else set()
    return not allowed or not found.isdisjoint(allowed)


class _Wrong(Exception):  # noqa: N818  never leaves this file
    def __init__(self, key: str, text: str) -> None:
        self.key = key
        super().__init__(text)


def _context(tls: Tls, folder: Path) -> ssl.SSLContext:
    _check(tls)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = _VERSIONS[tls.min_version]
    made.maximum_version = _VERSIONS[tls.max_version]
    made.set_alpn_protocols(["http/1.1"])
    if not tls.prefer_server_cipher_suites:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    suites = [_SUITES[name] for name in tls.cipher_suites if name in _SUITES]
    if suites:
        made.set_ciphers(":".join(suites))
    elif tls.cipher_suites:
        made.minimum_version = ssl.TLSVersion.TLSv1_3
    for curve in tls.curve_preferences:
        made.set_ecdh_curve(_CURVES[curve])
    _load_certificate(made, folder / tls.cert_file, folder / tls.key_file)
    if tls.client_ca_file:
        _load_authorities(made, folder / tls.client_ca_file)
    made.verify_mode = _VERIFY[tls.client_auth_type]
    return made


def _check(tls: Tls) -> None:
    for key in ("cert_file", "key_file"):
        if not getattr(tls, key):
            raise _Wrong(key, "is missing; TLS needs cert_file and key_file")
    if tls.min_version > tls.max_version:
        raise _Wrong("min_version", f"expected at most max_version, {tls.max_version}")
    for name in tls.cipher_suites:
        if name not in _SUITES and name not in _TLS13_SUITES:
            raise _Wrong("cipher_suites", f"{name!r} is not known; there are {', '.join(_SUITES)}")
    verifies = tls.client_auth_type != "NoClientCert"
    if tls.client_ca_file and not verifies:
        raise _Wrong("client_ca_file", "has no effect without client_auth_type: RequireAndVerifyClientCert")
    if verifies and not tls.client_ca_file:
        raise _Wrong("client_auth_type", "needs client_ca_file, who signed the clients' certificates")
    if tls.client_allowed_sans and tls.client_auth_type != "RequireAndVerifyClientCert":
        raise _Wrong("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")


def _load_certificate(made: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for name, file in (("cert_file", certificate), ("key_file", key)):
        _read(name, file)
    try:
        made.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        reason = {
            "KEY_VALUES_MISMATCH": f"the key of {certificate} is not the one in {key}",
            None: f"no certificate in {certificate}, or no key in {key}, in PEM form",
        }.get(error.reason, f"{certificate} and {key} can't be used: {error.reason}")
        raise _Wrong("cert_file", reason) from None
    except _Wrong:
        raise
    except (OSError, ValueError) as error:
        raise _Wrong("cert_file", f"{certificate} and {key} can't be used: {error}") from None


def _load_authorities(made: ssl.SSLContext, file: Path) -> None:
    _read("client_ca_file", file)
    try:
        made.load_verify_locations(file)
    except (OSError, ValueError):
        raise _Wrong("client_ca_file", f"no certificate in {file}, in PEM form") from None


def _read(key: str, file: Path) -> None:
    """OpenSSL would wait for what is no regular file."""
    try:
        regular.content(file, document.MOST_BYTES)
    except (OSError, ValueError) as error:
        raise _Wrong(key, f"{file} can't be read: {getattr(error, 'strerror', None) or error}") from None


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    raise _Wrong("key_file", "the key is encrypted; store it without a passphrase, readable by this user only")


def _plain(kind: str, name: str) -> str:
    return str(ip_address(name)) if kind == "IP Address" else name
