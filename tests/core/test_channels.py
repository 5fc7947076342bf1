"""A channel has one place: who knows of it, what asking for its name costs, how its secrets are found."""

from __future__ import annotations

import ast
import functools
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from windsock import channels, secrets
from windsock.callbacks import Notify
from windsock.callbacks.channels import send
from windsock.callbacks.rendering.message import Message
from windsock.destinations import Destination, destinations
from windsock.events import Event
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.settings import Addresses, Settings

ROOT = Path(__file__).parents[2]
FOLDERS = ("windsock", "exporter", "alerts", "callbacks", "logging", "dashboards")
"""The product's; the demo plays the platforms."""


def product():
    """Path below the root, and text, of each module."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            # windsock/callbacks and its like are links to the folders.
            if not any(part.is_symlink() for part in path.parents if part != ROOT and ROOT in part.parents):
                yield str(path.relative_to(ROOT)), path.read_text()


@functools.cache
def spoken() -> dict[str, set[str]]:
    """By file, which channels it speaks of: by their name as a text or behind a dot."""
    found = {}
    for file, text in product():
        nodes = list(ast.walk(ast.parse(text)))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        behind = {
            node.attr for node in nodes if isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Name)
        }
        found[file] = (texts | behind) & set(channels.NAMES)
    return found


EXTRA = {
    # A package to install has that name too.
    "apprise": {"windsock/extras.py"},
    # `init` asks for the channel that most teams begin with.
    "slack": {"windsock/attaching/commands.py"},
}
"""Files that speak of one channel, and need no word of another."""


@pytest.mark.parametrize("name", channels.NAMES)
def test_a_channel_is_known_in_four_files(name):
    files = {file for file, names in spoken().items() if name in names}
    extra = EXTRA.get(name, set())
    own = {f"{folder}channels/{name}.py" for folder in ("windsock/", "callbacks/")}
    assert files - extra <= own | {"windsock/channels/__init__.py", "windsock/settings.py"}
    assert all((ROOT / file).is_file() for file in own)


def test_each_has_all_that_is_asked_of_one():
    for name in channels.NAMES:
        channel = channels.of(name)
        assert channel.title
        assert name in Addresses.model_fields
        told = importlib.import_module(f"windsock.callbacks.channels.{name}")
        assert callable(told.send)
        assert callable(told.preview)


def test_a_page_goes_first_and_only_what_is_critical_pages():
    everywhere = {"slack": "#a", "email": "a@b.c", "pagerduty": "${PD}", "webhook": "${HOOK}", "apprise": ["${A}", "b"]}
    settings = Settings(teams={"ops": everywhere})
    told = [str(to) for to in destinations(settings, "ops", "critical")]
    assert told == ["pagerduty ${PD}", "slack #a", "email a@b.c", "webhook ${HOOK}", "apprise ${A}", "apprise b"]
    assert [str(to) for to in destinations(settings, "ops", "warning")] == told[1:]
    assert [str(to) for to in destinations(settings, "ops", "warning", ("pagerduty",))] == told[:1]
    assert [str(to) for to in destinations(settings, "ops", "critical", central=True)] == told[:3]


def test_a_name_out_of_a_file_of_another_version_loads_nothing():
    """What waits in a spool, and what a run was told, has names of channels."""
    assert not channels.of("sms").pages
    assert not channels.of("entries").central("x", "0.25")
    answer = send(Destination("web", "x"), Message(Event("A", "prod", "orders", "r")), Settings(), 1, {})
    assert (answer.problem, answer.detail) == ("settings", "web: no channel of this windsock")


def test_a_dag_that_names_channels_loads_none_and_no_settings():
    script = (
        "import sys; from windsock.callbacks import Notify; Notify(channels=['slack', 'apprise']);"
        "print(sorted(name for name in sys.modules if name.startswith(('pydantic', 'yaml', 'windsock.channels.',"
        " 'windsock.settings', 'windsock.callbacks.channels', 'http.client', 'smtplib'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"


def test_a_wrong_name_is_an_error_where_it_is_written():
    with pytest.raises(ValueError, match=r"expected some of alertmanager, slack, email, pagerduty.*'sms'"):
        Notify(channels=["sms"])


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("${NOT_SET_1}", "the environment variable NOT_SET_1 is not set; plugin.token names it"),
        ("${EMPTY_1}", "the environment variable EMPTY_1 is not set; plugin.token names it"),
        ("a_connection", "expected ${VARIABLE} as plugin.token; connections are not read here"),
    ],
)
def test_a_secret_that_is_not_to_be_had_names_its_key(monkeypatch, reference, problem):
    monkeypatch.setenv("EMPTY_1", " \n")
    with pytest.raises(SettingsError) as caught:
        secrets.variable(reference, "plugin.token")
    assert caught.value.problems == [problem] == [redact(problem)]


def test_a_secret_as_an_editor_leaves_it(monkeypatch):
    monkeypatch.setenv("KEY_1", "s3cret\n")
    assert secrets.variable("${KEY_1}", "k") == secrets.value("${KEY_1}", "k") == "s3cret"
    assert secrets.variable("${KEY_1}", "k", {"KEY_1": "other"}) == "other"


def test_one_place_reads_references():
    assert [file for file, text in product() if r"\$\{(\w+)\}" in text] == ["windsock/secrets.py"]


def test_a_mention_is_one_that_slack_knows():
    assert Addresses(slack_mention="@here  @oncall-data").slack_mention == "<!here> @oncall-data"
    for wrong in ("", "oncall", "<!everyone>", "@a{{ .Status }}", "<https://example.org|x>"):
        with pytest.raises(ValueError, match="expected @HANDLE"):
            Addresses(slack_mention=wrong)
