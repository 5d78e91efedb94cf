"""A database in memory that knows the kit's own statements: the kit's transactions run on it unchanged.

Each statement that the kit sends is a key of `STATEMENTS`; those of read tables are understood by their shape. One that
is not known raises, so that the kit cannot change under the simulation unseen. Transactions are undone from a list of
what stood before. There is one connection at a time and no other thread.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, cast

from psycopg import OperationalError
from psycopg.errors import UniqueViolation
from sqlalchemy import Engine

from services.kit import alarms, batches, commands, letters, outbox, positions, repeats, states, timers

Key: TypeAlias = Any
Rows: TypeAlias = list[tuple[Any, ...]]
MISSING: Any = object()


@dataclass(slots=True)
class Answer:
    """What a statement answers: rows, and how many rows it touched."""

    rows: Rows = field(default_factory=list)
    rowcount: int = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def fetchall(self) -> Rows:
        return self.rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows[0] if self.rows else None


class Database:
    """Tables as dictionaries: name → key → row. `fail_at` cuts the line before that statement, counted down."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Key, Any]] = {}
        self.fail_at: int | None = None
        self.lose_answer = False
        self._undo: list[tuple[dict[Key, Any], Key, Any]] = []
        self._connection = Connection(self)

    def clear(self) -> None:
        """Forget everything."""
        for table in self.tables.values():
            table.clear()
        self._undo.clear()

    def table(self, name: str) -> dict[Key, Any]:
        """The rows of a table by key."""
        found = self.tables.get(name)
        if found is None:
            found = self.tables[name] = {}
        return found

    def put(self, table: dict[Key, Any], key: Key, row: Any) -> None:
        """Set a row; the row itself is never changed in place."""
        self._undo.append((table, key, table.get(key, MISSING)))
        table[key] = row

    def drop(self, table: dict[Key, Any], key: Key) -> None:
        """Delete a row."""
        self._undo.append((table, key, table.pop(key, MISSING)))

    def back_to(self, mark: int) -> None:
        """Undo everything after a mark."""
        while len(self._undo) > mark:
            table, key, row = self._undo.pop()
            if row is MISSING:
                table.pop(key, None)
            else:
                table[key] = row

    @property
    def mark(self) -> int:
        """Where the open transaction stands."""
        return len(self._undo)

    def begin(self) -> "Transaction":
        """One transaction, like an engine's."""
        return Transaction(self, self._connection)

    def commit(self) -> None:
        """Keep what the transaction did. The answer may be lost on the way; what was done stays done."""
        self._undo.clear()
        if self.lose_answer:
            self.lose_answer = False
            self.fail_at = None
            raise OperationalError("the connection broke while the answer to COMMIT was on its way")

    def line(self) -> None:
        """Called for each statement: cut here when that was asked for."""
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                self.fail_at = None
                raise OperationalError("the connection broke")

    def engine(self) -> Engine:
        """Stands where the kit wants an engine: it only ever calls `begin`."""
        return cast("Engine", self)


class Transaction:
    """Commits when its block ends, rolls back when it raises."""

    def __init__(self, database: Database, connection: "Connection") -> None:
        self._database, self._connection = database, connection

    def __enter__(self) -> "Connection":
        return self._connection

    def __exit__(self, kind: Any, _error: Any, _where: Any) -> None:
        if kind is None:
            self._database.commit()
        else:
            self._database.back_to(0)


class Connection:
    """The connection as SQLAlchemy shows it, and as psycopg does (`db.connection.driver_connection`)."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = self
        self.driver_connection = self

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """A savepoint."""
        mark = self.database.mark
        try:
            yield
        except BaseException:
            self.database.back_to(mark)
            raise

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Answer:
        """Run one statement."""
        self.database.line()
        return _meaning(statement)(self.database, parameters)

    def cursor(self) -> "Cursor":
        return Cursor(self.database)


class Cursor:
    """As much of psycopg's cursor as the kit uses."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rowcount = 0

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        self.executemany(statement, [parameters])

    def executemany(self, statement: str, many: Sequence[Sequence[Any]]) -> None:
        self._database.line()
        run = _meaning(statement)
        self.rowcount = sum(run(self._database, parameters).rowcount for parameters in many)

    def copy(self, statement: str) -> "Copy":
        self._database.line()
        return Copy(self._database, *_copied(statement))


