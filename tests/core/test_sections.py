"""What a callback's process reads of windsock.yaml is what `windsock config check` has checked."""

import json

import pytest

from windsock import settings
from windsock.exceptions import SettingsError
from windsock.settings import sections

EVERYTHING = """
cluster: prod
alertmanager: {urls: [http://a:9093, http://b:9093], http: {bearer: "${TOKEN}"}}
callbacks:
  budget: 7s
  templates: {short: "{{ event.dag_id }}"}
  attach: [{match: {tag: critical}, on: [failure]}]
links: {airflow: https://airflow.example.org/}
redaction: {patterns: ["ACME-[0-9]+"]}
channels: {slack: {webhook: "${HOOK}"}}
teams:
  payments: {match: {dag: "pay_*"}, slack: "#pay", template: short, mute: [{weekdays: "saturday:sunday"}]}
defaults: {email: a@example.org, severity: info}
severity: [{match: {tag: gold}, is: critical}]
"""

WRONG = {
    "an unknown section": "alertmanger: {urls: [http://a:9093]}",
    "a key that stands twice": "cluster: a\ncluster: b",
    "a section that is asked for": "callbacks: {budget: soon}\nexporter: {stasd: {}}",
    "a template that is none": "callbacks: {templates: {short: x}}\nteams: {a: {template: long}}",
    "a template of nobody's": "defaults: {template: long}",
    "a name of a team": "teams: {default: {}}",
    "a secret": "redaction: {patterns: ['(a+)+']}",
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes windsock.yaml where a callback finds it."""

    def write(text):
        file = tmp_path / "windsock.yaml"
        file.write_text(text)
        monkeypatch.setenv("WINDSOCK_CONFIG", str(file))

    return write


def all_of(found):
    """Every section that a callback may ask for."""
    return {name: getattr(found, name) for name in sections.SECTIONS}


def problems(load):
    with pytest.raises(SettingsError) as caught:
        all_of(load())
    return caught.value.problems


@pytest.mark.parametrize("text", ["", EVERYTHING], ids=["nothing", "everything"])
def test_a_section_is_the_one_of_the_whole(written, text):
    written(text)
    found, whole = all_of(sections.load()), all_of(settings.load(cwd=False))
    callbacks, of_whole = found.pop("callbacks").model_dump(), whole.pop("callbacks").model_dump()
    assert found == whole
    assert callbacks == {name: of_whole[name] for name in callbacks}
    assert len(callbacks) == (len(of_whole) if "attach" in text else len(of_whole) - 2)


def test_the_environment_counts(written, monkeypatch):
    written(EVERYTHING)
    monkeypatch.setenv("WINDSOCK__DEFAULTS__SEVERITY", "critical")
    assert sections.load().defaults.severity == "critical"


def test_each_section_is_either_asked_for_or_not():
    assert sorted((*sections.SECTIONS, *sections.OTHERS)) == sorted(settings.Settings.model_fields)
    with pytest.raises(AttributeError):
        _ = sections.load().exporter


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_as_the_check_tells_it(written, text):
    written(text)
    assert problems(sections.load) == problems(lambda: settings.load(cwd=False))


def test_an_error_where_no_callback_looks_keeps_no_alert_back(written):
    written(EVERYTHING + "exporter: {stasd: {}}\n")
    assert all_of(sections.load())["cluster"] == "prod"
    assert "did you mean 'statsd'?" in problems(lambda: settings.load(cwd=False))[0]


def test_a_section_without_a_key_is_what_the_schema_says():
    for name, field in settings.Settings.model_fields.items():
        kind = type(field.default)
        if hasattr(kind, "unset"):
            assert json.loads(kind.unset().model_dump_json()) == json.loads(kind().model_dump_json()), name
