"""Rows of a table by many keys at once, each found by the index, however many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.sql.expression import FromClause

    from .session import Session

_CHUNK = 200


def matching(  # noqa: PLR0913  the parts of one SELECT
    session: Session,
    table: FromClause,
    on: Sequence[str],
    keys: Sequence[Sequence[str]],
    columns: Sequence[ColumnElement[Any]],
    *,
    where: Sequence[ColumnElement[bool]] = (),
    group: Sequence[ColumnElement[Any]] = (),
    order: Sequence[ColumnElement[Any]] = (),
    most: int | None = None,
) -> Sequence[Any]:
    """Return `columns` of the rows of `table` whose columns `on` are one of `keys`; `most` rows of each key."""
    if not keys:
        return []
    query = sa.select(*columns).select_from(table).where(*where).group_by(*group).order_by(*order)
    if session.dialect.lateral:
        lists = [sa.cast(list(values), ARRAY(sa.Text)) for values in zip(*keys, strict=True)]
        given = sa.func.unnest(*lists).table_valued(*on).render_derived(name="given")
        same = [table.c[name] == given.c[name] for name in on]
        # OFFSET 0 keeps the planner from any other way than one look into the index for each key.
        found = query.where(*same).limit(most).offset(0).correlate(given).lateral("found")
        return session.execute(sa.select(*found.c).select_from(given.join(found, sa.true())))
    rows: list[Any] = []
    for chunk in _chunks(keys, 1 if most is not None else _CHUNK):
        same = [_among([table.c[name] for name in on], chunk)]
        rows += session.execute(query.where(*same).limit(most))
    return rows


def among(session: Session, column: ColumnElement[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether `column` is one of `ids`, however many: where that is possible they are one parameter, not as many."""
    if session.dialect.lateral:
        return column == sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
    return column.in_(ids)


def _among(columns: Sequence[ColumnElement[Any]], keys: Sequence[Sequence[str]]) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    if len(keys) == 1:
        return sa.and_(*(column == value for column, value in zip(columns, keys[0], strict=True)))
    return sa.tuple_(*columns).in_([tuple(key) for key in keys])


def _chunks(keys: Sequence[Sequence[str]], size: int) -> Iterator[Sequence[Sequence[str]]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
