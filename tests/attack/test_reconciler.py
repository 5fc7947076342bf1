"""The reconciler's store, damaged in any place, and clocks that are wrong for a pass."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import random
import re
import sqlite3
import stat
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from real.alertmanager import Alertmanager, Messages
from real.databases import SQLiteFolder
from real.failures import fail
from real.tables import Database

from windsock import recurrence, storms
from windsock.airflow.versions import NEWEST
from windsock.events import RECONCILING, unix
from windsock.exporter.reconciler.failure import Alert, Key
from windsock.exporter.reconciler.reconciler import Reconciler, alone
from windsock.exporter.reconciler.store import Store
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DAY = 86_400.0
NOW = 1_800_000_000.0
GOOD = Alert(Key("AirflowTaskFailed", "good", "r", "t"), "team", "warning", {"summary": "s"}, NOW, None, first=NOW)
SOUND = {
    "annotations": "{}",
    "failed_at": NOW,
    "due": NOW,
    "failed": 1,
    "first": 0,
    "posted": 0,
    "over": NOW,
    "told": 1,
}
"""What a row has but its key; texts that are not named are empty."""
ODD: tuple[Any, ...] = (
    *(None, "", "null", "[]", "{}", "[null]", '["a","b","c","d",5]', '["","","","",""]', '{"a":1}', '{"a":null}'),
    *('["\\ud800","d","r","t",""]', '{"a":"\\udfff"}', "[" * 50_000, '{"a":' * 50_000, "9" * 5000, "NaN", "\x00"),
    *(0, -1, -1.5, 1e300, float("inf"), float("-inf"), 2**63 - 1, -(2**63), 10**12),
    *(b"", b"\xff\xfe", b"\x00" * 100),
)
"""Values that no row has from us."""


@pytest.fixture
def path(tmp_path) -> Path:
    """A store with one alert that is to outlive whatever stands beside it."""
    file: Path = tmp_path / "store.db"
    store = Store(file)
    store.save([GOOD, *map(other, range(3))], {"since": NOW - 100, "passed": NOW}, [])
    store.close()
    return file


def other(number: int) -> Alert:
    return Alert(Key("AirflowDagRunFailed", f"d{number}", "r"), "", "", {}, NOW, NOW, over=NOW, told=True)


def write(path: Path, statement: str, *rows: Sequence[Any]) -> int:
    """Change the file behind the store's back, for each of `rows`; returns how many SQLite lets anybody write."""
    file, written = sqlite3.connect(path), 0
    with file:
        for row in rows or [()]:
            with contextlib.suppress(sqlite3.IntegrityError):
                file.execute(statement, row)
                written += 1
    file.close()
    return written


def test_rows_with_any_value_cost_only_themselves(path, caplog):
    columns = [row[1] for row in sqlite3.connect(path).execute("PRAGMA table_info(alert)")]
    mutations = []
    for number, (name, value) in enumerate(itertools.product(columns, ODD)):
        key = json.dumps(["AirflowTaskFailed", f"x{number}", "r", "t", ""])
        mutations.append([{**SOUND, "key": key, name: value}.get(column, "") for column in columns])
    written = write(path, f"INSERT INTO alert VALUES ({', '.join('?' * len(columns))})", *mutations)
    assert written > 250
    store = Store(path)
    memory = store.load()
    assert [memory.alerts[one.key] for one in (GOOD, *map(other, range(3)))] == [GOOD, *map(other, range(3))]
    assert memory.state == {"since": NOW - 100, "passed": NOW}
    dropped = int(re.search(r"(\d+) rows of alert can't be used", caplog.text)[1])
    assert len(memory.alerts) == written + 4 - dropped
    assert dropped > 150
    for one in memory.alerts.values():
        one.dirty = True
        alert = one.event("c").alert(datetime.fromtimestamp(one.first, timezone.utc))
        assert json.dumps(alert, ensure_ascii=False).encode()
    store.save(memory.alerts.values(), memory.state, [])
    store.close()
    caplog.clear()
    store = Store(path)
    assert store.load() == memory
    assert caplog.messages == []
    store.close()


def test_state_with_any_value_costs_only_itself(path):
    assert write(path, "INSERT INTO state VALUES (?, 1)", *((value,) for value in ODD)) > 20
    assert write(path, "INSERT INTO state VALUES (?, ?)", *((f"odd {value!r:.50}", value) for value in ODD)) > 20
    store = Store(path)
    memory = store.load()
    assert (memory.state["since"], memory.alerts[GOOD.key]) == (NOW - 100, GOOD)
    assert all(0 <= one < 1e12 for one in memory.state.values())
    store.save([], memory.state, [])
    store.close()


