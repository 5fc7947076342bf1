"""The exporter toolkit's web configuration file: TLS, client certificates, users, headers, a rate limit."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from windsock.exceptions import SettingsError
from windsock.exporter.web import access


def test_headers_are_added_to_every_answer(serve, web_file, get):
    service = serve(
        web={
            "config_file": web_file(
                "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n"
                "    Strict-Transport-Security: max-age=9\n    Content-Security-Policy: ''\n"
            )
        }
    )
    for path in ("/", "/metrics", "/nowhere"):
        headers = get(service, path).headers
        assert (headers["X-Frame-Options"], headers["Strict-Transport-Security"]) == ("deny", "max-age=9")
    assert "default-src 'none'" in get(service, "/").headers["Content-Security-Policy"]


def test_requests_can_be_limited(serve, web_file, get, monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: clock.now))
    service = serve(web={"config_file": web_file("rate_limit: {interval: 200ms, burst: 3}\n")})
    assert [get(service).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    clock.now += 0.25
    assert [get(service).status_code for _ in range(2)] == [200, 429]


def test_an_empty_file_asks_for_nothing(serve, web_file, get):
    assert get(serve(web={"config_file": web_file("")})).ok
    assert get(serve(web={"config_file": web_file("tls_server_config:\nbasic_auth_users: {}\n")})).ok


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tls: {}", r":1: tls: unknown key; known here: basic_auth_users, http_server_config"),
        ("tls_server_config:\n  cert_fil: a", r":2: tls_server_config.cert_fil: unknown key; did you mean 'cert_file'"),
        (
            "tls_server_config: {key_file: k}",
            r":1: tls_server_config.cert_file: is missing; TLS needs cert_file and key",
        ),
        ("tls_server_config: {cert_file: c}", r":1: tls_server_config.key_file: is missing"),
        (
            "tls_server_config: {cert_file: none, key_file: none}",
            r":1: tls_server_config.cert_file: .*/none can't be read: No",
        ),
        (
            "tls_server_config:\n  cert_file: CERT\n  key_file: none",
            r":3: tls_server_config.key_file: .*/none can't be read",
        ),
        (
            "tls_server_config:\n  cert_file: KEY\n  key_file: KEY",
            r":2: tls_server_config.cert_file: no certificate in ",
        ),
        ("tls_server_config: {PAIR, min_version: TLS10}", r"min_version: input should be 'TLS12' or 'TLS13'"),
        (
            "tls_server_config: {PAIR, min_version: TLS13, max_version: TLS12}",
            r"min_version: expected at most max_version",
        ),
        ("tls_server_config: {PAIR, cipher_suites: [RC4]}", r"cipher_suites: 'RC4' is not known; there are TLS_ECDHE_"),
        ("tls_server_config: {PAIR, curve_preferences: [X25519, CurveP256]}", r"curve_preferences: .*at most 1 item"),
        ("tls_server_config: {PAIR, client_ca_file: CA}", r"client_ca_file: has no effect without client_auth_type"),
        (
            "tls_server_config: {PAIR, client_auth_type: RequireAndVerifyClientCert}",
            r"client_auth_type: needs client_ca_",
        ),
        ("tls_server_config: {PAIR, client_auth_type: RequireAnyClientCert}", r"client_auth_type: .*does not verify"),
        ("tls_server_config: {PAIR, client_auth_type: Maybe}", r"client_auth_type: input should be 'NoClientCert'"),
        ("tls_server_config: {PAIR, client_allowed_sans: [a]}", r"client_allowed_sans: needs client_auth_type"),
        ("tls_server_config: {cert: 'x', key: 'secret'}", r"tls_server_config.key: give it as a file, by key_file"),
        (
            "tls_server_config: {PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca_file: web.yml}",
            r"client_ca_file: no certificate in .*/web.yml, in PEM form",
        ),
        ("http_server_config:\n  headers: {X-Other: a}", r":2: http_server_config.headers: can't set X-Other, only"),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            r"headers: expected deny or sameorigin for X-Frame",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "a\\nb"}}',
            r"headers: expected one line of ASCII for X-XSS",
        ),
        ("basic_auth_users:\n  alice: secret", r":1: basic_auth_users: expected a bcrypt hash for alice, as `htpasswd"),
        (
            "basic_auth_users: {alice: $2y$99$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}",
            r"a bcrypt hash for alice",
        ),
        ("rate_limit: {interval: often}", r"rate_limit.interval: expected a duration"),
        ("- a", r"web.yml:1: expected a mapping"),
        ("a: [", r"web.yml:\d: not valid YAML"),
    ],
)
def test_errors_say_where_and_what(text, problem, web_file, pair, authority):
    certificate, key = pair
    text = text.replace("PAIR", f"cert_file: {certificate}, key_file: {key}")
    text = (
        text.replace("CERT\n", f"{certificate}\n").replace("KEY", str(key)).replace("CA}", f"{authority.certificate}}}")
    )
    with pytest.raises(SettingsError, match=problem) as error:
        access.read(web_file(text))
    assert "secret" not in str(error.value)


def test_the_key_must_be_the_certificates(web_file, pair, authority):
    other = authority.sign("other")
    with pytest.raises(SettingsError, match=r"cert_file: the key of .*server.crt is not the one in .*other.key"):
        access.read(web_file(f"tls_server_config: {{cert_file: {pair[0]}, key_file: {other[1]}}}"))


def test_an_encrypted_key_asks_nobody(web_file, authority):
    certificate, key = authority.sign("locked", encrypt=True)
    with pytest.raises(SettingsError, match=r"key_file: the key is encrypted; store it without a passphrase"):
        access.read(web_file(f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}"))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match=r"^/nowhere/web.yml: no such file \(exporter.web.config_file\)$"):
        access.read("/nowhere/web.yml")


def test_an_unreadable_key_is_told(web_file, pair, tmp_path):
    (tmp_path / "key").mkdir()
    with pytest.raises(SettingsError, match=r"key_file: .*/key can't be read: Is a directory"):
        access.read(web_file(f"tls_server_config: {{cert_file: {pair[0]}, key_file: key}}"))
    assert os.access(pair[1], os.R_OK)
