"""What Put and Change do to rows, in memory: for the bus, and to fold a batch's writes to one per row."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Table

from services.kit.service import Put, Write

Key: TypeAlias = tuple[Any, ...]


def key_of(table: Table, values: Mapping[str, Any]) -> Key:
    """The primary key of a row, in the order of the table's columns."""
    return tuple([values[name] for name in key_names(table)])


@cache
def key_names(table: Table) -> tuple[str, ...]:
    """The columns of a table's primary key, in order: asked for each row that is written."""
    return tuple(column.name for column in table.primary_key)


class Rows:
    """Tables in memory: primary key → row."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, dict[str, Any]]] = {}

    def apply(self, writes: Iterable[Write]) -> None:
        """Do these writes in order."""
        for write in writes:
            rows = self._tables.setdefault(write.table.name, {})
            if isinstance(write, Put):
                rows.setdefault(key_of(write.table, write.row), {}).update(write.row)
            elif (found := rows.get(key_of(write.table, write.key))) is not None:
                found.update(write.values)

    def of(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table in the order of their first insert."""
        return [dict(row) for row in self._tables.get(table.name, {}).values()]
