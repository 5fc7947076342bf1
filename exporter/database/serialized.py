"""DAGs as Airflow wrote them down, in `serialized_dag`."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from .matching import matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .schema import Schema
    from .session import Session

COLUMNS = ("dag_id", "last_updated", "data", "data_compressed")
_LARGEST = 64 << 20
"""Bytes of a DAG's definition: packed, a small one may be of any size."""


def newest(session: Session, tables: Schema, dag_ids: Iterable[str]) -> Sequence[Any]:
    """Rows of DAG id, `data` and `data_compressed`, for `content`, each of which may be large. Raises UnsupportedError.

    3.x keeps the versions before.
    """
    table = tables.table("serialized_dag", *COLUMNS)
    shown, latest = [table.c.dag_id, table.c.data, table.c.data_compressed], [table.c.last_updated.desc()]
    keys = [(dag_id,) for dag_id in dag_ids]
    return matching(session, table, ("dag_id",), keys, shown, order=latest, most=1)


def content(data: Any, packed: bytes | None) -> Any:
    """What is written down, plain or packed. Raises ValueError where it can't be read."""
    try:
        text = _unpacked(packed) if packed else data
        return json.loads(text) if isinstance(text, (str, bytes)) else text  # PostgreSQL's drivers read JSON
    except (RecursionError, TypeError, zlib.error) as error:
        raise ValueError(str(error)) from None


def _unpacked(packed: bytes) -> bytes:
    inflating = zlib.decompressobj()
    text = inflating.decompress(packed, _LARGEST)
    if inflating.unconsumed_tail or not inflating.eof:
        raise ValueError(f"more than {_LARGEST} bytes, or cut off")
    return text
