"""Whether `dag_processing.last_duration` is in seconds or in milliseconds, told by its values.

Every released Airflow 3 (to 3.4.0b2) sends seconds where the protocol means milliseconds; a change that is proposed
(https://github.com/apache/airflow/pull/72553) would send milliseconds, and no line says which version it comes from.
Nor does another metric tell: `dag_processing.total_parse_time` ends when the last file has been started, so that a pass
may be shorter than one of its files, or, with many files, longer than all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

_SECONDS, _MILLISECONDS = 1000.0, 1.0
_LEAST = 10.0
"""Milliseconds that no file takes: each is parsed by a process of its own. The shortest in our captures took 55."""
_APART = 5.0
"""Seconds. What waited while the exporter was stopped arrives at once, and says nothing."""
_ENOUGH = 5
_KNOWN_FILES = 50_000


class ParseTimes:
    """A value below 10 is in seconds. Others are, too, until values have come that can't be: then that stays.

    A file is not parsed again while it is being parsed: in seconds, no value is larger than the time since the same
    processor's last one for the same file.
    """

    def __init__(self) -> None:
        self.milliseconds = False
        """Whether values of 10 and more are; once true, it stays: two installations can't turn it back and forth."""
        self._impossible = 0
        # By the hash of the file: what tells files apart may be long.
        self._last: dict[int, float] = {}

    def factor(self, file: Hashable, value: float, now: float) -> float:
        """What turns `value` into milliseconds; `file` is one of one sender, `now` when it came, in seconds."""
        if value < _LEAST:
            self._impossible = 0
            return _SECONDS
        if not self.milliseconds:
            self._weigh(file, value, now)
        return _MILLISECONDS if self.milliseconds else _SECONDS

    def _weigh(self, file: Hashable, value: float, now: float) -> None:
        key = hash(file)
        before = self._last.get(key)
        if len(self._last) >= _KNOWN_FILES:
            self._last.clear()
        self._last[key] = now
        if before is None or now - before < _APART:
            return
        self._impossible += 1 if value > now - before else -min(1, self._impossible)
        if self._impossible >= _ENOUGH:
            self.milliseconds = True
            self._last.clear()
