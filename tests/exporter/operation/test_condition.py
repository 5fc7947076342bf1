"""What the page says of how it goes: what was received, from whom, and of the parts beside StatsD."""

from __future__ import annotations

import contextlib
import re

import pytest
import requests
from real.server import free_port

from windsock.airflow.versions import NEWEST
from windsock.exporter import parts
from windsock.exporter.series.lately import LATELY, Lately
from windsock.exporter.service import Service
from windsock.settings import Settings


def state(service) -> tuple[str, str]:
    """The class and the words at the top of the page."""
    text = requests.get(f"http://{service.web.address}/", timeout=60).text
    return re.search(r'<p class="(\w+)">([^<]*)</p>', text).groups()


def test_only_what_was_received_is_called_receiving(serve, look, lines, replay):
    service = serve("udp://127.0.0.1:0")
    assert state(service) == ("waiting", "listening: nothing received yet")
    service.started -= 90
    said = look(service).sections["What needs attention"]
    assert re.search(r"No StatsD line has arrived in 1 min \d+ s. Airflow needs the package statsd, and in", said)
    assert service.addresses()[0] in said
    replay(service, [lines.heartbeat.encode()], 1)
    assert state(service) == ("good", "receiving")
    assert "What needs attention" not in look(service).sections


def test_an_exporter_without_listeners_waits_for_nothing(serve, look):
    service = serve()
    service.started -= 90
    assert "What needs attention" not in look(service).sections


def test_a_finding_that_breaks_costs_no_scrape(serve, scrape, monkeypatch):
    service = serve("udp://127.0.0.1:0")
    monkeypatch.setattr(service, "examples", lambda: 1 / 0)
    assert scrape(service)["windsock_config_reload_success"] == 1


def test_a_finding_is_1_while_it_lasts_and_then_0(serve, scrape):
    service = serve("udp://127.0.0.1:0")
    name = 'windsock_doctor_finding{check="statsd.silent",severity="critical"}'
    assert name not in scrape(service)
    service.started -= 90
    assert scrape(service)[name] == 1
    service.started += 90
    assert scrape(service)[name] == 0


def test_what_was_lost_is_over_an_hour_later(serve, scrape, monkeypatch):
    service, now = serve("udp://127.0.0.1:0"), [0.0]
    monkeypatch.setattr(service, "lately", Lately(lambda: now[0]))
    name = 'windsock_doctor_finding{check="statsd.drops",severity="warning"}'
    dropped = service.own.counter("windsock_kernel_drops_total", listener=service.listeners()[0].url)
    for drops, at, lasts in ((3, 0, 1), (3, LATELY - 1, 1), (3, LATELY + 1, 0), (4, LATELY + 2, 1)):
        dropped.value, now[0] = drops, at
        assert scrape(service)[name] == lasts


def test_what_came_and_ended_is_no_health_either(serve, look, lines, replay):
    service = serve("udp://127.0.0.1:0")
    replay(service, [lines.heartbeat.encode()], 1)
    service.rates.arrived()
    service.rates._arrived -= 700
    color, words = state(service)
    assert color == "waiting"
    assert re.fullmatch(r"listening: nothing received since \d\d:\d\d:\d\d UTC, for 11 min \d+ s", words)
    assert "No StatsD line has arrived since" in look(service).sections["What needs attention"]


def test_lines_of_refused_senders_are_named(serve, look, lines, send, eventually):
    service = serve("udp://127.0.0.1:0", statsd={"allow": ["10.0.0.0/8"]})
    send(service.addresses()[0], lines.heartbeat)
    eventually(lambda: "What needs attention" in look(service).sections)
    said = look(service).sections["What needs attention"]
    assert "1 lines arrived, and all from senders that exporter.statsd.allow leaves out." in said


@pytest.mark.parametrize(
    ("sent", "advice"),
    [
        ("prod.ti.finish,dag_id=d,task_id=t,state=failed:1|c", 'set exporter.statsd.prefix to "prod"'),
        ("prod.eu.dagbag_size:3|g", 'set exporter.statsd.prefix to "prod.eu"'),
        ("scheduler_heartbeat:1|c", 'set exporter.statsd.prefix to ""'),
    ],
)
def test_airflow_s_lines_with_another_prefix_say_what_to_set(sent, advice, serve, look, replay):
    service = serve("udp://127.0.0.1:0")
    replay(service, [sent.encode()] * 2, 2)
    said = look(service).sections["What needs attention"]
    assert f"2 lines such as {sent} are not stored: " in said
    assert advice in said


