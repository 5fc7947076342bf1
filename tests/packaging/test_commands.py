"""Every command loads, and its help shows how it is used."""

from __future__ import annotations

import re

import click
import pytest

from windsock.cli import COMMANDS, windsock


def commands(group: click.Group, path: tuple[str, ...] = ()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(windsock))
# `init` writes it.
READ_NO_CONFIGURATION = {("config", "schema"), ("inbox",), ("alerts", "coverage"), ("init",), ("docs",)}


def test_every_name_is_a_command_that_loads():
    for name in COMMANDS:
        assert isinstance(ALL[name,], click.Command), f"`windsock {name}` does not load"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(path):
    command = ALL[path]
    with click.Context(command, info_name=" ".join(("windsock", *path))) as context:
        text = command.get_help(context)
    assert command.get_short_help_str(), "no word on what it does"
    if not isinstance(command, click.Group):
        example = re.search(r"Example: (.+)", text)
        assert example, text
        assert f"windsock {' '.join(path)}" in " ".join(text.split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_that_reads_the_configuration_can_be_told_where_it_is(path):
    command = ALL[path]
    if not isinstance(command, click.Group) and path not in READ_NO_CONFIGURATION:
        assert "--config" in {option for parameter in command.params for option in parameter.opts}


def test_the_help_of_windsock_names_them_all():
    with click.Context(windsock, info_name="windsock") as context:
        text = windsock.get_help(context)
    for name, (_, short) in COMMANDS.items():
        assert re.search(rf"^\s+{name}\s+{re.escape(short.split()[0])}", text, re.MULTILINE)
