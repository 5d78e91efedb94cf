"""A service is a value: what it reads, the model of its state, and a few pure functions. The kit does the rest.

`handlers.py` and `app.py` of a service import from here; `domain.py` imports nothing of the kit. None of the functions
named here may read a clock, a database, a random number or a log: all they need comes in as arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import Connection, MetaData, Table

from schemas.envelope import Event, Fact
from schemas.topics import Topic

S = TypeVar("S")
R = TypeVar("R")


class Context(NamedTuple, Generic[R]):
    """What a decision may know besides state and fact.

    now: the clock port's instant, one per transaction. cause: id of the event, timer or command that made us decide;
    ids that a decision needs derive from it or from the state's own counters. happened: the cause's own time.
    recorded: when the broker took it (its wall time mapped through the clock port). known_as_of: up to when the
    stopping facts of this partition have been read. reference: the service's own reference data (rule book,
    strategy, panel of agencies), already updated by what was said earlier in this batch.
    """

    now: datetime
    cause: str
    happened: datetime
    recorded: datetime
    known_as_of: datetime
    partition: int
    reference: R


Reaction: TypeAlias = tuple[S, Sequence[Fact]]
"""The state that shall be, and what to say, in that order."""

Handler: TypeAlias = Callable[[S, Any, Context[R]], Reaction[S]]
"""Maps state and fact to a reaction. Named `on_<event>`; holds no business branch."""


class Refused(Exception):
    """A command asks for what the domain does not allow. Nothing changes; the caller is told why (HTTP 409)."""


class Unfit(Refused):
    """A command names a value that no state would allow. Nothing changes; the caller is told why (HTTP 422)."""


@dataclass(frozen=True, slots=True)
class Put:
    """Insert this row, or replace the columns given where the primary key exists."""

    table: Table
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Set these columns where the primary key matches; nothing happens where no such row is."""

    table: Table
    key: Mapping[str, Any]
    values: Mapping[str, Any]


Write: TypeAlias = Put | Change


class Origin(NamedTuple):
    """Where a record stood: its coordinates, and when the broker took it (clock port time, and true wall time)."""

    topic: str
    partition: int
    offset: int
    recorded: datetime
    wall: datetime


def _no_rows(_event: Event[Fact]) -> Sequence[Write]:
    return ()


def _no_record(_event: Event[Fact], _origin: Origin) -> Sequence[Write]:
    return ()


def _unchanged(reference: R, _fact: Fact) -> R:
    return reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[S, R]):
    """One service, whole.

    handlers: fact class → handler, for facts keyed by borrower. A kind that is not named is read and passed over.
    fresh: the state of a borrower never heard of. tick: what to do when `next_at` is due; must move `next_at` on.
    project: rows for each event that was SAID. record: rows for each event that was READ (reference tables, reporting).
    reference: loaded per transaction on the service's own tables, for each of its partition numbers; those that are
    given the same object share what it learns. learn: how a fact just said changes it.
    opens: fields marked personal that this purpose needs (for example {"name", "phones"}); the others never enter.
    """

    name: str
    reads: tuple[Topic, ...]
    state: type[S]
    fresh: Callable[[str], S]
    handlers: Mapping[type[Fact], Handler[S, R]]
    tick: Callable[[S, Context[R]], Reaction[S]]
    next_at: Callable[[S], datetime | None]
    reference: Callable[[Connection, Sequence[int], datetime], Mapping[int, R]]
    metadata: MetaData
    learn: Callable[[R, Fact], R] = _unchanged
    project: Callable[[Event[Fact]], Sequence[Write]] = _no_rows
    record: Callable[[Event[Fact], Origin], Sequence[Write]] = _no_record
    opens: frozenset[str] = field(default_factory=frozenset)
