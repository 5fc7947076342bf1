"""Every unit test of the rules, by the promtool that is first on the PATH.

The usual suite runs them in the oldest (tests/alerts/test_commands.py): no test_ stands before the file's name.
"""

from __future__ import annotations

import subprocess
import sys


def test_windsock_alerts_test_passes():
    command = [sys.executable, "-m", "windsock", "alerts", "test"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
