"""Whose DAGs are: a log line does not say it. The metadata collector does, as `airflow_db_dag_info`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from windsock import teams
from windsock.exceptions import WindsockError
from windsock.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERIES = "airflow_db_dag_info"
_TIMEOUT = 30.0

Row = tuple[str, str, list[str]]
"""DAG id, team (empty: none matches it), owners."""


def read(where: str) -> tuple[Row, ...]:
    """The table out of an exposition, at a URL such as http://127.0.0.1:9102/metrics or in a file; ordered by DAG.

    Raises WindsockError where there is none, and where it names no DAG.
    """
    named = f"--dags {redact(where)}"  # a URL may have a password
    try:
        rows = tuple(sorted(_rows(_text(where))))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise WindsockError(
            f"{named}: can't be read ({why}); expected an exporter's /metrics, or a file of it"
        ) from None
    except ValueError:
        raise WindsockError(f"{named}: not an exposition; expected an exporter's /metrics, or a file of it") from None
    if not rows:
        raise WindsockError(f"{named}: no {_SERIES} in it; is the exporter given a metadata.url?")
    return rows


def _text(where: str) -> str:
    """Raises OSError, which all errors of requests are, and UnicodeDecodeError."""
    if "://" not in where:
        return Path(where).read_text(encoding="utf-8")
    import requests  # noqa: PLC0415  it takes a tenth of a second

    answer = requests.get(where, headers={"Accept": "text/plain"}, timeout=_TIMEOUT)
    answer.raise_for_status()
    answer.encoding = "utf-8"
    return answer.text


def _rows(text: str) -> Iterator[Row]:
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415  as above

    lines = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(f"{_SERIES}{{"))
    for family in text_string_to_metric_families(lines):
        for sample in family.samples:
            labels = sample.labels
            team = labels.get("team", "")
            owners = list(teams.owners_of(labels.get("owner", "")))
            yield labels.get("dag_id", ""), "" if team == teams.UNKNOWN else team, owners
