"""What is right in the first pass is right in the hundredth, however long ago the one before was."""

from __future__ import annotations

import time

from windsock.exporter.database import collector


def test_a_pass_that_looks_at_the_schema_again_has_its_own_time(database, look, monkeypatch):
    monkeypatch.setattr(collector, "_LOOK_AGAIN", 2)
    eye = look(database.url, metadata={"interval": 60, "timeout": 60})
    now = time.monotonic
    for turn in range(5):
        monkeypatch.setattr(time, "monotonic", lambda turn=turn: now() + 90 * turn)
        assert eye()["airflow_db_up"] == 1
    assert eye.collector.failing() == {}
    assert eye.collector.session.opened == 1
