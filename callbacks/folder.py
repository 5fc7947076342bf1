"""Where a host keeps what callbacks must remember; told without the settings, which cost a task's process too much."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def of(configured: str | None, cluster: str) -> Path:
    """Return the folder for `callbacks.spool.dir` and `cluster`; it need not exist."""
    # /var/tmp outlives a restart of the machine; TMPDIR may be another for each task.
    temporary = Path("/var/tmp")  # noqa: S108  a folder of our own below it
    base = temporary if temporary.is_dir() else Path(tempfile.gettempdir())
    return (Path(configured) if configured else base / f"windsock-{os.getuid()}") / f"cluster-{cluster}"
