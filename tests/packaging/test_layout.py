"""The rules of the tree that no type checker and no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache

import pytest

from windsock.airflow.versions import NEWEST, OLDEST

LONGEST = 400


def python_files(root, *places):
    for place in places:
        for path in sorted((root / place).rglob("*.py")):
            if not any(part.is_symlink() for part in (path, *path.parents)) and "__pycache__" not in path.parts:
                yield path


@cache
def read(path):
    """Its imports, and the line of each text that is no docstring: a file is walked through once for all rules."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return (
        [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)],
        [(node.lineno, node.value) for node in texts if id(node) not in told],
    )


def test_every_folder_is_linked_into_the_package(root, folders):
    for folder in folders:
        link = root / "windsock" / folder
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{folder}"
        assert (root / folder).is_dir()
        assert not (root / folder).is_symlink()


@pytest.mark.parametrize("module", ["logging", "logging.handlers", "logging.config"])
def test_the_standard_librarys_logging_is_not_shadowed_at_the_root(root, module):
    code = f"import {module}, logging; logging.getLogger; print(logging.__file__)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=root
    )
    assert result.returncode == 0, result.stderr
    assert str(root / "logging") not in result.stdout
    assert not (root / "logging/__init__.py").exists()


def test_the_folders_do_not_import_one_another(root, folders):
    """But for the demo's DAGs, which are what an author writes."""
    wrong = []
    for folder in folders:
        for path in python_files(root, folder):
            others = [name for name in folders if name != folder and path.parent != root / "demo/stack/dags"]
            for node in read(path)[0]:
                wrong += [f"{path.relative_to(root)}:{node.lineno}: {name}" for name in _imported(node, others)]
    assert not wrong, "across folders only the core is imported"


def _imported(node: ast.AST, folders: list[str]) -> list[str]:
    """What an import takes out of one of `folders`."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return []
    parts = [name.split(".") for name in names]
    return [".".join(part) for part in parts if part[0] == "windsock" and len(part) > 1 and part[1] in folders]


def test_a_relative_import_stays_in_its_folder(root, folders):
    wrong = []
    for folder in folders:
        for path in python_files(root, folder):
            depth = len(path.relative_to(root / folder).parts)
            for node in read(path)[0]:
                if isinstance(node, ast.ImportFrom) and node.level > depth:
                    wrong.append(f"{path.relative_to(root)}:{node.lineno}")
    assert not wrong


def test_tests_import_the_package_by_its_name_only(root, folders):
    wrong = []
    for path in python_files(root, "tests"):
        for node in read(path)[0]:
            tops = set()
            if isinstance(node, ast.Import):
                tops = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                tops = {node.module.split(".")[0]}
            # `logging` is the standard library's wherever it is imported.
            wrong += [f"{path.relative_to(root)}:{node.lineno}" for top in tops if top in folders and top != "logging"]
    assert not wrong


def test_no_tests_folder_is_a_package(root):
    assert not list((root / "tests").rglob("__init__.py"))


def test_no_file_is_longer_than_one_reads_in_a_sitting(root, folders):
    places = ("windsock", *folders, "scripts", "benchmarks", "tests")
    long = {
        str(path.relative_to(root)): lines
        for path in python_files(root, *places)
        if (lines := path.read_text().count("\n")) > LONGEST
    }
    assert not long


def test_the_versions_of_airflow_are_spelled_in_one_place(root, folders):
    """A comment or a docstring may still name the version that it was read from."""
    spelled = []
    for path in python_files(root, "windsock", *folders, "scripts", "benchmarks", "tests"):
        if path == root / "windsock/airflow/versions.py":
            continue
        spelled += [
            f"{path.relative_to(root)}:{line}" for line, text in read(path)[1] if NEWEST in text or OLDEST in text
        ]
    assert not spelled, "NEWEST or OLDEST of windsock.airflow.versions is meant"


@pytest.mark.parametrize("file", ["README.md", "examples/helm/values.yaml"])
def test_what_readers_copy_names_the_newest_version(root, file):
    assert NEWEST in (root / file).read_text()