def test_the_prefix_is_found_behind_lines_that_are_not_airflow_s(serve, look, replay):
    service = serve("udp://127.0.0.1:0")
    replay(service, [b"prod.a_plugin.thing:1|c", b"prod.dagbag_size:3|g", b"prod.other.thing:1|c"], 3)
    said = look(service).sections["What needs attention"]
    assert "3 lines such as prod.dagbag_size:3|g are not stored" in said


def test_parts_that_do_not_run_say_why_and_how_to_set_them(serve, look):
    said = look(serve("udp://127.0.0.1:0")).sections["Beside StatsD"]
    assert "Metadata database none: set metadata.url in windsock.yaml, or $AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in said
    assert "Reconciler off: it needs a metadata database" in said
    assert "Alertmanager none: set alertmanager.urls in windsock.yaml" in said
    assert "Callbacks nothing heard of them yet" in said


def test_what_callbacks_tell_of_themselves_is_told(serve, look, replay):
    service = serve("udp://127.0.0.1:0")
    sent = [
        b"airflow.windsock.callback.sent,alertname=AirflowTaskFailed,dag_id=d:2|c",
        b"airflow.windsock.channel.spooled,channel=slack,team=pay:3|c",
        b"airflow.windsock.channel.dead,reason=expired,channel=slack,team=pay:1|c",
    ]
    replay(service, sent, 3)
    page = look(service)
    assert (
        "Callbacks since the exporter's start: 2 failures told, 3 put into the spool, 1 given up"
        in page.sections["Beside StatsD"]
    )
    said = " ".join(page.sections["What needs attention"].split())
    assert "Callbacks gave up 1 messages: windsock notify dead on Airflow's hosts lists them." in said
    assert "<code>windsock notify spool</code>" in requests.get(f"http://{service.web.address}/", timeout=60).text