def test_damaged_pages_are_set_aside_with_what_can_be_read_of_them(path, caplog):
    """150 files of some pages, each with some bytes changed; what a store says of one must be that, and not last."""
    store = Store(path)
    keys = [Key("AirflowTaskFailed", f"x{number}", "r", "t") for number in range(40)]
    store.save([Alert(key, "", "", {"a": "x" * 900}, NOW, None) for key in keys], {}, [])
    store.close()
    whole, chance, aside, said = path.read_bytes(), random.Random(1), 0, ""
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 4, 200))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        for file in path.parent.glob("*.db*"):
            file.unlink()
        path.write_bytes(content)
        for _ in range(3):
            try:
                store = Store(path)
                memory = store.load()
                store.save([*memory.alerts.values(), GOOD], {"since": NOW, **memory.state}, [])
            except (sqlite3.Error, OSError) as error:
                said = f"{type(error).__name__}: {error}"
                continue
            finally:
                store.close()
            break
        else:
            pytest.fail(f"it is of no use, and stays: {said!r}")
        again = Store(path)
        assert again.load().alerts[GOOD.key] == GOOD
        again.close()
        aside += path.with_name("store.db.bad").exists()
    assert aside > 10


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE alert ADD COLUMN more TEXT",
        "ALTER TABLE alert RENAME COLUMN team TO crew",
        "DROP TABLE state",
        "CREATE TRIGGER t AFTER INSERT ON alert BEGIN DELETE FROM alert; END",
        "PRAGMA user_version = 77",
    ],
)
def test_a_database_of_other_tables_is_no_store(path, statement, caplog):
    write(path, statement)
    store = Store(path)
    assert statement.startswith("DROP") or store.load().alerts == {}
    store.save([GOOD], {}, [])
    store.close()
    assert Store(path).load().alerts[GOOD.key] == GOOD
    assert statement.startswith("DROP") or "set aside" in caplog.text


def test_the_store_is_its_owners_only_with_all_that_stands_beside_it(path):
    path.chmod(0o666)
    store = Store(path)
    store.save([GOOD], {}, [])
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert files == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
    store.close()
    for name in ("store.db", "store.db-wal"):
        (path.parent / name).touch()
        (path.parent / name).chmod(0o644)
    Store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("instead", [None, b"", b"no database" * 1000])
def test_a_store_that_is_removed_while_it_is_open_is_written_anew(tmp_path, alertmanager, database, start, instead):
    """Whoever looks at an unlinked file finds all in order; after a restart all would be news."""
    fail(database)
    reconciler = start()
    reconciler.step()
    assert firing(alertmanager, reconciler) == ["d"]
    (tmp_path / "store.db").unlink()
    if instead is not None:
        (tmp_path / "store.db").write_bytes(instead)
    reconciler.step()
    assert "store.db was removed or replaced while it was in use" in reconciler.problems()["store"]
    reconciler.step()
    assert "store" not in reconciler.problems()
    kept = Store(tmp_path / "store.db").load()
    assert [key.dag_id for key in kept.alerts if key.alertname == "AirflowTaskFailed"] == ["d"]
    assert "since" in kept.state


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    messages = Messages()
    server = Alertmanager(Settings(), messages)
    yield server
    server.remove()
    messages.close()


CLUSTERS = (f"attack-{number}" for number in itertools.count())


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    made = Database(SQLiteFolder(tmp_path), NEWEST)
    yield made
    made.engine.dispose()


@pytest.fixture
def start(tmp_path, alertmanager, database) -> Iterator[Callable[[], Reconciler]]:
    """Begin, or begin anew, with what the store holds."""
    cluster, made = next(CLUSTERS), []

    def begin(*others: str) -> Reconciler:
        for one in made:
            one.close()
        urls = {"urls": [*others, alertmanager.url]}
        given = {"cluster": cluster, "alertmanager": urls, "reconcile": {"store": str(tmp_path / "store.db")}}
        made.append(alone(Settings.model_validate(given), database.url))
        return made[-1]

    yield begin
    made[-1].close()


def firing(alertmanager: Alertmanager, reconciler: Reconciler) -> list[str]:
    found = alertmanager.alerts(cluster=reconciler.settings.cluster)
    return sorted(one["labels"]["dag_id"] for one in found if one["labels"]["alertname"] == "AirflowTaskFailed")


TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "-", "9" * 5000)


