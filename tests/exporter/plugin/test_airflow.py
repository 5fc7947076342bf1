"""The plugin inside a real Airflow of each version: who may see what, what is shown, what is sent."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

TOKEN = {"Authorization": "Bearer an-open-secret"}


@pytest.fixture(scope="module")
def finished(here):
    """`here`, after a run of each DAG."""
    here.airflow.wait_for_dags("team.orders", "fails")
    runs = [(dag_id, here.airflow.trigger(dag_id)) for dag_id in ("team.orders", "fails")]
    assert [here.airflow.finish(*run) for run in runs] == ["success", "failed"]

    def scheduled():
        return [run for run in here.airflow.api("GET", "/dags/orders_daily/dagRuns")["dag_runs"] if run["end_date"]]

    here.airflow.wait(scheduled, 180, "the run of orders_daily, which its schedule starts")
    return here


class TestMetrics:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer "},
            {"Authorization": "Basic an-open-secret"},
            {"Authorization": "an-open-secret"},
            {"Cookie": "_token=an-open-secret; session=an-open-secret"},
        ],
        ids=str,
    )
    def test_closed_to_those_who_do_not_sign_in(self, here, headers):
        status, text = here.get("/windsock/metrics", **headers)
        assert (status, text) == (401, "Sign in to Airflow, or send a token.\n")

    def test_open_to_the_token(self, here):
        status, text = here.get("/windsock/metrics", **TOKEN)
        assert status == 200
        assert "\nairflow_db_up 1\n" in text
        assert "\nwindsock_metadata_leader 1\n" in text

    def test_open_to_users_of_airflow(self, here):
        status, text = here.get("/windsock/metrics", **here.known("ada"))
        assert status == 200
        assert "airflow_db_up 1" in text

    def test_closed_to_users_that_may_not_see_the_clusters_activity(self, here):
        assert here.get("/windsock/metrics", **here.known("eve")) == (403, "Airflow does not let you see this.\n")


class TestPages:
    def test_closed_to_those_who_do_not_sign_in(self, here):
        for path in ("/windsock/", "/windsock/dags/team.orders"):
            status, text = here.get(path)
            assert status == (401 if here.version[0] == "3" else 302)
            assert "no such table" not in text

    def test_the_token_of_the_metrics_is_none_for_pages(self, here):
        assert here.get("/windsock/dags/team.orders", **TOKEN)[0] in (401, 302)

    def test_closed_to_users_that_may_not_see_the_dag(self, here):
        status, _ = here.get("/windsock/dags/team.orders", **here.known("eve"))
        assert status == 403, here.airflow.output("api")[-5000:]
        assert here.get("/windsock/dags/no.such", **here.known("eve"))[0] == 403
        status, text = here.get("/windsock/", **here.known("eve"))
        assert status == 200
        assert "breaks failed" not in text

    def test_a_dag_with_its_alerts_dashboard_runbooks_and_team(self, here, alertmanager):
        here.airflow.wait_for_dags("team.orders", "fails")
        status, text = here.get("/windsock/dags/team.orders", **here.known("ada"))
        assert status == 200
        assert "load failed: &lt;b&gt;no such table&lt;/b&gt;" in text
        assert "breaks failed" not in text
        assert "2026-01-02 03:04 UTC" in text
        assert f'href="{alertmanager.url}/d/windsock-dag?var-dag_id=team.orders"' in text
        assert 'href="http://logs.example.org/1"' in text
        assert 'href="http://runbooks.example.org/AirflowTaskFailed.md"' in text
        assert "javascript:" not in text
        assert "<dd>data</dd>" in text
        assert "<dd>#data</dd>" in text

    def test_all_that_fires(self, here):
        status, text = here.get("/windsock/", **here.known("ada"))
        assert status == 200
        assert "breaks failed" in text
        assert "WindsockFailing" not in text
        assert '<a href="dags/team.orders">team.orders</a>' in text

    def test_a_dag_that_there_is_not(self, here):
        status, text = here.get("/windsock/dags/%3Cscript%3E", **here.known("ada"))
        assert (status, text) == (404, "There is no DAG <script>.\n")


class TestButton:
    def test_of_a_task_instance_in_2(self, finished):
        if finished.version[0] == "3":
            assert "global_operator_extra_links" not in finished.airflow.run("plugins")  # there it is a tab
            return
        runs = finished.airflow.api("GET", "/dags/team.orders/dagRuns")["dag_runs"]
        path = f"/dags/team.orders/dagRuns/{quote(runs[0]['dag_run_id'], safe='')}/taskInstances/load/links"
        assert finished.airflow.api("GET", path) == {"Alerts": "/windsock/dags/team.orders"}


class TestLines:
    """What tasks and listeners send, as the exporter exposes it: 3.x with tags, 2.11 in the plain dialect."""

    @pytest.mark.parametrize(
        "line",
        [
            'airflow_custom_orders_loaded{dag_id="team.orders",task_id="load",team="data",unit="rows"} 1234',
            'airflow_custom_balance{dag_id="team.orders",task_id="load",team="data"} -3',
            'airflow_custom_orders_rejected_total{dag_id="team.orders",task_id="load",team="data"} 2',
            'airflow_custom_api_call_seconds_sum{dag_id="team.orders",task_id="load",team="data"} 0.25',
            'airflow_custom_inner_seconds_count{dag_id="team.orders",task_id="load",team="data"} 1',
            'airflow_custom_orders_bad_ratio{dag_id="orders_daily",task_id="load",team="default"} 0.5',
            'windsock_listener_dag_runs_total{dag_id="team.orders",state="running"} 1',
            'windsock_listener_dag_runs_total{dag_id="team.orders",state="success"} 1',
            'windsock_listener_dag_runs_total{dag_id="fails",state="failed"} 1',
            'windsock_listener_asset_events_total{asset="s3_//lake/orders"} 1',
        ],
    )
    def test_exposed(self, finished, eventually, line):
        def shown():
            assert re.search(f"^{re.escape(line)}(\\.0)?$", finished.exposed(), re.MULTILINE)

        eventually(shown)

    @pytest.mark.parametrize("event", ["new", "existing"])
    def test_files_that_can_not_be_imported(self, finished, eventually, event):
        def shown():
            (finished.airflow.dags / "broken.py").touch()  # so that it is parsed again, and not a minute later
            assert re.search(
                f'^windsock_listener_import_errors_total{{event="{event}",file_path="[^"]*broken.py"}} [1-9]',
                finished.exposed(),
                re.MULTILINE,
            )

        eventually(shown)

    def test_a_mistake_is_a_line_in_the_tasks_log_and_no_more(self, finished):
        logs = "".join(file.read_text() for file in finished.airflow.logs.glob("**/*team.orders*/**/*.log"))
        assert logs.count("metric Bad Name is not sent: expected a name") == 1
        assert "metric orders_rejected is not sent: expected a finite number that is 0 or more, got -1" in logs
        assert "metric orders_loaded is not sent: expected a number, got str" in logs


class TestImport:
    def test_brings_nothing_into_a_process_but_itself(self, here):
        code = """