class Copy:
    """Takes rows into a table."""

    def __init__(self, database: Database, table: str, columns: Sequence[str]) -> None:
        self._database, self._table, self._columns = database, table, columns

    def __enter__(self) -> "Copy":
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def set_types(self, types: Sequence[str]) -> None:
        """Rows are kept as they are."""

    def write_row(self, row: Sequence[Any]) -> None:
        table = self._database.table(self._table)
        length = KEYED.get(self._table)
        key = tuple(row[:length]) if length else len(table)
        if length and key in table:
            raise UniqueViolation(f"{self._table}: {key}")
        self._database.put(table, key, dict(zip(self._columns, row, strict=True)))


Meaning: TypeAlias = Callable[[Database, Sequence[Any]], Answer]


def _rows(rows: Rows) -> Answer:
    return Answer(rows, len(rows))


def _done(count: int = 1) -> Answer:
    return Answer([], count)


# -- positions, stamps, ids -------------------------------------------------------------------------------------------


def _create_position(db: Database, p: Sequence[Any]) -> Answer:
    topic, number, topic_id, next_ = p
    table = db.table("positions")
    if (topic, number) in table:
        return _done(0)
    db.put(table, (topic, number), (topic_id, next_))
    return _done()


def _load_positions(db: Database, p: Sequence[Any]) -> Answer:
    return _rows([(*key, *row) for key, row in db.table("positions").items() if key[0] in p[0]])


def _move_positions(db: Database, p: Sequence[Any]) -> Answer:
    table, moved = db.table("positions"), []
    for topic, number, start, next_ in zip(*p, strict=True):
        known = table.get((topic, number))
        if known is not None and known[1] == start:
            db.put(table, (topic, number), (known[0], next_))
            moved.append((topic, number))
    return _rows(moved)


def _last_stamps(db: Database, p: Sequence[Any]) -> Answer:
    table = db.table("stamps")
    return _rows([(source, table[source]) for source in p[0] if source in table])


def _stamps(db: Database, p: Sequence[Any]) -> Answer:
    for source, sequence in zip(*p, strict=True):
        db.put(db.table("stamps"), source, sequence)
    return _done(len(p[0]))


def _gap(db: Database, p: Sequence[Any]) -> Answer:
    db.put(db.table("gaps"), tuple(p), tuple(p))
    return _done()


def _seen(db: Database, p: Sequence[Any]) -> Answer:
    wanted = set(zip(*p, strict=True))
    return _rows([(*key, row["digest"]) for key, row in db.table("inbox").items() if key[:2] in wanted])


# -- states, timers, commands -----------------------------------------------------------------------------------------


def _load_states(db: Database, p: Sequence[Any]) -> Answer:
    table = db.table("states")
    return _rows([(b, table[b][1], table[b][3], table[b][0]) for b in p[0] if b in table])


def _versions(db: Database, p: Sequence[Any]) -> Answer:
    table = db.table("states")
    return _rows([(b, table[b][1]) for b in p[0] if b in table])


def _save_state(db: Database, p: Sequence[Any]) -> Answer:
    borrower, *row = p
    table = db.table("states")
    known = table.get(borrower)
    if known is not None and known[1] != row[1] - 1:
        return _done(0)
    db.put(table, borrower, tuple(row))
    return _done()


def _due(db: Database, p: Sequence[Any]) -> Answer:
    numbers, now, limit = p
    resting, due = _resting(db), list[tuple[Any, ...]]()
    for number in numbers:
        found = [
            (borrower, version, document, n, next_at)
            for borrower, (n, version, next_at, document) in db.table("states").items()
            if n == number and next_at is not None and next_at <= now and borrower not in resting
        ]
        due += sorted(found, key=lambda row: (row[4], row[0]))[:limit]
    return _rows(due)


def _any_due(db: Database, p: Sequence[Any]) -> Answer:
    numbers, now = p
    due = {n for n, _, next_at, _ in db.table("states").values() if next_at is not None and next_at <= now}
    return _rows([(n,) for n in numbers if n in due])


def _alarm(db: Database, p: Sequence[Any]) -> Answer:
    kind, about, text = p
    db.put(db.table("alarms"), (kind, about), text)
    return _done()


def _claim(db: Database, p: Sequence[Any]) -> Answer:
    key, digest, borrower = p
    table = db.table("commands")
    if key in table:
        return _done(0)
    db.put(table, key, (digest, None, borrower))
    return _done()


def _known_keys(db: Database, p: Sequence[Any]) -> Answer:
    table = db.table("commands")
    return _rows([(key,) for key in p[0] if key in table])


def _answered(db: Database, p: Sequence[Any]) -> Answer:
    key, digest, borrower, answer = p
    table = db.table("commands")
    if key in table:
        return _done(0)
    db.put(table, key, (digest, answer, borrower))
    return _done()


