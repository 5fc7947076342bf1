"""The exporter's process under the names that every exporter gives it: process_*, python_*.

Names and meanings are those that Prometheus asks of client libraries
(https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics) and that its Python library uses, which
itself would take 1 MiB of the process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from .exposition import END, OPENMETRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELP = {
    "process_virtual_memory_bytes": "Virtual memory size in bytes.",
    "process_resident_memory_bytes": "Resident memory size in bytes.",
    "process_start_time_seconds": "Start time of the process since unix epoch in seconds.",
    "process_cpu_seconds_total": "Total user and system CPU time spent in seconds.",
    "process_open_fds": "Number of open file descriptors.",
    "process_max_fds": "Maximum number of open file descriptors.",
    "python_info": "Python platform information.",
    "python_gc_objects_collected_total": "Objects collected during gc.",
    "python_gc_objects_uncollectable_total": "Uncollectable objects found during gc.",
    "python_gc_collections_total": "Number of times this generation was collected.",
}
_GC = {
    "python_gc_objects_collected_total": "collected",
    "python_gc_objects_uncollectable_total": "uncollectable",
    "python_gc_collections_total": "collections",
}
"""Of what `gc.get_stats` says of each generation."""


def exposition(content: str) -> bytes:
    """The process in the format `content`, with OpenMetrics' end: the last piece of a scrape."""
    values = dict(_values())
    text = "".join(_family(name, values[name], content) for name in _HELP if name in values)
    return text.encode() + (END if content == OPENMETRICS else b"")


def _family(name: str, series: dict[str, float], content: str) -> str:
    kind = "counter" if name.endswith("_total") else "gauge"
    family = name.removesuffix("_total") if content == OPENMETRICS else name
    lines = "".join(f"{name}{labels} {value}\n" for labels, value in series.items())
    return f"# HELP {family} {_HELP[name]}\n# TYPE {family} {kind}\n{lines}"


def _values() -> Iterator[tuple[str, dict[str, float]]]:
    """The series of each name, by their labels."""
    with contextlib.suppress(OSError, ValueError, IndexError):  # there is no /proc, or none that can be read
        yield from [(name, {"": value}) for name, value in _kernel().items()]
    major, minor, patch = platform.python_version_tuple()
    labels = f'implementation="{platform.python_implementation()}",major="{major}",minor="{minor}",patchlevel="{patch}"'
    yield "python_info", {f'{{{labels},version="{platform.python_version()}"}}': 1.0}
    stats = gc.get_stats()
    for name, key in _GC.items():
        yield name, {f'{{generation="{number}"}}': float(found[key]) for number, found in enumerate(stats)}


def _kernel() -> dict[str, float]:
    """What Linux says of this process: proc_pid_stat(5), proc_stat(5)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    ticks = os.sysconf("SC_CLK_TCK")
    return {
        "process_virtual_memory_bytes": float(fields[20]),
        "process_resident_memory_bytes": float(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        "process_start_time_seconds": float(boot.split()[1]) + float(fields[19]) / ticks,
        "process_cpu_seconds_total": (float(fields[11]) + float(fields[12])) / ticks,
        "process_open_fds": float(sum(1 for _ in Path("/proc/self/fd").iterdir())),
        "process_max_fds": float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }
