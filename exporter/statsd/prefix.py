"""What Airflow's names begin with where it is not what `exporter.statsd.prefix` says: told by the name behind it."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from .names import known_names

# Words of a prefix, at most: what has more is not looked through for a name.
_MOST_WORDS = 8
_NAME_ENDS = re.compile(r"[:,#\[|]")


def foreign_prefix(line: str, prefix: str) -> str | None:
    """The other prefix before a name of the catalogue, "" where there is none; None: no such name, or after `prefix`.

    `line` is a StatsD line or its name alone. Names of DAG authors (`custom.…`) are any, and prove nothing.
    """
    found = _beginning(_NAME_ENDS.split(line, maxsplit=1)[0])
    return found if found != prefix else None


@lru_cache(maxsize=4096)
def _beginning(name: str) -> str | None:
    parts = name.split(".")
    for cut in range(min(len(parts), _MOST_WORDS + 1)):
        found = known_names().find(".".join(parts[cut:]))
        # Of a plugin's own `…job_start` one word would be all that speaks for Airflow.
        if found is not None and "{job_name}" not in found.metric.name:
            return ".".join(parts[:cut])
    return None


def advice(found: str) -> str:
    """What to do about a prefix that `foreign_prefix` found."""
    words = f"with the prefix {found!r}" if found else "without a prefix"
    return f"this is a name of Airflow's {words}: set exporter.statsd.prefix to {json.dumps(found)}, as Airflow has it"
