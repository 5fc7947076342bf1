"""The page at /: read as a person without JavaScript would read it, from captured traffic."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import re
import socket
import time
from html.parser import HTMLParser

import pytest
import requests
from real.server import free_port

from windsock.exceptions import SettingsError
from windsock.exporter import parts
from windsock.exporter.service import Service
from windsock.settings import Settings

NASTY = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The page's text by section, and its tables by their first heading."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sections: dict[str, str] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._heading = self._table = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in {"meta", "link"}:
            self._open.append(tag)
        if tag == "h2":
            self._heading = ""
        if tag == "table":
            self._table = ""
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag == "td" and self._table:
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "h2" in self._open:
            self._heading += data
        elif "th" in self._open:
            if not self._table:
                self._table = f"{self._heading}/{data}"
                self.tables[self._table] = []
        elif "td" in self._open:
            self.tables[self._table][-1][-1] += data
        self.sections[self._heading] = self.sections.get(self._heading, "") + data + " "

    def rows(self, start: str) -> dict[str, list[str]]:
        """The rows of the table whose section or heading begins so, by their first cell."""
        found = next(rows for name, rows in self.tables.items() if name.startswith(start) or f"/{start}" in name)
        return {row[0]: row[1:] for row in found}


@pytest.fixture
def look():
    def at(service) -> Page:
        answer = requests.get(f"http://{service.web.address}/", timeout=10)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return Page(answer.text)

    return at


@pytest.fixture
def replay(send, scrape, eventually):
    """Send datagrams and wait until all have been taken in."""

    def to(service, datagrams, count: int) -> None:
        for start in range(0, len(datagrams), 100):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect(service.listeners()[0].sock.getsockname())
                for datagram in datagrams[start : start + 100]:
                    sock.send(datagram)
            time.sleep(0.002)
        eventually(lambda: scrape(service)["windsock_lines_total"] >= count)

    return to


def test_a_new_exporter_says_what_it_waits_for(serve, look):
    service = serve("udp://127.0.0.1:0")
    page = look(service)
    assert "listening: nothing received yet" in page.sections[""]
    overview = page.sections["Overview"]
    for words in ("Airflow can't tell yet", "plain, or nothing received yet", "none seen", "Naming prometheus", "0 of"):
        assert words in overview
    assert page.rows("Lines/")["received"][0] == "0"
    assert page.rows("Metrics") == {"nothing yet": []}


@pytest.mark.parametrize(
    ("name", "airflow", "dialect", "legacy"),
    [
        ("airflow-3.3.2-influxdb", "3.x", "influxdb", "on: most facts come twice"),
        ("airflow-2.11.0-plain", "2.x", "plain", "on: most facts come twice"),
    ],
)
def test_captured_traffic_is_described(name, airflow, dialect, legacy, serve, look, captures, replay):
    service = serve("udp://127.0.0.1:0")
    datagrams = captures[name][:3000]
    replay(service, datagrams, len(datagrams))
    time.sleep(1.2)  # the first rate needs a second
    page = look(service)
    assert f"Airflow {airflow}" in page.sections["Overview"]
    assert f"Dialect {dialect}" in page.sections["Overview"]
    assert f"Legacy names {legacy}" in page.sections["Overview"]
    lines = page.rows("Lines/")
    assert lines["received"][0] == "3,000"
    assert {"stored: counter", "stored: gauge", "stored: timer"} <= set(lines)
    total = sum(int(row[0].replace(",", "")) for what, row in lines.items() if what.startswith(("stored", "left")))
    assert 2900 < total <= 3000
    listener = page.rows("Address")[service.addresses()[0]]
    assert (listener[0], listener[2]) == ("3,000", "0")
    metrics = page.rows("Metrics")
    assert len(metrics) == 10
    assert all(metric.startswith("airflow_") for metric in metrics)
    assert "dag_id" in page.rows("Labels")


@pytest.mark.parametrize("naming", ["helm-chart", "statsd-exporter"])
def test_other_names_have_a_page_too(naming, look, captures, replay):
    statsd, web = {"listen": ["udp://127.0.0.1:0"]}, {"listen": "127.0.0.1:0"}
    with Service(Settings.model_validate({"exporter": {"statsd": statsd, "web": web, "naming": naming}})) as service:
        replay(service, captures["airflow-3.3.2-influxdb"][:500], 500)
        page = look(service)
    assert f"Naming {naming}" in page.sections["Overview"]
    assert "Legacy names" not in page.sections["Overview"], "nobody looks there"
    assert len(page.rows("Metrics")) == 10


def test_the_rate_is_the_last_minutes(serve, look, captures, replay):
    service = serve("udp://127.0.0.1:0")
    time.sleep(1.2)
    replay(service, captures["airflow-3.3.2-influxdb"][:600], 600)
    time.sleep(1)
    rate = float(look(service).rows("Lines/")["received"][1].replace(",", ""))
    assert 60 < rate < 600


def test_what_does_not_fit_is_shown_with_an_example(serve, look, replay):
    service = serve("udp://127.0.0.1:0")
    replay(service, [b"myteam.orders:3|c", b"nonsense", b"airflow.scheduler_heartbeat:1o|c"], 3)
    page = look(service)
    assert page.rows("Lines with names")["myteam"][::2] == ["1", "myteam.orders:3|c"]
    assert page.rows("Lines/")["rejected: no colon"][::2] == ["1", "nonsense"]
    assert page.rows("Lines/")["rejected: bad value"][::2] == ["1", "airflow.scheduler_heartbeat:1o|c"]


def test_everything_that_was_sent_is_escaped(serve, look, replay, tmp_path):
    service = serve("udp://127.0.0.1:0", f"unixgram://{tmp_path}/{html.escape('<b>')}")
    sent = [
        f"{NASTY}.x:1|c".encode(),
        f"airflow.ti.finish,dag_id={NASTY},task_id=\"'&,state=failed:1|c".encode(),
        f"airflow.x{NASTY}".encode(),
        b"airflow.\xff\xfe<img src=x onerror=alert(1)>:1|c",
        b"airflow.scheduler_heartbeat:<!--|c",
    ]
    replay(service, sent, len(sent))
    text = requests.get(f"http://{service.web.address}/", timeout=5).text
    page = Page(text)
    assert not {"script", "img", "b"} & set(page.tags)
    assert NASTY in page.rows("DAGs")
    assert NASTY in page.sections["Lines with names that nothing maps"]
    assert "<!--" not in text


def test_what_is_wrong_in_a_file_is_escaped_too(serve):
    service = serve("udp://127.0.0.1:0")

    def reread():
        raise SettingsError([f"windsock.yaml:1: {NASTY}: unknown key"])

    service._reread = reread
    assert requests.post(f"http://{service.web.address}/-/reload", timeout=5).status_code == 400
    page = Page(requests.get(f"http://{service.web.address}/", timeout=5).text)
    assert "script" not in page.tags
    assert NASTY in page.sections["What needs attention"]
    assert NASTY in page.sections["Overview"]


def test_the_policy_lets_its_own_style_in_and_nothing_else(serve):
    answer = requests.get(f"http://{serve().web.address}/", timeout=5)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert not re.search(r"<script|\son\w+=|\sstyle=|https?://(?!www.w3.org/2000/svg)", answer.text)


def test_what_needs_attention_stands_first(serve, look, lines, replay, eventually):
    service = serve("udp://127.0.0.1:0", budgets={"series": 2}, statsd={"relay": "udp://127.0.0.1:1"})
    for number in range(3):
        replay(service, [f"airflow.pool.open_slots,pool_name=p{number}:1|g".encode()], number + 1)
    eventually(lambda: service.relay().problem)
    page = look(service)
    assert list(page.sections)[1] == "What needs attention"
    said = page.sections["What needs attention"]
    assert "The relay udp://127.0.0.1:1 gets nothing: nothing listens there." in said
    assert "The budget of exporter.budgets.series kept 1 new series out." in said


def test_all_is_well_where_nothing_is_said_of_attention(serve, look):
    assert "What needs attention" not in look(serve("udp://127.0.0.1:0")).sections


def state(service) -> tuple[str, str]:
    """The class and the words at the top of the page."""
    text = requests.get(f"http://{service.web.address}/", timeout=5).text
    return re.search(r'<p class="(\w+)">([^<]*)</p>', text).groups()


def test_only_what_was_received_is_called_receiving(serve, look, lines, replay):
    service = serve("udp://127.0.0.1:0")
    assert state(service) == ("waiting", "listening: nothing received yet")
    service.started -= 90
    said = look(service).sections["What needs attention"]
    assert "No StatsD line has arrived in 1 min 30 s. Airflow needs the package statsd, and in [metrics]" in said
    assert service.addresses()[0] in said
    replay(service, [lines.heartbeat.encode()], 1)
    assert state(service) == ("good", "receiving")
    assert "What needs attention" not in look(service).sections


def test_what_came_and_ended_is_no_health_either(serve, look, lines, replay):
    service = serve("udp://127.0.0.1:0")
    replay(service, [lines.heartbeat.encode()], 1)
    service.minute.arrived()
    service.minute._arrived -= 700
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
    assert "Callbacks 2 callback sent, 3 channel spooled, 1 channel dead" in page.sections["Beside StatsD"]
    assert "Callbacks gave up 1 messages: `windsock notify dead`" in page.sections["What needs attention"]


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
        answer = requests.get(f"http://{service.web.address}/-/ready", timeout=5)
        return answer.status_code, answer.text

    def test_all_is_well(self, running, postgres, make_database, alertmanager, look, eventually):
        database = make_database(postgres, "3.3.2")
        service = running(database.url, alertmanager={"urls": [alertmanager.url]})
        eventually(lambda: "on, and acts" in look(service).sections["Beside StatsD"])
        eventually(lambda: ": read, " in look(service).sections["Beside StatsD"])
        said = look(service).sections["Beside StatsD"]
        assert f"Metadata database {postgres.url(database.name)}: read, " in said
        assert "Reconciler on, and acts: 0 failures last" in said
        assert f"Alertmanager {alertmanager.url} answers" in said
        assert "What needs attention" not in look(service).sections
        assert self.ready(service) == (200, "ok\n")

    def test_nothing_is_well(self, running, look, eventually):
        url = f"postgresql://bob:hunter22@127.0.0.1:{free_port()}/airflow"
        service = running(url, alertmanager={"urls": [f"http://127.0.0.1:{free_port()}"]})
        eventually(lambda: "The reconciler: database:" in look(service).sections.get("What needs attention", ""))
        page = look(service)
        said = page.sections["What needs attention"]
        assert re.search(
            r"The metadata database postgresql://bob:\*\*\*@\S+: can't be read: connection: .*refused", said
        )
        assert "last read: never" in page.sections["Beside StatsD"]
        assert "Reconciler on, and can't read the database; see above" in page.sections["Beside StatsD"]
        assert "not asked from here" in page.sections["Beside StatsD"]
        status, text = self.ready(service)
        assert status == 503
        assert text.startswith("the metadata database was not read yet: postgresql://bob:***@")
        shown = requests.get(f"http://{service.web.address}/", timeout=5).text + text
        assert "hunter22" not in shown

    def test_an_alertmanager_that_does_not_answer(self, running, postgres, make_database, look, eventually):
        database, away = make_database(postgres, "3.3.2"), f"http://127.0.0.1:{free_port()}"
        service = running(database.url, alertmanager={"urls": [away]})
        eventually(lambda: "refused" in look(service).sections.get("What needs attention", ""))
        page = look(service)
        assert f"The reconciler: alertmanager {away}: " in page.sections["What needs attention"]
        wanted = re.compile(rf"Alertmanager {away} \S+: \[Errno 111\] Connection refused")
        eventually(lambda: wanted.search(look(service).sections["Beside StatsD"]))

    def test_a_role_that_may_read_nothing(self, running, postgres, make_database, look, eventually, scrape):
        database = make_database(postgres, "3.3.2")
        database.execute(f"CREATE ROLE none_{database.name} LOGIN")
        service = running(postgres.url(database.name, f"none_{database.name}"))
        eventually(lambda: "permission denied" in look(service).sections.get("What needs attention", ""))
        assert self.ready(service)[0] == 503
        eventually(lambda: scrape(service).get("airflow_db_up") == 0)
        assert "`windsock metadata grants` prints what lets" in look(service).sections["What needs attention"]
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
        database = make_database(postgres, "3.3.2")
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


def test_where_the_configuration_comes_from_is_told(program, tmp_path, monkeypatch):
    (tmp_path / "windsock.yaml").write_text("cluster: a\n")
    running = program(
        *("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0"),
        environ={"WINDSOCK__EXPORTER__WEB__BIRTH_HOLD": "5s"},
    )
    page = Page(requests.get(running.metrics.removesuffix("metrics"), timeout=5).text)
    said = "Configuration windsock.yaml ,  $WINDSOCK__EXPORTER__WEB__BIRTH_HOLD ,  --statsd-listen ,  --web-listen"
    assert said in page.sections["Overview"]
    assert "Last reload never" in page.sections["Overview"]


def test_many_series_are_counted_soon(serve, replay):
    service = serve("udp://127.0.0.1:0")
    names = [f"airflow.ti.finish,dag_id=d{n % 400},task_id=t{n},state=success:1|c" for n in range(20_000)]
    service._ingest.feed([name.encode() for name in names], "1")
    started = time.monotonic()
    requests.get(f"http://{service.web.address}/", timeout=5).raise_for_status()
    assert time.monotonic() - started < 1
