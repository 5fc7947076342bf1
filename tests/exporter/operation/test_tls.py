"""TLS and client certificates, by `tls_server_config` of the web configuration file."""

from __future__ import annotations

import shutil
import socket
import ssl

import pytest
import requests

BROKEN = "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n"


@pytest.fixture
def secure(serve, web_file, pair):
    """Start an exporter with TLS; `more` is what `tls_server_config` says besides, `rest` what follows it."""

    def start(more: str = "", rest: str = ""):
        certificate, key = pair
        text = f"tls_server_config:\n  cert_file: {certificate}\n  key_file: {key}\n"
        return serve(web={"config_file": web_file(text + "".join(f"  {line}\n" for line in more.split("\n")) + rest)})

    return start


@pytest.fixture
def shake(authority):
    """Shake hands; returns the version, the cipher and the certificate's serial number."""

    def do(service, greatest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED):
        context = ssl.create_default_context(cafile=authority.certificate)
        context.maximum_version = greatest
        host, _, port = service.web.address.rpartition(":")
        with (
            socket.create_connection((host, int(port)), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            return sock.version(), sock.cipher()[0], sock.getpeercert()["serialNumber"]

    return do


class TestTls:
    def test_everything_is_served_by_https(self, secure, get, talk):
        service = secure()
        assert service.web.url.startswith("https://127.0.0.1:")
        assert get(service).text == "ok\n"
        assert "windsock_build_info" in get(service, "/metrics").text
        assert talk(service, b"GET /metrics HTTP/1.0\r\n\r\n") == b"", "nothing is said in the clear"

    def test_a_scraper_that_trusts_someone_else_gets_nothing(self, secure, get):
        service = secure()
        with pytest.raises(requests.exceptions.SSLError):
            get(service, verify=True)
        assert get(service).ok

    def test_the_least_version_is_held(self, secure, get):
        service = secure("min_version: TLS13")
        old = ssl.create_default_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        host, _, port = service.web.address.rpartition(":")
        with socket.create_connection((host, int(port))) as plain, pytest.raises(ssl.SSLError):
            old.wrap_socket(plain, server_hostname="localhost")
        assert get(service).ok

    def test_the_greatest_version_and_the_ciphers_are_held(self, secure, shake):
        service = secure("max_version: TLS12\ncipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]")
        assert shake(service)[:2] == ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305")

    def test_ciphers_of_tls_13_alone_mean_tls_13(self, secure, shake):
        service = secure("cipher_suites: [TLS_AES_128_GCM_SHA256]")
        assert shake(service)[0] == "TLSv1.3"
        with pytest.raises(ssl.SSLError):
            shake(service, ssl.TLSVersion.TLSv1_2)

    def test_a_curve_can_be_chosen(self, secure, get):
        assert get(secure("curve_preferences: [CurveP384]\nprefer_server_cipher_suites: false")).ok

    def test_file_names_are_relative_to_the_file(self, serve, get, tmp_path, pair, monkeypatch):
        (tmp_path / "etc").mkdir()
        for file in pair:
            shutil.copy(file, tmp_path / "etc")
        (tmp_path / "etc" / "web.yml").write_text(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\nhttp_server_config: {http2: true}\n"
        )
        monkeypatch.chdir(tmp_path)
        assert get(serve(web={"config_file": "etc/web.yml"})).ok

    def test_a_renewed_certificate_is_served_from_the_next_connection(
        self, serve, web_file, tmp_path, authority, shake
    ):
        place = tmp_path / "cert", tmp_path / "key"

        def renew(name: str) -> None:
            for new, here in zip(authority.sign(name), place, strict=True):
                aside = here.with_suffix(".new")
                shutil.copy(new, aside)
                aside.replace(here)

        renew("first")
        text = "tls_server_config:\n  cert_file: cert\n  key_file: key\n"
        service = serve(web={"config_file": web_file(text)})
        first = shake(service)[2]
        renew("second")
        second = shake(service)[2]
        assert first != second

        place[0].write_text(BROKEN)
        assert shake(service)[2] == second, "a broken file does no harm"
        place[0].unlink()
        assert shake(service)[2] == second, "nor does a missing one"
        renew("third")
        assert shake(service)[2] not in {first, second}

    def test_who_does_not_shake_hands_holds_up_nobody(self, secure, get):
        service = secure()
        host, _, port = service.web.address.rpartition(":")
        with socket.create_connection((host, int(port))), socket.create_connection((host, int(port))) as other:
            other.sendall(b"\x16\x03\x01")
            assert get(service).elapsed.total_seconds() < 30


class TestClientCertificates:
    @pytest.fixture
    def service(self, secure, authority):
        more = f"client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: {authority.certificate}"
        return lambda sans="": secure(more + (f"\nclient_allowed_sans: {sans}" if sans else ""))

    def test_without_one_there_is_no_answer(self, service, get):
        with pytest.raises(requests.exceptions.ConnectionError):
            get(service())

    def test_one_that_the_authority_signed_is_welcome(self, service, get, authority):
        assert get(service(), cert=tuple(map(str, authority.sign("client")))).ok

    def test_one_that_another_signed_is_not(self, service, get, tmp_path, authority):
        stranger = type(authority)(tmp_path, "stranger").sign("client")
        with pytest.raises(requests.exceptions.ConnectionError):
            get(service(), cert=tuple(map(str, stranger)))

    @pytest.mark.parametrize(
        "sans", ["DNS:prometheus.example.org", "IP:10.1.2.3", "IP:fd00::1", "email:p@example.org", "URI:spiffe://p"]
    )
    def test_a_name_in_it_can_be_asked_for(self, sans, service, get, authority):
        allowed = "[prometheus.example.org, 10.1.2.3, 'fd00::1', p@example.org, 'spiffe://p']"
        running = service(allowed)
        assert get(running, cert=tuple(map(str, authority.sign("named", sans)))).ok
        with pytest.raises(requests.exceptions.ConnectionError):
            get(running, cert=tuple(map(str, authority.sign("other", "DNS:other.example.org"))))

    def test_they_may_be_optional(self, secure, get, tmp_path, authority):
        service = secure(f"client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: {authority.certificate}")
        assert get(service).ok
        with pytest.raises(requests.exceptions.ConnectionError):
            get(service, cert=tuple(map(str, type(authority)(tmp_path, "stranger").sign("client"))))