def _nobody(_db: Database, _p: Sequence[Any]) -> Answer:
    """One transaction at a time here: nobody holds anything."""
    return _rows([])


def _answer(db: Database, p: Sequence[Any]) -> Answer:
    table = db.table("commands")
    digest, _, borrower = table[p[1]]
    db.put(table, p[1], (digest, p[0], borrower))
    return _done()


def _earlier(db: Database, p: Sequence[Any]) -> Answer:
    known = db.table("commands").get(p[0])
    return _rows([known[:2]] if known else [])


# -- dead letters -----------------------------------------------------------------------------------------------------


def _resting(db: Database) -> set[str]:
    return {row[10] for row in db.table("dead_letters").values() if row[11]}


def _waiting(db: Database, p: Sequence[Any]) -> Answer:
    resting = _resting(db) if db.tables.get("dead_letters") else set()
    return _rows([(b,) for b in p[0] if b in resting])


def _first_waiting(db: Database, p: Sequence[Any]) -> Answer:
    resting = _resting(db) if db.tables.get("dead_letters") else set()
    return _rows([(b,) for b in sorted(resting)[: p[0]]])


def _bury(db: Database, p: Sequence[Any]) -> Answer:
    db.put(db.table("dead_letters"), (p[3], p[4], p[5]), tuple(p))
    return _done()


def _park(db: Database, p: Sequence[Any]) -> Answer:
    db.put(db.table("parked"), (p[1], p[2], p[3]), tuple(p))
    return _done()


# -- outbox -----------------------------------------------------------------------------------------------------------


def _take(db: Database, p: Sequence[Any]) -> Answer:
    table, taken = db.table("sequences"), []
    for topic, number, count in zip(*p, strict=True):
        said, published = table.get((topic, number), (0, 0))
        db.put(table, (topic, number), (said + count, published))
        taken.append((topic, number, said + count))
    return _rows(taken)


def _read_outbox(db: Database, p: Sequence[Any]) -> Answer:
    topic, number, first, limit = p
    table = db.table("outbox")
    said = db.table("sequences").get((topic, number), (0, 0))[0]
    rows = [table[topic, number, n] for n in range(first, min(said, first + limit - 1) + 1)]
    return _rows([(r["sequence"], _key_of(r), r["payload"], r.get("headers"), r["id"]) for r in rows])


def _key_of(row: Mapping[str, Any]) -> bytes:
    key = row.get("key")
    return cast("bytes", row["aggregateid"].encode() if key is None else key)


def _behind(db: Database, _p: Sequence[Any]) -> Answer:
    return _rows([(*key, said) for key, (said, published) in db.table("sequences").items() if said > published])


def _published(db: Database, p: Sequence[Any]) -> Answer:
    known = db.table("sequences").get((p[0], p[1]))
    return _rows([(known[1],)] if known else [])


def _mark(db: Database, p: Sequence[Any]) -> Answer:
    upto, topic, number, _ = p
    table = db.table("sequences")
    said, published = table[topic, number]
    if published >= upto:
        return _done(0)
    db.put(table, (topic, number), (said, upto))
    return _done()


def _nothing(_db: Database, _p: Sequence[Any]) -> Answer:
    return _done()


STATEMENTS: dict[str, Meaning] = {
    batches._MOVE: _move_positions,
    positions._CREATE: _create_position,
    positions._LOAD: _load_positions,
    repeats._LAST: _last_stamps,
    repeats._STAMP: _stamps,
    repeats._GAP: _gap,
    repeats._SEEN: _seen,
    states._LOAD: _load_states,
    "SELECT borrower_id, version FROM states WHERE borrower_id = ANY(%s)": _versions,
    states._SAVE_ONE: _save_state,
    timers._DUE: _due,
    timers._ANY_DUE: _any_due,
    alarms.RAISE: _alarm,
    commands._CLAIM: _claim,
    commands._ANSWER: _answer,
    commands._LOCK: _nothing,
    commands._KNOWN: _known_keys,
    commands._BUSY: _nobody,
    commands._ANSWERED: _answered,
    "SELECT digest, answer::text FROM commands WHERE key = %s": _earlier,
    letters._FIRST_WAITING: _first_waiting,
    letters._WAITING: _waiting,
    letters._BURY: _bury,
    letters._PARK: _park,
    outbox._TAKE: _take,
    outbox._READ: _read_outbox,
    outbox._BEHIND: _behind,
    outbox._AT: _published,
    outbox._PUBLISHED: _mark,
}

