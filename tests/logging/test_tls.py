"""Filebeat and `windsock logs` with an Elasticsearch that they know by its certificate."""

from __future__ import annotations

import pytest
from real import command
from real.certificates import Authority, Door

from .conftest import task_file


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def door(elasticsearch, authority):
    found = Door(elasticsearch.port, *authority.sign("server"))
    yield found
    found.close()


def test_lines_arrive_over_tls(ship, door, authority, tmp_path, monkeypatch):
    """Whatever authorities requests is told of in the environment, as many companies do."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "another").certificate))
    shipping = ship(elasticsearch={"urls": [door.url], "ca_file": str(authority.certificate)})
    task_file(shipping.logs, "[2026-11-22T05:00:01.000+0000] {load.py:1} INFO - over TLS\n")
    shipping.filebeat.up()
    (line,) = shipping.arrived(1)
    assert "over TLS" in line["_source"]["message"]


def test_a_server_that_is_not_trusted_is_named(tmp_path, door):
    (tmp_path / "windsock.yaml").write_text(f"logs: {{elasticsearch: {{urls: ['{door.url}']}}}}\n")
    done = command.windsock("logs", "install", "--config", "windsock.yaml", cwd=tmp_path, environ={})
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr
    assert "Traceback" not in done.stderr
