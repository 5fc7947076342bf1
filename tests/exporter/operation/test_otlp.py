"""OpenTelemetry's metrics are received as the exporter's own pages are served: the same TLS, the same users."""

from __future__ import annotations

import socket

import pytest
import requests


@pytest.fixture
def export(authority):
    """Export nothing, which is a sound request."""

    def post(service, **options) -> int:
        headers = {"Content-Type": "application/x-protobuf"}
        return requests.post(
            service.otlp.url, data=b"", headers=headers, timeout=60, verify=str(authority.certificate), **options
        ).status_code

    return post


def test_the_body_of_who_is_not_let_in_is_no_request(serve, web_file, hashed):
    service = serve(
        web={"listen": "127.0.0.1:0", "config_file": web_file(f"basic_auth_users: {{airflow: {hashed('secret')}}}\n")},
        otlp={"listen": "127.0.0.1:0"},
    )
    host, _, port = service.otlp.address.rpartition(":")
    hidden = b"POST /v1/metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    head = b"POST /v1/metrics HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        sock.sendall(head + hidden)
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    assert answer.count(b"HTTP/1.1 401 ") == answer.count(b"HTTP/1.1") == 1


def test_users_and_tls(serve, pair, web_file, hashed, export):
    certificate, key = pair
    file = web_file(
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
        f"basic_auth_users: {{airflow: {hashed('secret')}}}\n"
        "rate_limit: {interval: 1h, burst: 1}\n"
    )
    service = serve(web={"listen": "127.0.0.1:0", "config_file": file}, otlp={"listen": "127.0.0.1:0"})
    assert service.otlp.url.startswith("https://")
    assert export(service) == export(service, auth=("airflow", "wrong")) == 401
    assert [export(service, auth=("airflow", "secret")) for _ in range(3)] == [200] * 3, "that limit is for scrapes"
    with pytest.raises(requests.ConnectionError):
        requests.post(service.otlp.url.replace("https", "http"), data=b"", timeout=60)
