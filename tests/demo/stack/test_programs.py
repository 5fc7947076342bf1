"""What is not installed is named with the command that installs it."""

import pytest

from windsock.demo.stack import programs
from windsock.exceptions import MissingProgramError


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    def add(*names):
        for name in names:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        return tmp_path

    return add


def test_on_debian_the_package_is_named(path):
    path("apt-get", "prometheus")
    with pytest.raises(MissingProgramError) as caught:
        programs.find()
    assert str(caught.value) == ("prometheus-alertmanager is not installed: apt-get install prometheus-alertmanager")
    assert caught.value.exit_code == 1


def test_elsewhere_the_download_is_named(path):
    path()
    with pytest.raises(MissingProgramError, match=r"prometheus is not installed: see https://prometheus\.io/download"):
        programs.find()


def test_what_is_first_on_the_path_is_taken_whatever_its_name(path, monkeypatch, tmp_path):
    """The download of a newer one, before Debian's with its longer name."""
    debian = path("prometheus", "prometheus-alertmanager")
    newer = tmp_path / "newer"
    newer.mkdir()
    (debian / "prometheus").rename(newer / "prometheus")
    (newer / "alertmanager").write_text("#!/bin/sh\n")
    (newer / "alertmanager").chmod(0o755)
    monkeypatch.setenv("PATH", f"{newer}:{debian}")
    assert programs.find().alertmanager == str(newer / "alertmanager")


@pytest.mark.parametrize(
    ("names", "alertmanager", "grafana"),
    [
        (["prometheus-alertmanager"], "prometheus-alertmanager", []),
        (["alertmanager", "grafana-server"], "alertmanager", ["grafana-server"]),
        (
            ["prometheus-alertmanager", "alertmanager", "grafana", "grafana-server"],
            "prometheus-alertmanager",
            ["grafana"],
        ),
    ],
)
def test_each_name_that_a_program_has_is_found(path, names, alertmanager, grafana):
    place = path("prometheus", *names)
    found = programs.find()
    assert found.alertmanager == str(place / alertmanager)
    assert list(found.grafana[:1]) == [str(place / name) for name in grafana]
    assert list(found.grafana[1:]) == (["server"] if grafana == ["grafana"] else [])
