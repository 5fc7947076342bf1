"""Airflow's environment: built once, repaired, rebuilt when what goes in has changed."""

import shutil
import subprocess
import zipfile

import pytest

from windsock.airflow.versions import NEWEST, NEXT
from windsock.demo.stack import environment
from windsock.exceptions import StackError


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Once called, a wheel of one file is installed as windsock: the real one is built anew each time, for seconds."""
    wheel = tmp_path / "windsock-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("windsock/__init__.py", "")
        archive.writestr("windsock-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: windsock\nVersion: 0\n")
        archive.writestr("windsock-0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("windsock-0.dist-info/RECORD", "")
    return lambda: monkeypatch.setattr(environment, "_windsock", lambda: f"windsock @ {wheel.as_uri()}")


@pytest.fixture
def build(folder, tmp_path, monkeypatch):
    """Build with a small requirements file in place of Airflow's; returns the place and what was said."""
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path)
    (tmp_path / "airflow-0.0.0.txt").write_text("statsd==4.0.1\n")

    def run():
        said = []
        place = environment.build("0.0.0", folder, said.append)
        return place, said

    return run


def imports(place, *modules):
    code = f"import {', '.join(modules)}"
    return subprocess.run([place / "bin" / "python", "-c", code], cwd=place, check=False).returncode == 0


def test_it_is_built_once_and_only_what_changed_is_built_again(build, small, tmp_path, monkeypatch):
    place, said = build()
    assert [line.split(" into ")[0] for line in said] == ["installing Airflow 0.0.0", "installing windsock beside it"]
    assert imports(place, "statsd", "windsock.demo.stack.ports", "windsock.exporter", "windsock.callbacks")
    # It is a copy: nothing on the path leads back to a tree whose folders would be importable by themselves.
    assert not imports(place, "exporter")
    # Not even the dependencies: what Airflow runs with must not move.
    assert not imports(place, "prometheus_client")

    assert build()[1] == []

    small()
    monkeypatch.setattr(environment, "_digest", lambda: "another windsock")
    assert build()[1] == ["installing windsock beside it"]

    (tmp_path / "airflow-0.0.0.txt").write_text("statsd==4.0.0\n")
    assert len(build()[1]) == 2


def test_one_that_was_interrupted_is_repaired(build, small):
    small()
    place, _ = build()
    (place / "airflow.stamp").unlink()
    (place / "bin" / "python").unlink()
    assert len(build()[1]) == 2
    assert imports(place, "statsd", "windsock")

    (place / "windsock.stamp").unlink()
    (installed,) = place.glob("lib/*/site-packages/windsock")
    shutil.rmtree(installed)
    assert build()[1] == ["installing windsock beside it"]
    assert imports(place, "windsock")


def test_what_can_t_be_installed_is_said_with_the_end_of_uv_s_output(build, small, tmp_path):
    small()
    (tmp_path / "airflow-0.0.0.txt").write_text("statsd==0.0.0.dev999\n")
    with pytest.raises(
        StackError, match=r"(?s)Airflow's environment can't be built; the end of .*install\.log.*statsd"
    ):
        build()
    (tmp_path / "airflow-0.0.0.txt").write_text("statsd==4.0.1\n")
    assert imports(build()[0], "statsd")


def test_the_requirements_pin_airflow_and_all_that_windsock_needs_beside_it():
    text = (environment.REQUIREMENTS / f"airflow-{NEWEST}.txt").read_text()
    pinned = {line.split("==")[0] for line in text.splitlines() if "==" in line and not line.startswith(" ")}
    assert {"apache-airflow", "statsd", "click", "prometheus-client", "pydantic", "pyyaml", "requests"} <= pinned
    assert f"apache-airflow=={NEWEST}" in text
    assert environment.versions() == [NEWEST, NEXT]


def test_the_digest_sees_the_folders_behind_their_links():
    names = {
        str(file.relative_to(environment.Path(environment.windsock.__file__).parent))
        for file in environment._files(environment.Path(environment.windsock.__file__).parent)
    }
    assert {"cli.py", "exporter/__init__.py", f"demo/stack/requirements/airflow-{NEWEST}.txt"} <= names
    assert not [name for name in names if "__pycache__" in name]
