"""Whatever dies, each failure is told once: the database, the reconciler, Alertmanager, one of several of each."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import yaml
from real import command
from real.alertmanager import FAST, Alertmanager, Messages
from real.failures import fail, succeed
from real.server import free_port
from real.waiting import until

from windsock.airflow.versions import NEWEST
from windsock.alerts.routes import Timing
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def own_messages() -> Iterator[Messages]:
    server = Messages()
    yield server
    server.close()


@pytest.fixture
def own_alertmanager(own_messages) -> Iterator[Alertmanager]:
    """One that a test may stop."""
    server = Alertmanager(Settings(), own_messages)
    yield server
    server.remove()


@pytest.fixture
def patient_alertmanager(own_messages) -> Iterator[Alertmanager]:
    """For senders that may stall, on a busy machine, between their alerts' beginning and the post.

    What begins further back than a group waits is told at once, a run beside its task.
    """
    patient = dict.fromkeys(("group_wait", "storm_wait", "beside_wait", "meanwhile_wait"), "2s")
    server = Alertmanager(Settings(), own_messages, timing=replace(FAST, **patient))
    yield server
    server.remove()


@pytest.fixture
def own_bench(bench, own_alertmanager, own_messages) -> Callable[..., Any]:
    """A bench with an Alertmanager of its own."""

    def make(database: Any, **settings: Any) -> Any:
        made = bench(database, alertmanager={"urls": [own_alertmanager.url]}, **settings)
        made.alertmanager, made.messages = own_alertmanager, own_messages
        return made

    return make


class Process:
    """`windsock reconcile` in a process of its own, with short intervals."""

    def __init__(self, folder: Path, name: str, url: str, alertmanagers: list[str]) -> None:
        settings = {
            "cluster": "prod",
            "metadata": {"interval": "1s"},
            "alertmanager": {"urls": alertmanagers},
            "reconcile": {"store": str(folder / f"{name}.db")},
        }
        self.config = folder / f"{name}.yaml"
        self.config.write_text(yaml.safe_dump(settings))
        self.log = folder / f"{name}.log"
        self.command = ["reconcile", "--config", self.config, "--url", url]
        self.start()

    def start(self) -> None:
        environ = command.without_settings()
        self.process = command.Running(*self.command, cwd=self.config.parent, environ=environ, log=self.log)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture
def process(tmp_path) -> Iterator[Callable[..., Process]]:
    """`process(name, url, alertmanagers)`."""
    made: list[Process] = []

    def make(name: str, url: str, alertmanagers: list[str]) -> Process:
        made.append(Process(tmp_path, name, url, alertmanagers))
        return made[-1]

    yield make
    for one in made:
        one.kill()


def told(messages: Messages, wanted: dict[str, tuple[int, int]], quiet: float = 2.5) -> None:
    """By DAG: how often its failures were newly firing and newly resolved in all messages.

    Nothing else may come for `quiet` seconds: more than two intervals of a group.
    """

    def found() -> dict[str, tuple[int, int]]:
        firing, resolved = messages.news("dag_id")
        return {key[0]: (firing[key], resolved[key]) for key in (*firing, *resolved)}

    until(lambda: found() == wanted, why=lambda: str(found()))
    time.sleep(quiet)
    assert found() == wanted


def test_a_kill_at_any_moment_repeats_nothing_and_forgets_nothing(database, bench, monkeypatch):
    """Killed before the posts, between them and the store, and after: what is left is what the store holds."""
    made = bench(database)
    for number, step in enumerate(("_judge", "_post", "_save", "_report")):
        fail(database, number + 1, f"d{number}")

        def killed(*given: Any) -> None:
            raise KeyboardInterrupt(str(given[:0]))

        with monkeypatch.context() as patch:
            patch.setattr(made.reconciler, step, killed)
            with pytest.raises(KeyboardInterrupt):
                made.reconciler.step()
        made.again()
        made.step(2)
    made.told({f"d{number}": (1, 0) for number in range(4)})
    for number in range(4):
        succeed(database, f"d{number}")
    with monkeypatch.context() as patch:
        patch.setattr(made.reconciler, "_save", killed)
        with pytest.raises(KeyboardInterrupt):
            made.reconciler.step()
    made.again()
    made.step(2)
    made.told({f"d{number}": (1, 1) for number in range(4)})


def test_while_the_database_is_away_nothing_is_resolved_and_all_is_renewed(own_postgres, make_database, own_bench):
    database = make_database(own_postgres, NEWEST)
    fail(database)
    made = own_bench(database)
    made.step(2)
    database.engine.dispose()
    own_postgres.stop()
    made.reconciler.step()
    assert "database" in made.reconciler.problem()
    # And Alertmanager loses everything meanwhile.
    made.alertmanager.stop()
    made.alertmanager.up()
    assert made.firing() == []
    made.reconciler.step()
    assert len(made.firing()) == 2
    own_postgres.up()
    fail(database, 2, "after")
    made.step(2)
    told(made.messages, {"d": (1, 0), "after": (1, 0)})
    succeed(database)
    made.step(2)
    told(made.messages, {"d": (1, 1), "after": (1, 0)})


def test_an_alertmanager_that_was_down_and_comes_back_empty_shows_all_and_repeats_nothing(database, own_bench):
    fail(database)
    fail(database, 2, "ends")
    made = own_bench(database)
    made.step(2)
    told(made.messages, {"d": (1, 0), "ends": (1, 0)})
    made.alertmanager.stop()
    fail(database, 3, "meanwhile")
    succeed(database, "ends")
    for _ in range(3):
        made.reconciler.step()
    assert "alertmanager" in made.reconciler.problem()
    made.alertmanager.up()
    made.step(3)
    assert {alert[1] for alert in made.firing()} == {"d", "meanwhile"}
    told(made.messages, {"d": (1, 0), "ends": (1, 1), "meanwhile": (1, 0)})


def test_of_two_exporters_one_acts_and_the_other_goes_on_with_a_store_of_its_own(database, bench, tmp_path):
    fail(database)
    one = bench(database)
    one.step(2)
    two = bench(database, reconcile={"store": str(tmp_path / "other.db")})
    for _ in range(3):
        assert not two.reconciler.step()
    one.told({"d": (1, 0)})
    one.reconciler.close()
    succeed(database)
    fail(database, 2, "next")
    until(two.reconciler.step)
    two.step(3)
    assert {alert[1] for alert in two.firing()} == {"next"}
    two.told({"d": (1, 1), "next": (1, 0)})


def test_an_end_that_an_alertmanager_took_before_it_stopped_is_told_by_the_next(database, own_bench):
    fail(database)
    fail(database, 2, "told")
    made = own_bench(database)
    made.step(2)
    told(made.messages, {"d": (1, 0), "told": (1, 0)})
    succeed(database, "told")
    made.step(2)
    told(made.messages, {"d": (1, 0), "told": (1, 1)})
    succeed(database)
    made.step()
    made.alertmanager.stop()
    made.alertmanager.up()
    made.step(2)
    told(made.messages, {"d": (1, 1), "told": (1, 1)})


def test_an_outage_within_the_window_is_made_up_for(database, bench):
    made = bench(database, reconcile={"window": "2h"})
    made.step()
    age(made, 5400)
    fail(database, 1, "old", ended=time.time() - 3600)
    made.again()
    made.step(2)
    assert {alert[1] for alert in made.firing()} == {"old"}
    assert made.metric("windsock_reconcile_gap_seconds") == 0


def test_an_outage_longer_than_the_window_is_said(database, bench, caplog):
    made = bench(database, reconcile={"window": "1h"})
    made.step()
    age(made, 7200)
    fail(database, 1, "missed", ended=time.time() - 5000)
    fail(database, 2, "found", ended=time.time() - 3000)
    made.again()
    made.step(2)
    assert {alert[1] for alert in made.firing()} == {"found"}
    assert made.metric("windsock_reconcile_gap_seconds") == pytest.approx(3600, abs=10)
    assert re.search(r"no reconciler looked for 72\d\d s, and reconcile.window is 3600 s", caplog.text)
    made.again()
    made.step()
    assert made.metric("windsock_reconcile_gap_seconds") == pytest.approx(3600, abs=10)


def age(made: Any, seconds: float) -> None:
    """As if the last pass was so long ago."""
    made.reconciler.close()
    engine = sa.create_engine(f"sqlite:///{made.settings.reconcile.store}", future=True)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE state SET value = value - {seconds}"))
    engine.dispose()


@pytest.mark.parametrize("content", [b"no database at all", b""])
def test_a_store_that_is_broken_is_set_aside(database, bench, content, caplog):
    fail(database)
    made = bench(database)
    made.step(2)
    made.reconciler.close()
    for path in made.reconciler._store.path.parent.glob("*.db*"):
        path.unlink()
    made.reconciler._store.path.write_bytes(content)
    made.again()
    made.step(2)
    made.told({"d": (1, 0)})
    assert ("set aside" in caplog.text) == bool(content)


def test_a_store_that_can_not_be_written_stops_nothing(database, bench):
    fail(database)
    made = bench(database, reconcile={"store": "/proc/nowhere/store.db"})
    made.reconciler.step()
    assert len(made.firing()) == 2
    assert "store" in made.reconciler.problem()
    assert made.metric('windsock_reconcile_errors_total{part="store"}') > 0
    succeed(database)
    made.reconciler.step()
    assert made.firing() == []


def wait_for_alert(peers: list[Alertmanager], dag: str) -> None:
    until(lambda: any(peer.process is not None and peer.alerts(dag_id=dag) for peer in peers))


def test_two_reconcilers_and_three_alertmanagers_of_which_one_each_is_killed_in_turn(database, process, own_messages):
    peers: list[Alertmanager] = []
    try:
        ports = free_port(), free_port(), free_port()
        # A peer waits for those before it: a machine that stalls for a moment must not make it speak up.
        timing = Timing(
            group_wait="500ms", group_interval="4s", storm_wait="500ms", beside_wait="500ms", again_interval="4s"
        )
        peers += [Alertmanager(Settings(), own_messages, port, ports, timing, "700ms") for port in ports]
        urls = [peer.url for peer in peers]
        reconcilers = [process(name, database.url, urls) for name in ("one", "two")]
        wanted: dict[str, tuple[int, int]] = {}
        for number in range(3):
            dag = f"d{number}"
            fail(database, number + 1, dag, ended=time.time())
            wanted[dag] = 1, 0
            wait_for_alert(peers, dag)
            # An Alertmanager that is killed before the others know what it has sent is one that they repeat.
            told(own_messages, wanted)
            reconcilers[number % 2].kill()
            peers[number].stop(signal.SIGKILL)
            fail(database, number + 11, f"{dag}_alone", ended=time.time())
            wanted[f"{dag}_alone"] = 1, 0
            wait_for_alert(peers, f"{dag}_alone")
            reconcilers[number % 2].start()
            peers[number].up()
        told(own_messages, wanted)
        time.sleep(5)  # the one that came last has to know what the others have sent
        # It alone tells the ends of what it never told itself. Of several, one that waits for its turn with a group
        # that still failed repeats it after another has told the end: Alertmanager's own, whoever sends.
        for peer in peers[:-1]:
            peer.stop()
        for dag in wanted:
            succeed(database, dag)
        told(own_messages, dict.fromkeys(wanted, (1, 1)), quiet=9)
    finally:
        for peer in peers:
            peer.remove()


def test_a_process_that_is_killed_again_and_again_tells_each_failure_once(database, process, patient_alertmanager):
    messages = patient_alertmanager.messages
    made = process("one", database.url, [patient_alertmanager.url])
    for number in range(4):
        fail(database, number + 1, f"d{number}", ended=time.time())
        # At another moment of its pass each time, before the post or after it.
        if number % 2:
            wait_for_alert([patient_alertmanager], f"d{number}")
        made.kill()
        made.start()
    told(messages, {f"d{number}": (1, 0) for number in range(4)})
    for number in range(4):
        succeed(database, f"d{number}")
    told(messages, {f"d{number}": (1, 1) for number in range(4)})


def test_an_alertmanager_that_took_only_a_part_is_told_again(database, own_bench, monkeypatch):
    fail(database)
    made = own_bench(database)
    made.step(2)
    made.alertmanager.stop()
    made.alertmanager.up()
    post = made.reconciler.peers.post

    def only_the_sign(alerts: Any, *after: Any) -> dict[str, str]:
        return {**post(alerts[-1:]), made.alertmanager.url: "413 too much at once"}

    with monkeypatch.context() as patch:
        patch.setattr(made.reconciler.peers, "post", only_the_sign)
        made.reconciler.step()
    assert made.firing() == []
    made.step()
    assert len(made.firing()) == 2
