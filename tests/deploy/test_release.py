"""A release is refused where its files say different versions."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

import windsock


@pytest.fixture
def release(root):
    spec = importlib.util.spec_from_file_location("release", root / "scripts/release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(root, tmp_path):
    for name in ("windsock/__init__.py", "deploy/helm/windsock/Chart.yaml"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changes\n\n## [{windsock.__version__}] - 2026-12-01\n")
    return tmp_path


def test_a_tree_that_says_one_version_may_be_released(release, tree):
    assert release.wrong(tree) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("windsock/__init__.py", windsock.__version__, "9.9.9", "CHANGELOG.md has no heading `## [9.9.9]`"),
        ("deploy/helm/windsock/Chart.yaml", 'appVersion: "', 'appVersion: "1', "appVersion is not"),
        ("CHANGELOG.md", f"[{windsock.__version__}]", "[Unreleased]", "CHANGELOG.md has no heading"),
    ],
)
def test_one_that_says_two_is_refused(release, tree, file, before, after, said):
    text = (tree / file).read_text()
    changed = text.replace(before, after, 1)
    assert changed != text
    (tree / file).write_text(changed)
    assert said in " ".join(release.wrong(tree))
