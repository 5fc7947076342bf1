"""OTLP over gRPC has the TLS and the users of the exporter's pages, and what gRPC can't keep to is an error."""

from __future__ import annotations

import base64
import os

import grpc
import pytest

from windsock.exceptions import WindsockError

EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


@pytest.fixture
def export(authority):
    """Export nothing; returns the code of the answer."""

    def call(service, user: str = "", certificate: tuple | None = None, *, plain: bool = False) -> str:
        pair = [file.read_bytes() for file in reversed(certificate)] if certificate else [None, None]
        trusted = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *pair)
        address = service.grpc.address
        with grpc.insecure_channel(address) if plain else grpc.secure_channel(address, trusted) as channel:
            login = (("authorization", f"Basic {base64.b64encode(user.encode()).decode()}"),) if user else ()
            try:
                channel.unary_unary(EXPORT)(b"", timeout=120, metadata=login)
            except grpc.RpcError as error:
                return error.code().name
            return "OK"

    return call


@pytest.fixture
def start(serve, web_file, pair):
    def run(more: str = "", tls: str = ""):
        certificate, key = pair
        config = web_file(f"tls_server_config: {{cert_file: {certificate}, key_file: {key}{tls}}}\n{more}")
        return serve(web={"listen": "127.0.0.1:0", "config_file": config}, otlp={"grpc": "127.0.0.1:0"})

    return run


def test_users_and_tls(start, export, hashed):
    service = start(f"basic_auth_users: {{airflow: {hashed('secret')}}}\n")
    assert service.grpc.url.startswith("https://")
    assert export(service) == export(service, "airflow:wrong") == "UNAUTHENTICATED"
    assert export(service, "airflow:secret") == "OK"
    assert export(service, "airflow:secret", plain=True) == "UNAVAILABLE"


def test_certificates_of_clients(start, export, authority):
    required = f", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.certificate}"
    service = start(tls=f"{required}, client_allowed_sans: [good]")
    good, other = (authority.sign(name, f"DNS:{name}") for name in ("good", "other"))
    assert [export(service, certificate=one) for one in (good, other, None)] == [
        "OK",
        "PERMISSION_DENIED",
        "UNAVAILABLE",
    ]


def test_a_certificate_that_was_renewed_counts_from_the_next_connection(serve, web_file, authority, tmp_path, export):
    files = tmp_path / "server.crt", tmp_path / "server.key"

    def renew(*names: str) -> None:
        for file, new in zip(files, authority.sign(*names), strict=True):
            file.write_bytes(new.read_bytes())
            os.utime(file, (0, len(names)))

    renew("another", "DNS:another")
    config = web_file(f"tls_server_config: {{cert_file: {files[0]}, key_file: {files[1]}}}\n")
    service = serve(web={"listen": "127.0.0.1:0", "config_file": config}, otlp={"grpc": "127.0.0.1:0"})
    assert export(service) == "UNAVAILABLE", "it is another's"
    renew("renewed")
    assert export(service) == "OK"


def test_rules_that_become_stricter_are_kept_before_the_restart(serve, web_file, pair, authority, export):
    config = web_file("")
    service = serve(web={"listen": "127.0.0.1:0", "config_file": config}, otlp={"grpc": "127.0.0.1:0"})
    assert export(service, plain=True) == "OK"
    web_file(f"tls_server_config: {{cert_file: {pair[0]}, key_file: {pair[1]}}}\n")
    assert export(service, plain=True) == "PERMISSION_DENIED"


def test_certificates_that_are_asked_for_from_now_on(start, web_file, pair, authority, export):
    service = start()
    assert export(service) == "OK"
    certificate, key = pair
    required = f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.certificate}"
    web_file(f"tls_server_config: {{cert_file: {certificate}, key_file: {key}, {required}}}\n")
    assert export(service) == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "tls",
    [
        ", min_version: TLS13",
        ", cipher_suites: [TLS_AES_128_GCM_SHA256]",
        ", client_auth_type: VerifyClientCertIfGiven",
    ],
)
def test_what_grpc_can_not_keep_to(tls, start, authority):
    more = f", client_ca_file: {authority.certificate}" if "client_auth" in tls else ""
    with pytest.raises(WindsockError, match=r"exporter\.otlp\.grpc: gRPC (can't keep to|does not verify)"):
        start(tls=tls + more)
