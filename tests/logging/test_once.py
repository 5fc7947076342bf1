"""Exactly once: over kills of either side, a replay, midnight, a file that begins anew, and one that is rotated."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from .conftest import task_file

BEGIN = datetime(2026, 11, 22, 23, 59, 58, tzinfo=timezone.utc)


def lines(first, count, step=timedelta(milliseconds=1)):
    for number in range(first, first + count):
        stamp = (BEGIN + number * step).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield json.dumps({"timestamp": stamp, "level": "info", "event": f"line {number}"}) + "\n"


def events(hits):
    return Counter(hit["_source"]["event"] for hit in hits)


def expected(count):
    return Counter({f"line {number}": 1 for number in range(count)})


def test_nothing_is_lost_or_doubled_while_both_sides_are_killed(ship, elasticsearch):
    shipping = ship()
    count, done = 10_000, threading.Event()

    def write():
        for first in range(0, count, 100):
            for number, text in enumerate(lines(first, 100)):
                task_file(shipping.logs, text, task=f"t{number % 10}")
            time.sleep(0.05)
        done.set()

    shipping.filebeat.up()
    writer = threading.Thread(target=write)
    writer.start()
    for turn in range(3):
        time.sleep(2)
        shipping.filebeat.kill()
        shipping.filebeat.up()
        if turn == 1:
            time.sleep(1)
            elasticsearch.delete(f"*,-{shipping.index}-*")  # what other tests have left would take seconds to come back
            # All tests share it; it comes back, with what it had.
            elasticsearch.kill()
            elasticsearch.up()
    writer.join()
    assert done.is_set()
    hits = shipping.arrived(count)
    assert events(hits) == expected(count)
    # The lines are of two days: 2 s after the first one, midnight has passed.
    assert {hit["_index"][-10:] for hit in hits} == {"2026.11.22", "2026.11.23"}


def test_a_replay_of_everything_over_midnight_adds_nothing(ship):
    shipping = ship()
    task_file(shipping.logs, "".join([*lines(0, 4000), "no JSON\n"]))
    shipping.filebeat.up()
    shipping.arrived(4001)
    shipping.filebeat.kill()
    # It has forgotten all that it knew.
    shutil.rmtree(shipping.filebeat.folder / "data")
    shipping.filebeat.up()
    shipping.until(lambda: shipping.events()["duplicates"] >= 4001)
    assert events(shipping.arrived(4001)) == expected(4000) + Counter({"no JSON": 1})


def test_a_file_that_begins_anew_at_the_same_place_is_another_one(ship):
    """A trigger that is started again truncates its file."""
    shipping = ship()
    # Filebeat knows by its size that it was truncated: one that has grown as long again meanwhile is not read.
    first, second = "".join(lines(0, 10)), "".join(lines(10, 9))
    path = task_file(shipping.logs, first, attempt="attempt=1.log.trigger.1.log")
    shipping.filebeat.up()
    shipping.arrived(10)
    path.write_text(second)
    assert events(shipping.arrived(19)) == expected(19)


def test_the_output_of_a_component_is_rotated(ship, tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    shipping = ship(components={"files": {"scheduler": f"{place}/scheduler.log*"}})
    file = place / "scheduler.log"
    shipping.filebeat.up()
    for turn in range(4):
        file.write_text("".join(lines(100 * turn, 100)))
        if turn == 1:  # the last turn deletes the first file: until then it must have been read
            shipping.until(lambda: shipping.server.count(f"{shipping.index}-*") >= 100)
        if turn == 2:
            shipping.filebeat.kill()
        time.sleep(0.3)
        for old in (3, 2, 1):
            source = place / f"scheduler.log.{old - 1}" if old > 1 else file
            if source.exists():
                source.rename(place / f"scheduler.log.{old}")
        if turn == 2:
            shipping.filebeat.up()
    hits = shipping.arrived(400)
    assert events(hits) == expected(400)
    assert {hit["_source"]["source"] for hit in hits} == {"scheduler"}


def test_a_deleted_file_is_read_to_its_end(ship):
    shipping = ship()
    path = task_file(shipping.logs, "".join(lines(0, 10)))
    shipping.filebeat.up()
    shipping.arrived(10)
    shipping.filebeat.process.send_signal(signal.SIGSTOP)
    task_file(shipping.logs, "".join(lines(10, 5000)))
    path.unlink()
    shipping.filebeat.process.send_signal(signal.SIGCONT)
    assert events(shipping.arrived(5010)) == expected(5010)
