"""Many rows at once: a batch's writes folded to one per row, then COPY and merge, in key order against deadlocks."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

from psycopg import Connection, Cursor
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from services.kit.rows import Key, key_names, key_of
from services.kit.service import Put, Write

FEW = 24
"""Up to so many rows go as pipelined statements; above, COPY is quicker."""

SHAPES = 10_000
"""So many ways of naming the columns of a row are remembered; services have some hundred."""

Raw: TypeAlias = Connection[tuple[Any, ...]]
_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class _Pending:
    put: bool
    values: dict[str, Any]


Round: TypeAlias = dict[Key, _Pending]


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one table that get the same columns in the same way, sorted by primary key."""

    table: Table
    put: bool
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def write_all(raw: Raw, writes: Iterable[Write], order: Sequence[Table]) -> None:
    """Do all writes as if one after another. `order` is the order of the tables."""
    for step in steps(writes, order):
        _apply(raw, step)


def steps(writes: Iterable[Write], order: Sequence[Table]) -> list[Step]:
    """The writes folded: later wins, one per row, except that a Put behind a Change of the same row waits its turn."""
    tables: dict[Table, list[Round]] = {}
    for write in writes:
        _fold(tables.setdefault(write.table, []), write)
    place = {table: number for number, table in enumerate(order)}
    ranked = sorted(tables, key=lambda table: place.get(table, len(place)))
    return [step for table in ranked for turn in tables[table] for step in _steps(table, turn)]


def _fold(rounds: list[Round], write: Write) -> None:
    put = isinstance(write, Put)
    values = dict(write.row) if isinstance(write, Put) else {**write.key, **write.values}
    key = key_of(write.table, values)
    at = next((n for n in range(len(rounds) - 1, -1, -1) if key in rounds[n]), None)
    if at is None:
        _round(rounds, 0)[key] = _Pending(put, values)
    elif put and not rounds[at][key].put:
        _round(rounds, at + 1)[key] = _Pending(put, values)
    else:
        rounds[at][key].values.update(values)


def _round(rounds: list[Round], number: int) -> Round:
    while len(rounds) <= number:
        rounds.append({})
    return rounds[number]


def _steps(table: Table, turn: Round) -> Iterable[Step]:
    groups: dict[tuple[bool, tuple[str, ...]], list[Key]] = {}
    for key, pending in turn.items():
        columns = _given(table, tuple(pending.values))
        groups.setdefault((pending.put, columns), []).append(key)
    for (put, columns), keys in groups.items():
        convert = _converters(table, columns)
        rows = [convert(turn[key].values) for key in sorted(keys)]
        yield Step(table, put, columns, rows)


@lru_cache(SHAPES)
def _given(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those columns of a table that are named, in the order of the table."""
    named = frozenset(names)
    return tuple(column.name for column in table.columns if column.name in named)


@cache
def _converters(table: Table, columns: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Values as the driver wants them (JSON wrapped, enumerations by name), by the types of the columns."""
    processors = [(c, table.c[c].type.dialect_impl(_DIALECT).bind_processor(_DIALECT)) for c in columns]
    changed = [(n, process) for n, (_, process) in enumerate(processors) if process]
    chosen = _chooser(columns)

    def convert(values: Mapping[str, Any]) -> tuple[Any, ...]:
        row = chosen(values)
        if not changed:
            return row
        given = list(row)
        for n, process in changed:
            given[n] = process(given[n])
        return tuple(given)

    return convert


def _chooser(places: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """What stands at these places, as a tuple, also where it is one or none."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def _apply(raw: Raw, step: Step) -> None:
    with raw.cursor() as cursor:
        if len(step.rows) <= FEW:
            cursor.executemany(_single(step.table, step.put, step.columns), _arguments(step))
        else:
            stage, create, merge = _staged(step.table, step.put, step.columns)
            cursor.execute(create)
            copy_rows(cursor, stage, step.columns, step.rows)
            cursor.execute(merge)


def copy_rows(
    cursor: "Cursor[Any]",
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    types: Sequence[str] | None = None,
) -> None:
    """COPY rows into a table; names must be quoted where needed. With the types of the columns it goes in binary.

    Binary spares both sides the hexadecimal form of `bytea`.
    """
    names = ", ".join(map(_quoted, columns))
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN{' (FORMAT BINARY)' if types else ''}") as copy:
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _quoted(name: str) -> str:
    return _DIALECT.identifier_preparer.quote(name)


def _rest(table: Table, columns: Iterable[str]) -> list[str]:
    return [c for c in columns if c not in key_names(table)]


def _conflict(table: Table, columns: Sequence[str]) -> str:
    keys, rest = ", ".join(map(_quoted, key_names(table))), _rest(table, columns)
    sets = ", ".join(f"{_quoted(c)} = excluded.{_quoted(c)}" for c in rest)
    return f"ON CONFLICT ({keys}) DO " + (f"UPDATE SET {sets}" if rest else "NOTHING")


@cache
def _single(table: Table, put: bool, columns: tuple[str, ...]) -> str:
    name = _quoted(table.name)
    if put:
        places = ", ".join(["%s"] * len(columns))
        names = ", ".join(map(_quoted, columns))
        return f"INSERT INTO {name} ({names}) VALUES ({places}) {_conflict(table, columns)}"
    sets = ", ".join(f"{_quoted(c)} = %s" for c in _rest(table, columns))
    return f"UPDATE {name} SET {sets} WHERE " + " AND ".join(f"{_quoted(k)} = %s" for k in key_names(table))


def _arguments(step: Step) -> Sequence[tuple[Any, ...]]:
    """The rows as `_single` wants them: those of a change with the key behind the rest."""
    if step.put:
        return step.rows
    arranged = _arranged(step.table, step.columns)
    return [arranged(row) for row in step.rows]


@cache
def _arranged(table: Table, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    return _chooser([columns.index(c) for c in (*_rest(table, columns), *key_names(table))])


@cache
def _staged(table: Table, put: bool, columns: tuple[str, ...]) -> tuple[str, str, str]:
    """The staging table's name, the statement that makes it ready and empty, and the one that merges it."""
    name, names = _quoted(table.name), ", ".join(map(_quoted, columns))
    stage = _quoted(f"stage_{table.name[:40]}_{zlib.crc32(names.encode()):08x}")
    create = (
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS SELECT {names} FROM {name}"
        f" WITH NO DATA; DELETE FROM {stage}"
    )
    order = ", ".join(map(_quoted, key_names(table)))
    if put:
        tail = _conflict(table, columns)
        return stage, create, f"INSERT INTO {name} ({names}) SELECT {names} FROM {stage} ORDER BY {order} {tail}"
    sets = ", ".join(f"{_quoted(c)} = s.{_quoted(c)}" for c in _rest(table, columns))
    match = " AND ".join(f"t.{_quoted(k)} = s.{_quoted(k)}" for k in key_names(table))
    return stage, create, f"UPDATE {name} t SET {sets} FROM {stage} s WHERE {match}"
