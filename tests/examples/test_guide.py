"""What the pages for contributors name is there: files, functions, make targets; so is what `make quick` leaves out."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from real.quick import LEFT_OUT, TESTS

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "ARCHITECTURE.md")}
FOLDERS = "windsock|exporter|callbacks|alerts|dashboards|logging|demo|tests|docs|scripts|examples"


def defined(file):
    """Every name that a module gives to something, methods as `Class.method`."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            inner = (one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)))
            names |= {node.name, *(f"{node.name}.{one}" for one in inner)}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {one.id for one in targets if isinstance(one, ast.Name)}
    return names


@pytest.mark.parametrize("page", PAGES)
def test_each_file_that_is_named_is_there(page):
    named = set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", PAGES[page]))
    assert len(named) > 20
    assert (
        sorted(name for name in named if not (ROOT / name).exists() and "VERSION" not in name and "NAME" not in name)
        == []
    )


@pytest.mark.parametrize("page", PAGES)
def test_each_name_is_in_the_file_that_is_said(page):
    words = " ".join(PAGES[page].split())
    said = re.findall(r"`([\w.]+)` \(`([\w/]+\.py)`\)", words)
    said += re.findall(r"`([\w.]+)` (?:in|of) `([\w/]+\.py)`", words)
    assert len(said) >= (30 if page == "ARCHITECTURE.md" else 6)
    assert [(name, file) for name, file in said if name not in defined(ROOT / file)] == []


def test_each_make_target_that_is_named_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in PAGES.items():
        assert set(re.findall(r"\bmake ([a-z-]+)(?=[ `\n])", "\n".join(re.findall(r"`[^`]+`", text)))) <= targets, page


def test_make_quick_leaves_out_what_is_there_and_says_so():
    places = [place for found in LEFT_OUT.values() for place in found]
    assert len(places) == len(set(places))
    for place in places:
        file, _, test = place.partition("::")
        assert (TESTS / file).exists(), place
        assert not test or test in defined(TESTS / file), place


def test_the_hooks_before_a_commit_run_what_make_check_runs():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    checked = subprocess.run(
        ["make", "--dry-run", "check"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.replace(" .\n", "\n")
    for hook in local["hooks"]:
        command = hook["entry"].removesuffix(" --force-exclude")
        assert hook["language"] == "system"
        assert command in checked, hook["id"]


def test_the_issue_form_asks_for_what_tells_most():
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text())
    asked = str(form["body"])
    for what in ("windsock --version", "windsock exporter --check-config", "/metrics", "windsock config show"):
        assert what in asked
    ids = [one["id"] for one in form["body"] if "id" in one]
    assert len(ids) == len(set(ids))
