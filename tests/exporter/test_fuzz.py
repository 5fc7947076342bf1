"""libFuzzer on the way from a datagram to the exposition; the corpus are captured datagrams."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

RUNS = 100_000
"""A number and no time: as many on a busy machine. The exporter is renewed five times (`fuzz.RENEW`)."""


def test_no_datagram_is_a_bug_of_the_exporter(tmp_path, captures):
    for name, datagrams in captures.items():
        for number, datagram in enumerate(random.Random(0).sample(sorted(set(datagrams)), 40)):
            (tmp_path / f"{name}-{number}").write_bytes(datagram)
    fuzzer = Path(__file__).parent / "fuzz.py"
    done = subprocess.run(
        [sys.executable, str(fuzzer), str(tmp_path), str(RUNS)],
        capture_output=True,
        text=True,
        timeout=580,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None
    assert int(runs[1]) >= RUNS
