"""A wheel from the tree, a wheel from the sdist, and the sdist: each holds everything, and works alone."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import zipfile
from email.parser import Parser

import pytest

from windsock.cli import COMMANDS

MUST_HAVE = (
    "windsock/py.typed",
    "windsock/airflow/data/airflow-*.json",
    "windsock/dashboards/generated/*.json",
    "windsock/dashboards/preview/page/page.*",
    "windsock/dashboards/preview/page/main.js",
    "windsock/alerts/generated/rules.yml",
    "windsock/alerts/generated/alertmanager.yml",
    "windsock/alerts/generated/windsock.tmpl",
    "windsock/alerts/runbooks/*.md",
    "windsock/alerts/tests/*",
    "windsock/demo/stack/requirements/*",
    "windsock/demo/stack/dags/*.py",
    "windsock/demo/inbox/page.*",
)


@pytest.mark.parametrize("package", ["wheel", "wheel_from_sdist"])
def test_a_wheel_holds_what_the_tree_holds(request, names, in_tree, package):
    held = {name for name in names(request.getfixturevalue(package)) if ".dist-info/" not in name}
    assert held == in_tree


def test_the_sdist_holds_what_the_tree_holds_under_the_trees_own_names(sdist, names, in_tree, folders):
    held = set(names(sdist))
    wanted = {
        name.removeprefix("windsock/") if name.split("/")[1] in folders and name.count("/") > 1 else name
        for name in in_tree
    }
    assert wanted <= held
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "docker-compose.observability.yaml"} <= held


def test_the_sdist_holds_what_a_user_of_containers_and_a_tester_need(sdist, names):
    held = names(sdist)
    for pattern in ("deploy/exporter/Dockerfile", "deploy/prometheus/*.yml", "docs/*.md", "tests/packaging/*.py"):
        assert fnmatch.filter(held, pattern), pattern


@pytest.mark.parametrize("package", ["wheel", "wheel_from_sdist", "sdist"])
def test_nothing_is_in_a_package_twice(request, names, folders, package):
    held = names(request.getfixturevalue(package))
    assert len(set(held)) == len(held)
    if package == "sdist":
        assert not [name for name in held if name.startswith(tuple(f"windsock/{folder}/" for folder in folders))]


@pytest.mark.parametrize("package", ["wheel", "wheel_from_sdist"])
@pytest.mark.parametrize("pattern", MUST_HAVE)
def test_the_data_files_are_there(request, names, package, pattern):
    assert fnmatch.filter(names(request.getfixturevalue(package)), pattern)


@pytest.mark.parametrize("package", ["wheel", "wheel_from_sdist"])
def test_no_folder_becomes_a_name_of_its_own(request, names, package):
    tops = {name.split("/")[0] for name in names(request.getfixturevalue(package))}
    assert {re.sub(r"-.*\.dist-info", ".dist-info", top) for top in tops} == {"windsock", "windsock.dist-info"}


def test_the_two_wheels_are_the_same(wheel, wheel_from_sdist):
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(wheel_from_sdist) as other:
        assert {i.filename: i.CRC for i in one.infolist()} == {i.filename: i.CRC for i in other.infolist()}


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
        licence = archive.read(name.replace("METADATA", "licenses/LICENSE")).decode()
    assert metadata["Name"] == "windsock"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_a_secret_beside_the_compose_file_does_not_travel(root, make, names, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(
        root,
        tree,
        symlinks=True,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".windsock"),
    )
    (tree / "deploy/secrets/slack_token").write_text("not for others")
    (tree / ".env").write_text("ELASTIC_PASSWORD=not-for-others")
    held = names(make("sdist", tree, tmp_path / "out"))
    assert "deploy/secrets/README.md" in held
    assert not [name for name in held if name.endswith((".env", "slack_token"))]


def test_the_container_image_is_made_of_the_whole_wheel(root, make, names, in_tree, tmp_path):
    # What the Dockerfile copies is all that `pip wheel` sees there.
    place = tmp_path / "src"
    place.mkdir()
    for line in (root / "deploy/exporter/Dockerfile").read_text().splitlines():
        if line.startswith("COPY"):
            *sources, _ = line.split()[1:]
            for source in sources:
                path = root / source
                assert path.exists(), f"the Dockerfile copies {source}"
                if path.is_dir():
                    shutil.copytree(path, place / source, symlinks=True)
                else:
                    shutil.copy(path, place / source)
    held = {name for name in names(make("wheel", place, tmp_path / "out")) if ".dist-info/" not in name}
    assert held == in_tree


def modules_in(files: set[str]) -> set[str]:
    """Names of what can be imported: a folder without __init__.py holds files that others read, such as DAGs."""
    found = set()
    for file in files:
        *folders, name = file.split("/")
        parents = ["/".join(folders[:end]) for end in range(1, len(folders) + 1)]
        # logging/ has no __init__.py, lest it shadow the standard library at the root of the repository.
        packages = all(f"{parent}/__init__.py" in files or parent == "windsock/logging" for parent in parents)
        if name.endswith(".py") and name != "__main__.py" and packages:
            found.add(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    # What derives from Airflow's classes is imported by the tests that run a real Airflow.
    ours = {f"windsock.exporter.plugin.{name}" for name in ("api_server", "entry", "link", "hooks", "webserver")}
    ours |= {"windsock.callbacks.notifier", "windsock.logging.airflow2", "windsock.logging.airflow3"}
    assert ours <= found
    return found - ours


def test_every_module_imports(installed, run_in, in_tree, folders):
    wanted = modules_in(in_tree)
    assert {f"windsock.{folder}.commands" for folder in folders if folder != "demo"} <= wanted
    code = """
