"""What each part trusts, and whom it says it is, where the other side asks for certificates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from real import command
from real.alertmanager import Alertmanager
from real.certificates import Authority, Door

from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("authorities")


@pytest.fixture(scope="module")
def ours(folder) -> Authority:
    return Authority(folder, "ours")


@pytest.fixture(scope="module")
def theirs(folder) -> Authority:
    """One whom nobody here trusts."""
    return Authority(folder, "theirs")


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    server = Alertmanager(Settings())
    yield server
    server.remove()


@pytest.fixture(scope="module")
def door(alertmanager, ours) -> Iterator[Door]:
    """In front of Alertmanager: who has no certificate of ours is not let in."""
    found = Door(alertmanager.port, *ours.sign("server"), clients=ours.certificate)
    yield found
    found.close()


class TestAlertmanager:
    def send(self, url: str, tmp_path: Path, http: dict[str, str]) -> tuple[int, str]:
        """`windsock notify test`, as a person calls it; its exit code and what it said."""
        (tmp_path / "windsock.yaml").write_text(
            yaml.safe_dump({"alertmanager": {"urls": [url], "http": http}, "defaults": {"slack": "#a"}})
        )
        done = command.windsock("notify", "test", "--config", "windsock.yaml", cwd=tmp_path, environ={})
        return done.returncode, done.stdout + done.stderr

    def test_an_alert_arrives_with_certificates_of_ones_own(self, door, ours, alertmanager, tmp_path):
        certificate, key = ours.sign("client")
        http = {"ca_file": str(ours.certificate), "cert_file": str(certificate), "key_file": str(key)}
        code, said = self.send(door.url, tmp_path, http)
        assert code == 0, said
        assert alertmanager.alerts()

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ("nothing", "certificate verify failed"),
            ("a stranger's authority", "certificate verify failed"),
            ("no certificate", "certificate required|alert|EOF|reset|closed"),
            ("a stranger's certificate", "unknown ca|alert|EOF|reset|closed"),
            ("a file that is not there", "No such file"),
        ],
    )
    def test_who_is_not_trusted_is_named(self, door, ours, theirs, tmp_path, given, says):
        http = {
            "nothing": {},
            "a stranger's authority": {"ca_file": str(theirs.certificate)},
            "no certificate": {"ca_file": str(ours.certificate)},
            "a stranger's certificate": {
                "ca_file": str(ours.certificate),
                **dict(zip(("cert_file", "key_file"), map(str, theirs.sign("stranger")), strict=True)),
            },
            "a file that is not there": {"ca_file": str(tmp_path / "gone.pem")},
        }[given]
        code, said = self.send(door.url, tmp_path, http)
        assert code != 0
        assert re.search(says, said), said
        assert "Traceback" not in said
