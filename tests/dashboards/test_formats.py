"""What `windsock dashboards build --format` writes, as the tools that take it would read it."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from windsock.cli import windsock
from windsock.dashboards import build, formats
from windsock.exceptions import WindsockError


@pytest.fixture(scope="module")
def texts():
    return dict(list(build.files().items())[:2])


@pytest.fixture
def made(monkeypatch, tmp_path, texts):
    """Builds two dashboards in this format into the folder `out`, and returns that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "files", lambda settings: texts)

    def run(form: str, *options: str):
        result = CliRunner().invoke(windsock, ["dashboards", "build", "--format", form, "--out", "out", *options])
        if result.exception:
            raise result.exception
        written = sorted(f"out/{path.name}" for path in (tmp_path / "out").iterdir())
        assert result.output.splitlines() == (["out: up to date"] if "--check" in options else written)
        return tmp_path / "out"

    return run


def test_a_config_map_holds_each_dashboard_as_it_is(made, texts):
    found = [yaml.safe_load(path.read_text()) for path in made("configmap", "--folder", "Data: Airflow").iterdir()]
    assert {name: text for one in found for name, text in one["data"].items()} == texts
    for one in found:
        assert (one["apiVersion"], one["kind"]) == ("v1", "ConfigMap")
        assert one["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert one["metadata"]["annotations"] == {"grafana_folder": "Data: Airflow"}
        (text,) = one["data"].values()
        assert one["metadata"]["name"] == f"grafana-{json.loads(text)['uid']}"
        assert len(text.encode()) < 1 << 20
    names = [one["metadata"]["name"] for one in found]
    assert len(set(names)) == len(names)


def test_every_dashboard_fits_into_a_config_map():
    assert max(len(text.encode()) for text in build.files().values()) < formats.CONFIGMAP_LIMIT


def test_a_dashboard_too_large_for_a_config_map_is_an_error(tmp_path):
    large = {"large.json": json.dumps({"uid": "large", "title": "é" * (1 << 19)}, ensure_ascii=False)}
    with pytest.raises(WindsockError, match=r"large.json: 10\d{5} bytes; a ConfigMap holds less than 1048576"):
        formats.configmap(large, "Airflow", tmp_path)


def test_a_name_is_one_that_kubernetes_takes(tmp_path):
    (text,) = formats.configmap({"a.json": '{"uid": "My_Board"}'}, "Airflow", tmp_path).values()
    assert yaml.safe_load(text)["metadata"]["name"] == "grafana-my-board"


@pytest.mark.parametrize("folder", ["Airflow", 'A "quoted" ${one} of 100%{x}'])
def test_terraform_reads_the_json_beside_it(made, texts, folder):
    import hcl2  # noqa: PLC0415  each worker imports all modules, and one needs it

    out = made("terraform", "--folder", folder)
    module = hcl2.loads((out / "windsock.tf").read_text())
    resources = {kind.strip('"'): body for one in module["resource"] for kind, body in one.items()}
    assert set(resources) == {"grafana_folder", "grafana_dashboard"}
    (dashboards,) = resources["grafana_dashboard"].values()
    assert dashboards["for_each"] == '${fileset(path.module, "*.json")}'
    assert dashboards["folder"] == "${grafana_folder.windsock.uid}"
    assert {path.name: path.read_text() for path in out.glob("*.json")} == texts
    (variable,) = (body for one in module["variable"] for body in one.values())
    quoted = variable["default"]
    assert json.loads(quoted).replace("$${", "${").replace("%%{", "%{") == folder
    assert quoted.count("${") == quoted.count("$${")


def test_a_provider_reads_the_json_from_where_it_is(made, texts, tmp_path):
    out = made("provisioning")
    (provider,) = yaml.safe_load((out / "windsock.yaml").read_text())["providers"]
    assert provider["options"] == {"path": str(tmp_path / "out")}
    assert provider["folder"] == "Airflow"
    assert provider["allowUiUpdates"] is False
    assert {path.name: path.read_text() for path in out.glob("*.json")} == texts


@pytest.mark.parametrize("form", formats.FORMATS)
def test_check_is_content_with_what_build_wrote_and_sees_what_differs(made, form):
    out = made(form)
    made(form, "--check")
    first = min(out.iterdir())
    (out / f"stray{first.suffix}").write_text("")
    with pytest.raises(WindsockError, match="stray"):
        made(form, "--check")
    (out / f"stray{first.suffix}").unlink()
    first.write_text(first.read_text() + " ")
    with pytest.raises(WindsockError, match=first.name):
        made(form, "--check")