def test_no_sign_that_somebody_posted_stops_a_pass(alertmanager, database, start):
    """By these senders find each other; whoever reaches Alertmanager can post one, of any time."""
    fail(database)
    reconciler = start()
    reconciler.step()
    cluster = reconciler.settings.cluster
    own = [sign["labels"] for sign in alertmanager.signs() if sign["labels"].get("cluster") == cluster]
    causes = {labels["cause"] for labels in own if labels["alertname"] == storms.BEACON and "cause" in labels}
    common = {"cluster": cluster, "severity": "info", "team": own[0]["team"]}
    for number, moment in enumerate(TIMES):
        for cause in (*causes, storms.BESIDE):
            mark = {**common, "alertname": storms.MARK, "storm": f"{moment}/{cause}", "cause": cause}
            beacon = {**common, "alertname": storms.BEACON, "cause": cause, "slot": str(number)}
            again = {**common, "alertname": recurrence.SIGN, "cause": cause, "n": str(number)}
            alertmanager.post(
                {"labels": mark, "annotations": {"first": "<!channel>"}},
                {"labels": beacon, "annotations": {"dag_id": f"x{number}", "failed_at": moment}},
                {"labels": again, "annotations": {recurrence.NOTE: f"{'9' * 4300} since {TIMES[0]}"}},
                {"labels": again | {"m": "1"}, "annotations": {recurrence.NOTE: f"{'9' * 4300} since 2026-01-01"}},
            )
    fail(database, 2, "e")
    for _ in range(2):
        reconciler.step()
    assert reconciler.problems() == {}
    assert firing(alertmanager, reconciler) == ["d", "e"]


@pytest.mark.parametrize(
    "body",
    [b'{"message": "log in"}', b"null", b"[1]", b'[{"labels": null}]', b'[{"labels": {"alertname": 5}}]', b"[" * 10**5],
)
def test_who_answers_in_place_of_one_alertmanager_costs_the_others_nothing(alertmanager, database, start, body):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  http.server calls it by this name

        def log_message(self, *_: Any) -> None:
            pass

    fail(database)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        reconciler = start(url)
        reconciler.step()
        assert reconciler.problems().keys() == {f"alertmanager {url}"}
        proxy.shutdown()
    assert firing(alertmanager, reconciler) == ["d"]


@pytest.mark.parametrize("column", ["key", "annotations"])
def test_a_row_that_is_null_is_not_blamed_on_the_database(tmp_path, alertmanager, database, start, column):
    fail(database)
    reconciler = start()
    reconciler.step()
    reconciler.close()
    assert write(tmp_path / "store.db", f"UPDATE alert SET {column} = 'null' WHERE rowid = 1")
    reconciler = start()
    reconciler.step()
    assert reconciler.problems() == {}
    assert firing(alertmanager, reconciler) == ["d"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("ahead", [30 * DAY, 6 * 3600.0, 3 * DAY])
def test_a_clock_that_was_ahead_for_a_pass_hides_no_failure(
    alertmanager, database, start, monkeypatch, caplog, restarted, ahead
):
    fail(database)
    reconciler = start()
    reconciler.step()
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + ahead)
        reconciler.step()
    if restarted:
        reconciler = start()
    fail(database, 2, "new")
    reconciler.step()
    reconciler.step()
    assert firing(alertmanager, reconciler) == ["d", "new"]
    assert "ahead of the clock, and not believed" in caplog.text
    text = render(list(reconciler.stores()), TEXT).decode()
    assert 'windsock_reconcile_errors_total{part="clock"} 1' in text
    assert reconciler.problems() == {}
    found = alertmanager.alerts(cluster=reconciler.settings.cluster, alertname=RECONCILING)
    assert [unix(one["endsAt"]) < real() + DAY for one in found] == [True]
    assert reconciler._memory.state["since"] <= real()
    assert max(one.posted for one in reconciler.lasting()) <= real()


def test_what_was_over_before_the_clock_was_ahead_is_not_told_again(alertmanager, database, start, monkeypatch):
    fail(database, ended=time.time() - 600)
    reconciler = start()
    reconciler.step()
    database.update("dag", {"dag_id": "d"}, is_paused=True)
    reconciler.step()
    assert firing(alertmanager, reconciler) == []
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + 30 * DAY)
        reconciler.step()
    assert reconciler._tracker.alerts == {}  # forgotten
    database.update("dag", {"dag_id": "d"}, is_paused=False)
    reconciler = start()
    fail(database, 2, "new")
    for _ in range(2):
        reconciler.step()
        assert firing(alertmanager, reconciler) == []  # its failure is no older than the end of the other