import airflow.plugins_manager, sys
before = set(sys.modules)
from windsock.exporter.plugin.entry import WindsockPlugin
print(sorted(name for name in set(sys.modules) - before if name.split(".")[0] != "windsock"))
print(sorted(name for name in sys.modules if name.split(".")[0] == "windsock"))
"""
        brought, own = here.airflow.fresh(code).splitlines()[-2:]
        assert brought == "[]"
        assert "settings" not in own
        assert "metadata" not in own

    def test_airflow_loads_it_without_a_problem(self, here):
        code = """
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
try:
    plugins, errors = plugins_manager._get_plugins()
except AttributeError:
    plugins, errors = plugins_manager.plugins, plugins_manager.import_errors
print("windsock" in {plugin.name for plugin in plugins}, errors)
"""
        assert here.airflow.python(code).splitlines()[-1] == "True {}"


class TestBrowser:
    def test_from_a_dag_to_its_alerts_and_its_dashboard(self, here, browser, alertmanager):
        here.airflow.wait_for_dags("team.orders")
        url = here.airflow.url
        if here.version[0] == "3":
            browser.log_in(f"{url}/auth/login", "ada", "button[type=submit]", "Dags")
            browser.open(f"{url}/dags/team.orders")
            browser.click('a[href$="/dags/team.orders/plugin/windsock-dag"]')
            browser.frame('iframe[src="/windsock/dags/team.orders"]')
        else:
            browser.log_in(f"{url}/login/", "admin", "input[type=submit]", "DAGs")
            assert browser.attribute('a[href="/windsock/"]', "href").endswith("/windsock/")
            browser.open(f"{url}/windsock/")
            browser.click('a[href="dags/team.orders"]')
        shown = browser.wait_for("load failed: <b>no such table</b>")
        assert "The dashboard of this DAG" in shown
        assert "#data" in shown
        browser.click('a[href*="/d/windsock-dag"]')
        (opened,) = browser.windows()
        assert opened == f"{alertmanager.url}/d/windsock-dag?var-dag_id=team.orders"
