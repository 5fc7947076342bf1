"""windsock.yaml: what a wrong one says, where values come from, and what is never repeated."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from windsock import settings
from windsock.exceptions import SettingsError

WHOLE = """\
cluster: prod-eu
exporter:
  statsd: {listen: ["udp://127.0.0.1:9125", "unixgram:///run/windsock.sock", "tcp://[::1]:9125"]}
  web: {listen: "127.0.0.1:9102", config_file: null}
  naming: prometheus
  budgets: {series: 100000}
metadata: {url: null, interval: 15s, timeout: 5s}
reconcile: auto
alertmanager: {urls: ["http://am-0:9093/", "http://am-1:9093"], http: {}}
callbacks: {enabled: true, budget: 10s, spool: {dir: null, max_files: 10000, max_bytes: 100MiB}, attach: []}
links: {airflow: "https://airflow.example.org", grafana: "https://grafana.example.org/", runbooks: null}
teams:
  payments:
    match: {owner: [payments], tag: ["team:payments"], dag: "pay_*"}
    slack: "#payments"
    pagerduty: ${PD_PAYMENTS}
    email: [pay@example.org]
defaults: {slack: "#data-alerts", pagerduty: null, severity: warning}
severity: [{match: {tag: ["tier:1"]}, is: critical}]
slo: {orders_daily: {success: 99.5%, fresh_within: 6h, finish_by: "06:00 Europe/Berlin"}}
"""
LISTEN = "expected udp://HOST:PORT, tcp://HOST:PORT, unixgram:///PATH or unix:///PATH"
NO_DEFAULT = "a team can't be called `default`: that is where the alerts of no team go, see `defaults`"
NO_LOGIN = "expected a URL without a user or a password; a secret never stands in this file"
A_VERSION = 'expected a version from "{}" on, in quotes or with its third number, or auto'
A_ZONE = "expected a time zone that this machine knows, such as Europe/Berlin"
TIME_OF_DAY = 'expected a time of day with its zone, such as "06:00 Europe/Berlin"'


def test_nothing_needs_to_be_configured(load):
    found = load()
    assert found == settings.Settings()
    assert found.cluster == "airflow"
    assert found.exporter.statsd.listen == ("udp://127.0.0.1:9125",)
    assert found.exporter.web.listen == "127.0.0.1:9102"
    assert found.reconcile.enabled == "auto"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_fine(text, load):
    assert load(text) == settings.Settings()


def test_a_whole_file(load):
    found = load(WHOLE)
    assert found.cluster == "prod-eu"
    assert found.metadata.interval == 15
    assert found.callbacks.spool.max_bytes == 100 * 2**20
    assert found.alertmanager.urls == ("http://am-0:9093", "http://am-1:9093"), "without the last slash"
    assert found.teams["payments"].match.dag == ("pay_*",), "a single pattern needs no list"
    assert found.teams["payments"].pagerduty == "${PD_PAYMENTS}"
    assert found.severity[0].is_ == "critical"
    assert found.slo["orders_daily"].success == pytest.approx(0.995)
    assert found.slo["orders_daily"].fresh_within == 6 * 3600


def test_a_version_is_the_oldest_until_someone_says_another(load):
    assert (load().alertmanager.version, load().prometheus.version) == ("0.25", "2.42")
    assert load("alertmanager: {version: auto}\n").alertmanager.version == "auto"
    assert load('prometheus: {version: "3.16"}\n').prometheus.version == "3.16"
    assert load(WINDSOCK__ALERTMANAGER__VERSION="0.35.0").alertmanager.version == "0.35.0"


def test_settings_can_not_be_changed(load):
    with pytest.raises(ValueError, match="frozen"):
        load().cluster = "other"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # unknown keys, at every depth
        ("clusters: x\n", "windsock.yaml:1: clusters: unknown key; did you mean 'cluster'?"),
        (
            "exporter:\n  statsd:\n    lisen: []\n",
            "windsock.yaml:3: exporter.statsd.lisen: unknown key; did you mean 'listen'?",
        ),
        (
            "teams:\n  payments:\n    slak: '#x'\n",
            "windsock.yaml:3: teams.payments.slak: unknown key; did you mean 'slack'?",
        ),
        (
            "severity:\n  - is: critical\n    mach: {}\n    match: {}\n",
            "windsock.yaml:3: severity[0].mach: unknown key; did you mean 'match'?",
        ),
        (
            "slo: {d: {freshwithin: 5m}}\n",
            "windsock.yaml:1: slo.d.freshwithin: unknown key; did you mean 'fresh_within'?",
        ),
        (
            "links:\n  zzz: 1\n",
            "windsock.yaml:2: links.zzz: unknown key; known here: airflow, exporter, grafana, runbooks",
        ),
        # wrong types
        ("cluster: [a]\n", "windsock.yaml:1: cluster: input should be a valid string, got list"),
        (
            "exporter: 5\n",
            "windsock.yaml:1: exporter: input should be a valid dictionary or instance of Exporter, got int",
        ),
        (
            "callbacks:\n  enabled: maybe\n",
            (
                "windsock.yaml:2: callbacks.enabled: "
                "input should be a valid boolean, unable to interpret input, got 'maybe'"
            ),
        ),
        (
            "exporter: {budgets: {series: many}}\n",
            (
                "windsock.yaml:1: exporter.budgets.series: "
                "input should be a valid integer, unable to parse string as an integer, got 'many'"
            ),
        ),
        # impossible values
        (
            "alertmanager: {version: 0.30}\n",
            f"windsock.yaml:1: alertmanager.version: {A_VERSION.format('0.25')}, got 0.3",
        ),
        (
            'prometheus: {version: "2.41.0"}\n',
            f"windsock.yaml:1: prometheus.version: {A_VERSION.format('2.42')}, got '2.41.0'",
        ),
        (
            "channels: {slack: {updates: no}}\n",
            "windsock.yaml:1: channels.slack.updates: input should be 'auto', 'message', 'edit' or 'thread', got False",
        ),
        (
            "metadata: {interval: fast}\n",
            "windsock.yaml:1: metadata.interval: expected a duration such as 10s, 5m or 1h30m, got 'fast'",
        ),
        (
            "callbacks:\n  budget: 25s\n",
            "windsock.yaml:2: callbacks.budget: input should be less than or equal to 19, got 25.0",
        ),
        (
            "callbacks: {spool: {max_bytes: 5 parsecs}}\n",
            (
                "windsock.yaml:1: callbacks.spool.max_bytes: "
                "expected a size such as 512KiB, 100MiB or 1GiB, got '5 parsecs'"
            ),
        ),
        (
            "exporter:\n  statsd:\n    listen:\n      - udp://127.0.0.1:9125\n      - http://127.0.0.1:1\n",
            f"windsock.yaml:5: exporter.statsd.listen[1]: {LISTEN}, got 'http://127.0.0.1:1'",
        ),
        (
            "exporter: {statsd: {listen: ['udp://127.0.0.1:99999']}}\n",
            f"windsock.yaml:1: exporter.statsd.listen[0]: {LISTEN}, got 'udp://127.0.0.1:99999'",
        ),
        ("exporter: {web: {listen: '9102'}}\n", "windsock.yaml:1: exporter.web.listen: expected HOST:PORT, got '9102'"),
        (
            "links: {airflow: airflow.example.org}\n",
            "windsock.yaml:1: links.airflow: expected a URL that begins with http:// or https://, got str",
        ),
        (
            "exporter: {naming: graphite}\n",
            (
                "windsock.yaml:1: exporter.naming: "
                "input should be 'prometheus', 'helm-chart' or 'statsd-exporter', got 'graphite'"
            ),
        ),
        (
            "defaults: {severity: urgent}\n",
            "windsock.yaml:1: defaults.severity: input should be 'critical', 'warning' or 'info', got 'urgent'",
        ),
        (
            "slo: {d: {success: lots}}\n",
            "windsock.yaml:1: slo.d.success: expected a share such as 99.5% or 0.995, got 'lots'",
        ),
        (
            "slo: {d: {success: 101%}}\n",
            "windsock.yaml:1: slo.d.success: input should be less than 1, got '101%'",
        ),
        (
            "slo: {d: {finish_by: '25:00 UTC'}}\n",
            f"windsock.yaml:1: slo.d.finish_by: {TIME_OF_DAY}, got '25:00 UTC'",
        ),
        (
            "teams: {pay: {timezone: Berlin}}\n",
            f"windsock.yaml:1: teams.pay.timezone: {A_ZONE}, not Berlin, got 'Berlin'",
        ),
        ("severity: [{match: {dag: [x]}}]\n", "windsock.yaml:1: severity[0].is: field required, got dict"),
        # not YAML, or not a mapping
        ("a: b: c\n", "windsock.yaml:1: not valid YAML: mapping values are not allowed in this context"),
        ("links: {a: [\n", "windsock.yaml:2: not valid YAML: did not find expected node content"),
        ("- a\n- b\n", "windsock.yaml:1: expected a mapping such as `cluster: airflow`, got list"),
        ("just text\n", "windsock.yaml:1: expected a mapping such as `cluster: airflow`, got str"),
    ],
)
def test_a_wrong_file_says_where_and_what_was_expected(text, problem, problems):
    assert problems(text) == [problem]


def test_every_problem_is_named_at_once(problems):
    found = problems("clustr: x\nlinks:\n  grafana: nowhere\ncluster: ''\n")
    assert sorted(problem.split(": ")[0] for problem in found) == [
        "windsock.yaml:1",
        "windsock.yaml:3",
        "windsock.yaml:4",
    ]
    assert sorted(problem.split(": ")[1] for problem in found) == ["cluster", "clustr", "links.grafana"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "teams: {default: {}}\n",
            "windsock.yaml:1: teams: " + NO_DEFAULT + ", got dict",
        ),
        (
            "alertmanager: {urls: ['http://me:hunter2@am:9093']}\n",
            "windsock.yaml:1: alertmanager.urls[0]: " + NO_LOGIN + ", got str",
        ),
        ("cluster: a\ncluster: b\n", "windsock.yaml:2: cluster: stands twice, first in windsock.yaml:1"),
        (
            "teams:\n  a: {slack: '#x'}\n  b: {}\n  a: {}\n",
            "windsock.yaml:4: teams.a: stands twice, first in windsock.yaml:2",
        ),
        (
            "links: {airflow: http://a, airflow: http://b}\n",
            "windsock.yaml:1: links.airflow: stands twice, first in windsock.yaml:1",
        ),
    ],
)
def test_a_key_that_stands_twice_is_an_error(text, problem, problems):
    assert problems(text) == [problem]


def test_a_file_that_was_named_must_exist(load, tmp_path):
    missing = tmp_path / "nowhere.yaml"
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: no such file \(from \$WINDSOCK_CONFIG\)"):
        load(WINDSOCK_CONFIG=str(missing))
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: no such file \(from --config\)"):
        settings.load(missing, {})


def test_a_file_that_can_not_be_read(tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_bytes(b"cluster: \xff\xfe\n")
    with pytest.raises(SettingsError, match="can't be read"):
        settings.load(file, {})


class TestWhereValuesComeFrom:
    def test_the_command_line_goes_before_the_environment_before_the_file(self, load):
        assert load("cluster: file\n").cluster == "file"
        assert load("cluster: file\n", WINDSOCK__CLUSTER="variable").cluster == "variable"
        option = {"cluster": ("option", "--cluster")}
        assert load("cluster: file\n", option, WINDSOCK__CLUSTER="variable").cluster == "option"

    def test_a_variable_names_section_and_key(self, load):
        found = load(
            WINDSOCK__EXPORTER__WEB__LISTEN="0.0.0.0:1",
            WINDSOCK__EXPORTER__STATSD__LISTEN='["udp://127.0.0.1:1", "tcp://127.0.0.1:2"]',
            WINDSOCK__CALLBACKS__ENABLED="false",
            WINDSOCK__CALLBACKS__BUDGET="5s",
            WINDSOCK__LINKS__GRAFANA="http://g:3000",
        )
        assert found.exporter.web.listen == "0.0.0.0:1"
        assert found.exporter.statsd.listen == ("udp://127.0.0.1:1", "tcp://127.0.0.1:2")
        assert found.callbacks.enabled is False
        assert found.callbacks.budget == 5
        assert found.links.grafana == "http://g:3000"

    def test_a_variable_leaves_the_rest_of_its_section_alone(self, load):
        found = load("links: {airflow: 'http://a', grafana: 'http://b'}\n", WINDSOCK__LINKS__GRAFANA="http://c")
        assert (found.links.airflow, found.links.grafana) == ("http://a", "http://c")

    def test_a_wrong_variable_is_named(self, problems):
        assert problems(WINDSOCK__CLUSTR="x") == ["$WINDSOCK__CLUSTR: clustr: unknown key; did you mean 'cluster'?"]
        assert problems(WINDSOCK__CALLBACKS__BUDGET="25s") == [
            "$WINDSOCK__CALLBACKS__BUDGET: callbacks.budget: input should be less than or equal to 19, got 25.0"
        ]

    def test_the_file_is_found_in_the_working_folder_but_not_inside_airflow(self, tmp_path, monkeypatch):
        (tmp_path / "windsock.yaml").write_text("cluster: here\n")
        monkeypatch.chdir(tmp_path)
        assert settings.load(None, {}).cluster == "here"
        assert settings.load(None, {}, cwd=False).cluster == "airflow"

    def test_a_named_file_goes_before_the_working_folder(self, tmp_path, monkeypatch):
        (tmp_path / "windsock.yaml").write_text("cluster: here\n")
        (tmp_path / "other.yaml").write_text("cluster: other\n")
        (tmp_path / "third.yaml").write_text("cluster: third\n")
        monkeypatch.chdir(tmp_path)
        environ = {"WINDSOCK_CONFIG": str(tmp_path / "other.yaml")}
        assert settings.load(None, environ).cluster == "other"
        assert settings.load(tmp_path / "third.yaml", environ).cluster == "third"


@pytest.fixture(scope="module")
def schema():
    return settings.Settings.model_json_schema(by_alias=True)


class TestSchema:
    def test_is_a_json_schema(self, schema):
        jsonschema.Draft202012Validator.check_schema(schema)

    def test_accepts_what_the_loader_accepts(self, schema):
        jsonschema.validate(yaml.safe_load(WHOLE), schema)
        jsonschema.validate({}, schema)

    @pytest.mark.parametrize(
        "wrong",
        [
            "clustr: x",
            "exporter: {naming: graphite}",
            "teams: {a: {slak: x}}",
            "callbacks: {enabled: 5}",
            "severity: [{match: {}}]",
        ],
    )
    def test_refuses_what_the_loader_refuses(self, schema, wrong):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(wrong), schema)

    def test_the_command_prints_it(self, command, schema):
        assert json.loads(command("config", "schema").stdout) == schema


class TestConfigShow:
    def test_every_value_with_its_origin(self, command, tmp_path):
        (tmp_path / "windsock.yaml").write_text("cluster: prod\nlinks:\n  airflow: http://a\n")
        shown = command("config", "show", WINDSOCK__LINKS__GRAFANA="http://g").stdout.splitlines()
        origins = {line.split(" = ")[0]: line.partition("  # ")[2] for line in shown}
        assert origins["cluster"] == "windsock.yaml:1"
        assert origins["links.airflow"] == "windsock.yaml:3"
        assert origins["links.grafana"] == "$WINDSOCK__LINKS__GRAFANA"
        assert origins["exporter.web.listen"] == "default"
        assert any(line.startswith('cluster = "prod"') for line in shown)

    def test_as_json_it_can_be_loaded_again(self, command, tmp_path, load):
        (tmp_path / "windsock.yaml").write_text(WHOLE)
        shown = command("config", "show", "--json")
        assert load(yaml.safe_dump(json.loads(shown.stdout))) == load(WHOLE)

    def test_a_wrong_file_is_a_message_and_exit_code_2(self, command, tmp_path):
        (tmp_path / "windsock.yaml").write_text("clustr: x\n")
        result = command("config", "show")
        assert result.returncode == 2
        assert result.stderr == "windsock: windsock.yaml:1: clustr: unknown key; did you mean 'cluster'?\n"
        assert result.stdout == ""
