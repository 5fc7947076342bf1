"""libFuzzer on the way from an export to the exposition; the corpus are captured exports."""

from __future__ import annotations

import gzip
import random
import re
import subprocess
import sys
from pathlib import Path

from google.protobuf import json_format

RUNS = 10_000
"""A number and no time: as many on a busy machine."""


def test_no_export_is_a_bug_of_the_exporter(tmp_path, capture, exports):
    some = [*random.Random(0).sample(capture, 40), exports.explicit([1, 2], [1, 2, 3], 4), exports.sum(1, delta=True)]
    for number, request in enumerate(some):
        (tmp_path / f"protobuf-{number}").write_bytes(b"\0" + request.SerializeToString())
    for number, request in enumerate(some[::8]):
        text = json_format.MessageToJson(request, indent=None).encode()
        (tmp_path / f"json-{number}").write_bytes(b"\1" + text)
        (tmp_path / f"gzip-{number}").write_bytes(b"\2" + gzip.compress(request.SerializeToString()))
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
