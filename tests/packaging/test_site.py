"""The pages together: links lead somewhere, commands are ones that there are, and the reference leaves nothing out."""

from __future__ import annotations

import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest

from windsock import catalog
from windsock.alerts.coverage import EVENTS
from windsock.alerts.rules import RULES
from windsock.cli import windsock
from windsock.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FILES = (*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "alerts/runbooks").glob("*.md"))
SH = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!`)!?\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")


@cache
def site():
    spec = importlib.util.spec_from_file_location("windsock_site", ROOT / "scripts/site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def made():
    return site().generated()


def text(path: Path) -> str | None:
    """Of a page, also of one that is made."""
    if path.is_file():
        return path.read_text() if path.suffix == ".md" else ""
    return made().get(path.relative_to(DOCS).as_posix()) if path.is_relative_to(DOCS) else None


def anchors(page: str) -> set[str]:
    """As GitHub and MkDocs make them of headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", one.lower()).strip()) for one in headings}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_each_link_leads_somewhere(file):
    content = file.read_text()
    lost = []
    for target in LINK.findall(re.sub(r"^ *```.*?^ *```$", "", content, flags=re.DOTALL | re.MULTILINE)):
        place, _, anchor = target.partition("#")
        if "://" in target:
            continue
        path = (file.parent / place).resolve() if place else file
        found = "" if path.is_dir() else text(path)
        if found is None or (anchor and anchor not in anchors(found)):
            lost.append(target)
    assert lost == []


def commands():
    """Each call of windsock in a block for the shell, with its page."""
    found = {}
    for file in FILES:
        for _, block in SH.findall(file.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                for words in calls(line):
                    found[tuple(words)] = file.name
    return [pytest.param(words, id=f"{name}-{' '.join(words)}") for words, name in found.items()]


def calls(line):
    """The words behind `windsock`, of each part of a line."""
    if "windsock" not in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    part = []
    for word in (*lexer, ";"):
        if set(word) <= set("|&;()<>"):
            words = [one for one in part if not re.match(r"\w+=", one)] if part and "=" in part[0] else part
            if words and words[0] == "windsock":
                yield words[1:]
            part = []
        else:
            part.append(word)


def test_there_are_commands():
    assert len(commands()) > 30


@pytest.mark.parametrize("words", commands())
def test_each_command_is_one_with_its_options(words):
    words = list(words)
    command, context = windsock, click.Context(windsock, info_name="windsock")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"there is no {name}"
        context = click.Context(command, parent=context, info_name=name)
    command.make_parser(context).parse_args(words)


def test_the_reference_names_everything():
    pages = made()
    for rule in RULES:
        assert f"[{rule.name}](../runbooks/{rule.name}.md)" in pages["reference/alerts.md"]
    for name in (*EVENTS, *(rule.name for rule in RULES)):
        assert f"runbooks/{name}.md" in pages
    for family in catalog.by_family():
        assert f"`{family}`" in pages["reference/metrics.md"]
    for section in Settings.model_fields:
        assert re.search(rf"^(## `{section}`|\| `{section}` )", pages["reference/settings.md"], re.MULTILINE), section
    for path in ("doctor", "alerts build", "notify flush", "logs install", "dashboards push"):
        assert f"## windsock {path}\n" in pages["reference/commands.md"]


def test_each_page_stands_in_the_list_and_each_of_the_list_is_there():
    known = {path.name for path in DOCS.glob("*.md")} | made().keys()
    assert [page for group in site().NAV.values() for page in group if page not in known] == []
    listed = [page for group in site().pages(DOCS).values() for page in group]
    assert len(listed) == len(set(listed))
    assert {path.name for path in DOCS.glob("*.md")} <= set(listed)
