"""State files that were changed, are not ours to change, or are somebody else's: the exporter starts, and says so."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from windsock import settings
from windsock.exporter.pipeline import Pipeline
from windsock.exporter.series.exposition import TEXT, render
from windsock.exporter.service import Service
from windsock.exporter.state import State

LINE = b"airflow.ti_failures,dag_id=d,task_id=t:1|c"
FAILED = 'airflow_ti_failures_total{dag_id="d",task_id="t"}'
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\.)*"'
SAMPLE = re.compile(rf"[a-z_]+(\{{({LABEL},?)*\}})? ([0-9.e+-]+|inf)")


def configured(file) -> settings.Settings:
    chosen = {"statsd": {"listen": []}, "web": {"listen": "127.0.0.1:0"}, "state_file": str(file)}
    return settings.Settings.model_validate({"exporter": chosen})


@contextlib.contextmanager
def exporter(file, lines=0):
    """One life of an exporter: yields what it shows of Airflow after as many failures."""
    with Service(configured(file)) as service:
        service._ingest.feed([LINE] * lines)
        yield shown(service)


def shown(service) -> dict[str, float]:
    lines = render([service.store], TEXT).decode().split("\n")
    samples = [line for line in lines if line and not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples), "Prometheus refuses a scrape for one such line"
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in samples)}


@pytest.fixture
def saved(tmp_path):
    """What an exporter left that had seen two failures."""
    with exporter(tmp_path / "state", 2):
        pass
    return tmp_path / "state"


@pytest.fixture
def nobody():
    """Become somebody who may write nowhere: `with nobody():`."""

    @contextlib.contextmanager
    def become():
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    return become


@pytest.fixture
def folder():
    """A folder that everybody can read and nobody can write."""
    made = Path(tempfile.mkdtemp())
    yield made
    made.chmod(0o700)
    shutil.rmtree(made)


def sealed(body: bytes) -> bytes:
    """A file with a checksum that fits: whoever can write the file can make one."""
    digest = hashlib.sha256(body).hexdigest()
    return json.dumps({"format": "windsock exporter state 3", "sha256": digest}).encode() + b"\n" + body


def test_counters_go_on_after_a_clean_stop_and_only_the_owner_reads_the_file(saved):
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in saved.parent.iterdir()} == {
        "state": 0o600,
        "state.lock": 0o600,
    }
    with exporter(saved, 1) as found:
        assert found[FAILED] == 3


def test_a_state_that_can_not_be_taken_away_is_not_restored(saved, folder, nobody, caplog):
    """It would be there again after a crash, older than the last scrape: 2, 3, crash, 2."""
    shutil.copy(saved, folder / "state")
    (folder / "state").chmod(0o644)
    (folder / "state.lock").write_text("")
    (folder / "state.lock").chmod(0o666)
    folder.chmod(0o555)
    with nobody(), exporter(folder / "state", 1) as found:
        assert found[FAILED] == 1
    assert "can't be read and taken away, counters start at 0: Permission denied" in caplog.text
    assert "can't be kept" in caplog.text


def test_what_a_start_has_read_is_not_new_to_a_later_one(saved, folder, nobody, caplog):
    """2, 1 while it could not be taken away, and then 3 again: Prometheus would count two failures that never were."""
    shutil.copy(saved, folder / "state")
    (folder / "state").chmod(0o644)
    (folder / "state.lock").write_text("")
    (folder / "state.lock").chmod(0o666)
    folder.chmod(0o555)
    with nobody(), exporter(folder / "state", 1):
        pass
    folder.chmod(0o755)
    with exporter(folder / "state", 1) as found:
        assert found[FAILED] == 1
    assert "a start before this one has read it already, counters start at 0" in caplog.text
    for expected in (1, 1, 2):
        with exporter(folder / "state", expected - 1) as found:
            assert found[FAILED] == expected, "what an idle exporter leaves is the same, and new all the same"


def test_a_state_beside_which_there_is_no_lock_is_to_be_removed(saved, folder, nobody, caplog):
    shutil.copy(saved, folder / "state")
    folder.chmod(0o555)
    with nobody(), exporter(folder / "state", 1) as found:
        assert found[FAILED] == 1
    assert "remove the file: with a lock it would be restored, and be too old" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", sealed(b"[" * 100_000), sealed(b"[]"), sealed(b'{"series": 5}')])
def test_a_broken_file_that_can_not_be_set_aside_prevents_no_start(content, folder, nobody, caplog):
    (folder / "state").write_bytes(content)
    (folder / "state").chmod(0o644)
    (folder / "state.lock").write_text("")
    (folder / "state.lock").chmod(0o666)
    folder.chmod(0o555)
    with nobody(), exporter(folder / "state", 1) as found:
        assert found[FAILED] == 1
    assert "not a state of this program, and can't be set aside (Permission denied); counters start" in caplog.text


def test_a_byte_that_changed_costs_the_state_and_no_scrape(saved, caplog):
    saved.write_bytes(saved.read_bytes().replace(b"dag_id", b"dag id"))
    with exporter(saved, 1) as found:
        assert found == {FAILED: 1}
    assert "set aside as state.bad; counters start at 0: its checksum does not fit" in caplog.text


@pytest.mark.parametrize("name", ["dag id", "le", "__name__", "", "ä", "1a", 'a="b",c'])
def test_no_checksum_makes_a_label_that_prometheus_refuses(name, saved, caplog):
    body = saved.read_bytes().split(b"\n", 1)[1]
    saved.write_bytes(sealed(body.replace(b'"task_id"', json.dumps(name).encode())))
    with exporter(saved, 1) as found:
        assert found == {FAILED: 1}
    assert "set aside as state.bad" in caplog.text


def test_a_fifo_is_not_waited_for(tmp_path, caplog):
    os.mkfifo(tmp_path / "state")
    with exporter(tmp_path / "state", 1) as found:
        assert found[FAILED] == 1
    assert "not a regular file" in caplog.text
    with exporter(tmp_path / "state", 1) as found:
        assert found[FAILED] == 2, "a clean stop puts a file in its place"


def test_two_exporters_do_not_share_a_file(saved, caplog):
    with exporter(saved, 1) as first:
        assert not caplog.text
        with exporter(saved, 10) as second:
            assert (first[FAILED], second[FAILED]) == (3, 10)
        assert "another exporter uses it: here counters start at 0 and are not kept" in caplog.text
        assert not saved.exists(), "the second one leaves nothing"
    with exporter(saved) as found:
        assert found[FAILED] == 3


def test_no_mutation_prevents_a_start_or_spoils_a_scrape(tmp_path):
    """Of the bytes with a checksum that fits, and of the JSON values."""
    with exporter(tmp_path / "state", 2):
        pass
    body = (tmp_path / "state").read_bytes().split(b"\n", 1)[1]
    chance = random.Random(24)
    odd = [None, -1, 1e308, float("nan"), "", "\ud800", [], {}, True, [[]], "le", 10**400]
    for _ in range(100):
        if chance.random() < 0.5:
            changed = bytearray(body)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        else:
            changed = json.dumps(_mutated(json.loads(body), chance, odd)).encode()
        (tmp_path / "state").write_bytes(sealed(bytes(changed)))
        pipeline = Pipeline(configured(tmp_path / "state"))
        state = State(str(tmp_path / "state"))
        state.load(pipeline.store, pipeline.translator, pipeline._metrics)
        state.close()
        pipeline._receiver.stop()
        pipeline._ingest.feed([LINE])
        assert shown(pipeline)[FAILED] >= 1
        assert not (tmp_path / "state").exists()


def _mutated(value, chance, odd):
    """One place of a JSON value, changed."""
    inner = list(value.items()) if isinstance(value, dict) else []
    inner = list(enumerate(value)) if isinstance(value, list) else inner
    if not inner or chance.random() < 0.15:
        return chance.choice(odd)
    key, below = chance.choice(inner)
    value[key] = _mutated(below, chance, odd)
    return value
