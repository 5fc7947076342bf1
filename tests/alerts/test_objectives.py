"""The error budgets that rules record, and the table that `windsock slo` makes of them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from real import command

from windsock import yaml_load
from windsock.alerts import build
from windsock.alerts.objectives import BROKEN, BUDGET, BURN, LEFT
from windsock.alerts.slo import standings
from windsock.exceptions import SettingsError, WindsockError
from windsock.settings import Settings

JOB = 'cluster="prod",dag_id="orders",instance="exporter:9102",job="windsock"'
GOAL = f"airflow_db_dag_objective_ratio{{{JOB},objective="
RUNS = 'cluster_dag_id_state:airflow_db_dag_runs_finished:growth1h{cluster="prod",dag_id="orders",state='


@pytest.fixture
def recorded(tool, tmp_path):
    """Let promtool say what series make of rules `without` some, evaluated each hour: (record, objective) to value."""

    def check(series, expected, at, interval, without=""):
        groups = yaml_load.load(build.files(Settings())[build.RULES])["groups"]
        records = [rule for group in groups for rule in group["rules"] if "record" in rule]
        rules = [rule for rule in records if ("objective" in rule["record"] or "runs_finished" in rule["record"])]
        rules = [rule for rule in rules if not without or without not in rule["record"]]
        (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
        tests = {
            "interval": interval,
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": f'round({name}{{objective="{objective}"}}, 0.0001)',
                    "eval_time": at,
                    "exp_samples": [
                        {"labels": f'{{cluster="prod",dag_id="orders",objective="{objective}"}}', "value": value}
                    ],
                }
                for (name, objective), value in expected.items()
            ],
        }
        content = {"rule_files": ["rules.yml"], "evaluation_interval": "1h", "tests": [tests]}
        (tmp_path / "test.yml").write_text(yaml.safe_dump(content))
        done = tool("promtool", "test", "rules", tmp_path / "test.yml")
        assert done.returncode == 0, done.stdout + done.stderr

    return check


def test_a_budget_of_time_is_what_may_be_broken_of_four_weeks(recorded):
    # Not fresh for 14 of the 672 hours, late for 7; how it was before is forgotten.
    recorded(
        {
            f'{GOAL}"fresh_within"}}': "0.95x9200",
            f'{GOAL}"finish_by"}}': "0.99x9200",
            f"airflow_db_dag_fresh{{{JOB}}}": "0x479 1x7199 0x167 1x1400",
            f"airflow_db_dag_finish_by_missed{{{JOB}}}": "1x479 0x8399 1x83 0x1400",
        },
        {
            (BUDGET, "fresh_within"): 0.05,
            (BROKEN, "fresh_within"): 0.0208,
            (LEFT, "fresh_within"): 0.5833,
            (BURN, "fresh_within"): 0,
            (LEFT, "finish_by"): -0.0417,
            (BURN, "finish_by"): 9.7222,
        },
        "760h",
        "5m",
    )


def test_a_budget_of_runs_is_what_may_fail_of_four_weeks(recorded):
    recorded(
        {
            f'{GOAL}"success"}}': "0.99x800",
            f'{RUNS}"failed"}}': "5x60 0x500 4 0x239",
            f'{RUNS}"success"}}': "1x800",
        },
        {(BROKEN, "success"): 0.0059, (LEFT, "success"): 0.4083, (BURN, "success"): 0},
        "760h",
        "1h",
        without="growth1h",
    )


EXPOSED = "".join(
    f'{name}{{dag_id="{dag_id}",objective="{objective}"}} {value}\n'
    for dag_id, objective, values in (
        ("orders", "success", {BUDGET: 0.005, BROKEN: 0.00149, LEFT: 0.702, BURN: 0.41}),
        ("mart", "finish_by", {BUDGET: 0.01, BROKEN: 0.02, LEFT: -1, BURN: 2}),
        ("new", "success", {BUDGET: 0.01, BROKEN: "NaN"}),
        ("gone", "success", {BROKEN: 0.5}),
    )
    for name, value in values.items()
)


@pytest.fixture
def page():
    """The address of a server that answers whatever is asked with `said`: an exposition, or no Prometheus' answer."""
    servers = []

    def serve(said):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, *args):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        return f"127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def prometheus(serve, tmp_path, page):
    """A real one that scrapes what rules would have recorded."""
    scraped = [{"targets": [page(EXPOSED)], "labels": {"cluster": "prod"}}]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "windsock", "static_configs": scraped}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with serve(("prometheus",), ["--config.file=prometheus.yml", "--storage.tsdb.path=data"], tmp_path) as url:
        yield url


@pytest.fixture
def slo(tmp_path):
    """Run `windsock slo` with some more words."""

    def run(*arguments):
        return command.windsock("slo", *arguments, cwd=tmp_path, environ=command.without_settings())

    return run


def test_the_table_says_what_is_left_and_begins_with_the_worst(slo, prometheus, page, eventually):
    def table():
        # The first one is asked in vain.
        done = slo("--prometheus", f"http://{page('pong')}", "--prometheus", prometheus)
        return done.stdout if done.returncode == 0 else ""

    eventually(table, "the first scrape")
    lines = [line.split("  ") for line in table().splitlines()]
    assert [[cell.strip() for cell in line if cell.strip()] for line in lines] == [
        ["DAG", "objective", "goal", "28 days", "budget left", "burn, 3 days", "cluster"],
        ["mart", "finish_by", "99%", "98%", "-100%", "2.0", "prod"],
        ["orders", "success", "99.5%", "99.85%", "70.2%", "0.4", "prod"],
        ["new", "success", "99%", "-", "-", "-", "prod"],
    ]
    done = slo("--prometheus", prometheus, "--json")
    assert json.loads(done.stdout)[0] == {
        "cluster": "prod",
        "dag_id": "mart",
        "objective": "finish_by",
        "goal": 0.99,
        "kept": 0.98,
        "left": -1,
        "burn": 2,
    }


def test_what_can_not_be_had_is_said(page):
    with pytest.raises(SettingsError, match="urls: not set"):
        standings(Settings())
    for said, expected in (
        ("pong", "no Prometheus answered: http://127.0.0.1.*JSONDecodeError"),
        ('{"status": "success", "data": {"result": [[]]}}', "is that a Prometheus"),
        ("[1]", "is that a Prometheus"),
        ('{"status": "success", "data": {"result": []}}', "knows no objective"),
    ):
        with pytest.raises(WindsockError, match=expected):
            standings(Settings(prometheus={"urls": [f"http://{page(said)}"]}))
