"""Whose DAGs are: a log line does not say it. The metadata collector does, as `airflow_db_dag_info`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from windsock import teams
from windsock.exceptions import WindsockError

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
    rows = tuple(sorted(_rows(_text(where))))
    if not rows:
        raise WindsockError(f"--dags {where}: no {_SERIES} in it; is the exporter given a metadata.url?")
    return rows


def _text(where: str) -> str:
    if "://" not in where:
        try:
            return Path(where).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WindsockError(f"--dags {where}: can't be read: {getattr(error, 'strerror', error)}") from None
    import requests  # noqa: PLC0415  it takes a tenth of a second

    try:
        answer = requests.get(where, headers={"Accept": "text/plain"}, timeout=_TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise WindsockError(f"--dags {where}: {type(error).__name__}; expected an exporter's /metrics") from None
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