class TestParts:
    """The reader of the database and the reconciler, on real ones."""

    @pytest.fixture
    def running(self, tmp_path):
        """Start an exporter with its parts: `running(url, **settings)`."""
        with contextlib.ExitStack() as ends:

            def start(url: str, **settings) -> Service:
                given = {
                    "exporter": {"statsd": {"listen": ["udp://127.0.0.1:0"]}, "web": {"listen": "127.0.0.1:0"}},
                    "metadata": {"interval": "1s", "url": "${PAGES_DATABASE}"},
                    "reconcile": {"store": str(tmp_path / "store.db")},
                    **settings,
                }
                patch = ends.enter_context(pytest.MonkeyPatch.context())
                patch.setenv("PAGES_DATABASE", url)
                whole = Settings.model_validate(given)
                return ends.enter_context(Service(whole, parts=parts.make(whole)))

            yield start

    def ready(self, service) -> tuple[int, str]:
        answer = requests.get(f"http://{service.web.address}/-/ready", timeout=60)
        return answer.status_code, answer.text

    def test_all_is_well(self, running, postgres, make_database, alertmanager, look, eventually):
        database = make_database(postgres, NEWEST)
        service = running(database.url, alertmanager={"urls": [alertmanager.url]})
        eventually(lambda: "on, and acts" in look(service).sections["Beside StatsD"])
        eventually(lambda: ": read, " in look(service).sections["Beside StatsD"])
        said = look(service).sections["Beside StatsD"]
        assert f"Metadata database {postgres.url(database.name)}: read, " in said
        assert "Reconciler on, and acts: 0 alerts of tasks and runs fire" in said
        assert f"Alertmanager {alertmanager.url} answers" in said
        assert "What needs attention" not in look(service).sections
        assert self.ready(service) == (200, "ok\n")

    def test_nothing_is_well(self, running, look, eventually):
        url = f"postgresql://bob:hunter22@127.0.0.1:{free_port()}/airflow"
        service = running(url, alertmanager={"urls": [f"http://127.0.0.1:{free_port()}"]})
        eventually(lambda: "can't read the database; see above" in look(service).sections["Beside StatsD"])
        eventually(lambda: "The metadata database" in look(service).sections.get("What needs attention", ""))
        page = look(service)
        said = page.sections["What needs attention"]
        assert "The reconciler: database:" not in said  # it is the same fault
        assert re.search(
            r"The metadata database postgresql://bob:\*\*\*@\S+: can't be read: connection: .*refused", said
        )
        assert "last read: never" in page.sections["Beside StatsD"]
        assert "Reconciler on, and can't read the database; see above" in page.sections["Beside StatsD"]
        assert "not asked from here" in page.sections["Beside StatsD"]
        status, text = self.ready(service)
        assert status == 503
        assert text.startswith("the metadata database was not read yet: postgresql://bob:***@")
        shown = requests.get(f"http://{service.web.address}/", timeout=60).text + text
        assert "hunter22" not in shown

    def test_an_alertmanager_that_does_not_answer(self, running, postgres, make_database, look, eventually):
        database, away = make_database(postgres, NEWEST), f"http://127.0.0.1:{free_port()}"
        service = running(database.url, alertmanager={"urls": [away]})
        eventually(lambda: "refused" in look(service).sections.get("What needs attention", ""))
        page = look(service)
        assert f"The reconciler: alertmanager {away}: " in page.sections["What needs attention"]
        wanted = re.compile(rf"Alertmanager {away} \S+: \[Errno 111\] Connection refused")
        eventually(lambda: wanted.search(look(service).sections["Beside StatsD"]))

    def test_a_role_that_may_read_nothing(self, running, postgres, make_database, look, eventually, scrape):
        database = make_database(postgres, NEWEST)
        database.execute(f"CREATE ROLE none_{database.name} LOGIN")
        service = running(postgres.url(database.name, f"none_{database.name}"))
        eventually(lambda: "permission denied" in look(service).sections.get("What needs attention", ""))
        assert self.ready(service)[0] == 503
        eventually(lambda: scrape(service).get("airflow_db_up") == 0)
        page = look(service)
        said = " ".join(page.sections["What needs attention"].split())
        assert "windsock metadata grants prints what lets" in said
        database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO none_{database.name}")
        eventually(lambda: self.ready(service)[0] == 200)
        eventually(lambda: "What needs attention" not in look(service).sections)

    def test_a_database_that_nobody_set_is_not_waited_for_but_said(self, sqlite, eventually):
        with sqlite.admin("other").begin() as connection:
            connection.exec_driver_sql("CREATE TABLE other (x integer)")
        listen = {"exporter": {"statsd": {"listen": ["udp://127.0.0.1:0"]}, "web": {"listen": "127.0.0.1:0"}}}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", sqlite.url("other"))
            whole = Settings.model_validate({**listen, "reconcile": False})
            made = parts.make(whole)
        with Service(whole, parts=made) as service:
            eventually(lambda: "none of Airflow's tables" in self.ready(service)[1])
            status, text = self.ready(service)
        assert status == 200
        assert text.startswith("the metadata database was not read yet: sqlite:///")

    def test_the_log_says_what_runs_with_what(self, program, postgres, make_database, alertmanager, tmp_path):
        database = make_database(postgres, NEWEST)
        (tmp_path / "windsock.yaml").write_text(f"alertmanager: {{urls: ['{alertmanager.url}']}}\n")
        running = program(
            *("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0"),
            environ={
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url,
                "XDG_STATE_HOME": str(tmp_path),
            },
        )
        running.end()
        log = running.log.read_text()
        assert re.search(r"INFO StatsD: listening on udp://127\.0\.0\.1:\d+, for names that begin with 'airflow'", log)
        assert f"INFO Metadata database: {postgres.url(database.name)}, every 15s\n" in log
        assert "INFO Reconciler: on, every 15s\n" in log
        assert f"INFO Alertmanager: {alertmanager.url}\n" in log

    def test_the_log_says_what_does_not_run_and_why(self, program):
        running = program(
            *("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0"),
            environ={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "oracle://u:hunter22@h/d", "WINDSOCK__RECONCILE": "false"},
        )
        running.end()
        log = running.log.read_text()
        assert "INFO Metadata database: not read: no metadata database of Airflow: oracle" in log
        assert "INFO Reconciler: off: reconcile.enabled is false\n" in log
        assert "INFO Alertmanager: none: set alertmanager.urls in windsock.yaml\n" in log
        assert "hunter22" not in log