KEYED = {"inbox": 3, "outbox": 3}
"""Tables that the kit copies rows into, and how many columns are the key."""


# -- read tables: any statement of these shapes -----------------------------------------------------------------------

_INSERT = re.compile(r"INSERT INTO (\S+) \((.*?)\) VALUES \(.*?\) ON CONFLICT \((.*?)\) DO (.*)", re.DOTALL)
_UPDATE = re.compile(r"UPDATE (\S+) SET (.*?) WHERE (.*)", re.DOTALL)
_STAGE = re.compile(r"CREATE TEMPORARY TABLE IF NOT EXISTS (\S+) .*", re.DOTALL)
_MERGE_INSERT = re.compile(
    r"INSERT INTO (\S+) \((.*?)\) SELECT .*? FROM (stage_\S+) .*? ON CONFLICT \((.*?)\) DO (.*)", re.DOTALL
)
_MERGE_UPDATE = re.compile(r"UPDATE (\S+) t SET (.*?) FROM (stage_\S+) s WHERE (.*)", re.DOTALL)
_COPY = re.compile(r"COPY (\S+) \((.*)\) FROM STDIN( \(FORMAT BINARY\))?")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in text.split(","))


@cache
def _copied(statement: str) -> tuple[str, tuple[str, ...]]:
    found = _COPY.fullmatch(statement)
    assert found, statement
    return found[1].strip('"'), _names(found[2])


@cache
def _meaning(statement: str) -> Meaning:
    known = STATEMENTS.get(statement)
    if known:
        return known
    for shape, make in _SHAPES:
        if found := shape.fullmatch(statement):
            return make(*found.groups())
    raise AssertionError(f"the simulation does not know this statement: {statement}")


def _upsert(table: str, columns: str, keys: str, action: str) -> Meaning:
    names, key_names, name = _names(columns), _names(keys), table.strip('"')
    places = [names.index(key) for key in key_names]

    def run(db: Database, p: Sequence[Any]) -> Answer:
        rows = db.table(name)
        key, row = tuple(p[n] for n in places), dict(zip(names, p, strict=True))
        known = rows.get(key)
        if known is not None and action.startswith("NOTHING"):
            return _done(0)
        db.put(rows, key, {**known, **row} if known else row)
        return _done()

    return run


def _set(table: str, sets: str, where: str) -> Meaning:
    names = tuple(part.split("=")[0].strip().strip('"') for part in sets.split(","))
    count, name = len(names), table.strip('"')

    def run(db: Database, p: Sequence[Any]) -> Answer:
        rows, key = db.table(name), tuple(p[count:])
        if key not in rows:
            return _done(0)
        db.put(rows, key, {**rows[key], **dict(zip(names, p[:count], strict=True))})
        return _done()

    return run


def _stage(stage: str) -> Meaning:
    def run(db: Database, _p: Sequence[Any]) -> Answer:
        rows = db.table(stage.strip('"'))
        for key in list(rows):
            db.drop(rows, key)
        return _done()

    return run


def _merge_insert(table: str, columns: str, stage: str, keys: str, action: str) -> Meaning:
    names, one = _names(columns), _upsert(table, columns, keys, action)

    def run(db: Database, _p: Sequence[Any]) -> Answer:
        rows = list(db.table(stage.strip('"')).values())
        return _done(sum(one(db, [row[n] for n in names]).rowcount for row in rows))

    return run


def _merge_update(table: str, sets: str, stage: str, where: str) -> Meaning:
    changed = tuple(part.split("=")[0].strip().strip('"') for part in sets.split(","))
    keys = tuple(part.split("=")[0].strip().removeprefix("t.").strip('"') for part in where.split(" AND "))
    one = _set(table, ", ".join(f"{name} = %s" for name in changed), where)

    def run(db: Database, _p: Sequence[Any]) -> Answer:
        rows = list(db.table(stage.strip('"')).values())
        return _done(sum(one(db, [row[n] for n in (*changed, *keys)]).rowcount for row in rows))

    return run


_SHAPES: Sequence[tuple[re.Pattern[str], Callable[..., Meaning]]] = (
    (_MERGE_INSERT, _merge_insert),
    (_INSERT, _upsert),
    (_MERGE_UPDATE, _merge_update),
    (_UPDATE, _set),
    (_STAGE, _stage),
)


def due_first(states_table: Mapping[Key, Any], number: int) -> datetime | None:
    """The earliest `next_at` of the states of a partition number."""
    return min((row[2] for row in states_table.values() if row[0] == number and row[2] is not None), default=None)
