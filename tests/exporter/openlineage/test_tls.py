"""OpenLineage's events over TLS, from those who have a certificate and a password."""

from __future__ import annotations

import contextlib
import gzip
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import bcrypt
import pytest
import requests
from real.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

USER = ("airflow", "s3cr3t")


@pytest.fixture(scope="module")
def trust(tmp_path_factory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("authorities")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    return SimpleNamespace(
        ours=ours, server=ours.sign("server"), client=ours.sign("client"), stranger=theirs.sign("stranger")
    )


@pytest.fixture
def door(serve, trust, tmp_path):
    """An exporter that lets in who has a certificate of ours and is a user."""
    certificate, key = trust.server
    file = tmp_path / "web.yml"
    tls = {
        "cert_file": str(certificate),
        "key_file": str(key),
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(trust.ours.certificate),
    }
    users = {USER[0]: bcrypt.hashpw(USER[1].encode(), bcrypt.gensalt(4)).decode()}
    file.write_text(json.dumps({"tls_server_config": tls, "basic_auth_users": users}))
    return serve(openlineage={"listen": "127.0.0.1:0", "namespace": "prod"}, web={"config_file": str(file)})


@pytest.fixture
def post(door, trust, capture) -> Callable[..., int]:
    """Tell the first event as OpenLineage's client does with `sslContext`; the status, or 0 where nobody answers."""

    def tell(body: bytes = capture[0], **given: object) -> int:
        options = {"auth": USER, "cert": tuple(map(str, trust.client)), "verify": str(trust.ours.certificate), **given}
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        with contextlib.suppress(requests.ConnectionError):  # SSLError is one
            return requests.post(
                door.lineage.url, gzip.compress(body), headers=headers, timeout=60, **options
            ).status_code
        return 0

    return tell


def test_who_has_both_is_heard(door, post, capture):
    assert door.lineage.url.startswith("https://")
    assert {post(body) for body in capture} == {200}
    assert door.lineage.lineage.stale("load_orders", "extract", "").startswith("stale: file://warehouse/shop/orders")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"auth": ("airflow", "guessed")}, 401),
        ({"auth": None}, 401),
        ({"cert": None}, 0),
        ({"cert": "a stranger's"}, 0),
        ({"verify": True}, 0),
    ],
    ids=["wrong password", "no user", "no certificate", "a stranger's certificate", "a client that trusts others"],
)
def test_who_lacks_one_says_nothing(door, post, trust, given, status):
    if given.get("cert") == "a stranger's":
        given = {"cert": tuple(map(str, trust.stranger))}
    assert post(**given) == status
    assert post() == 200, "and the next one is heard"
    assert door.lineage.own.counter("windsock_openlineage_events_total", outcome="bare").value == 1


def test_nothing_is_taken_in_the_clear(door, post, capture):
    with pytest.raises(requests.ConnectionError):
        requests.post(door.lineage.url.replace("https", "http"), capture[0], auth=USER, timeout=60)
    assert post() == 200