import importlib, sys
for name in sys.argv[1:]:
    assert importlib.import_module(name).__file__.startswith(sys.prefix)
"""
    run_in(installed, code, *sorted(wanted))


def _printed(program, *arguments):
    command = [program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=program.parent)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_sdist_installs_what_the_wheel_installs(install, installed, sdist):
    def held(python):
        (place,) = python.parents[1].glob("lib/*/site-packages")
        (record,) = place.glob("windsock-*.dist-info/RECORD")
        # Each file with its digest; the command names its Python, and beside them is where the package came from.
        others = (".pyc", "direct_url.json", "uv_build.json", "uv_cache.json")
        rows = (row.split(",") for row in record.read_text().splitlines())
        return {name: digest * (not name.startswith("..")) for name, digest, _ in rows if not name.endswith(others)}

    there = held(install(sdist, "--no-deps"))
    assert {"windsock/cli.py", "../../../bin/windsock"} <= there.keys()
    assert there == held(installed)


def test_the_package_runs_as_a_module(installed):
    assert _printed(installed, "-I", "-m", "windsock", "--version").startswith("windsock, version ")


def test_every_entry_point_loads(installed, run_in):
    code = """
import importlib.metadata
for entry in importlib.metadata.distribution("windsock").entry_points:
    if not entry.group.startswith("airflow."):  # these need an Airflow, and the tests that run one load them
        entry.load()
    print(entry.group, entry.name)
"""
    assert "console_scripts windsock" in run_in(installed, code)


def test_the_folders_can_not_be_imported_by_their_bare_names(installed, run_in, folders):
    code = """
import importlib, logging, sys
for name in sys.argv[1:]:
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    assert "windsock" not in (found.__file__ or ""), found
assert logging.getLogger().handlers is not None
"""
    run_in(installed, code, *folders)


def test_the_command_helps(installed, helps):
    assert "Usage:" in _printed(installed.with_name("windsock"), "--help")
    shown = helps(installed)
    assert set(COMMANDS) <= shown.keys()
    for path, text in shown.items():
        assert text.startswith(f"Usage: windsock {path}")


def test_the_command_makes_from_the_package_what_is_in_the_package(installed, run_in, tmp_path):
    program = installed.with_name("windsock")
    generated = run_in(installed, "import windsock; print(windsock.__path__[0])").strip()
    for folder in ("dashboards", "alerts"):
        result = subprocess.run(
            [program, folder, "build", "--check", "--out", f"{generated}/{folder}/generated"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
        )
        assert result.returncode == 0, result.stderr
