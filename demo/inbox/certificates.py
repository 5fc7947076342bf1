"""Certificates for the names of real platforms, of an authority that the inbox makes for itself.

Nobody trusts it who was not given its certificate, and its key never leaves the memory of the process.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

_LASTS = timedelta(days=30)
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


class Authority:
    """Vouches for `hosts`."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = tuple(hosts)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._vouch_for_itself()

    @property
    def certificate(self) -> bytes:
        """Its own, as PEM: what a sender has to trust."""
        return self._own.public_bytes(Encoding.PEM)

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What speaks TLS as one of the hosts."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _certificate(_name("windsock inbox"), key, self._own.subject)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in self._hosts]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # OpenSSL reads a key from a file only.
        with tempfile.TemporaryDirectory(prefix="windsock-") as folder:
            file = Path(folder) / "server.pem"
            secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            file.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
            context.load_cert_chain(file)
        return context

    def _vouch_for_itself(self) -> x509.Certificate:
        name, public = _name("windsock inbox, for tests alone"), self._key.public_key()
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        return (
            _certificate(name, self._key, name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _certificate(subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LASTS)
    )
