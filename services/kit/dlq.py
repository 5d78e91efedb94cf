"""Dead letters for people: list, show, ask for a redrive. SQL only, so that a command line needs no running service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select, update

from services.kit.tables import dead_letters as table
from services.kit.tables import parked


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. `waiting` counts the records parked behind it."""

    number: int
    kind: str
    reason: str
    error: str
    topic: str
    partition: int
    offset: int
    key: str | None
    borrower_id: str | None
    attempts: int
    first_failed_at: datetime
    redrive_requested_at: datetime | None
    redriven_at: datetime | None
    waiting: int


_WAITING = select(func.count()).select_from(parked).where(parked.c.borrower_id == table.c.borrower_id).scalar_subquery()
_COLUMNS = (*(c for c in table.columns if c.name not in ("value", "headers", "timestamp", "parks")), _WAITING)


def list_letters(
    engine: Engine, *, open_only: bool = True, kind: str | None = None, limit: int = 100
) -> list[DeadLetter]:
    """Dead letters, latest first; only those not yet redriven unless asked."""
    query = select(*_COLUMNS).where(*_chosen(open_only, kind, None)).order_by(table.c.number.desc()).limit(limit)
    with engine.begin() as db:
        return [_letter(row) for row in db.execute(query)]


def show_letter(engine: Engine, number: int) -> tuple[DeadLetter, bytes | None, list[list[str]]] | None:
    """One dead letter with its value and headers; None where there is no such number."""
    query = select(*_COLUMNS, table.c.value, table.c.headers).where(table.c.number == number)
    with engine.begin() as db:
        row = db.execute(query).one_or_none()
    return (_letter(row[:-2]), row[-2], row[-1]) if row else None


def request_redrive(
    engine: Engine, numbers: Sequence[int] | None = None, *, kind: str | None = None, limit: int | None = None
) -> int:
    """Ask the owners of the partitions to run these again (all open ones if none are named); answer how many.

    Asking twice does no harm: each is applied once.
    """
    chosen = select(table.c.number).where(*_chosen(True, kind, numbers)).order_by(table.c.number).limit(limit)
    change = update(table).where(table.c.number.in_(chosen)).values(redrive_requested_at=func.now())
    with engine.begin() as db:
        return db.execute(change).rowcount


def _chosen(open_only: bool, kind: str | None, numbers: Sequence[int] | None) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if open_only:
        chosen.append(table.c.redriven_at.is_(None))
    if kind is not None:
        chosen.append(table.c.kind == kind)
    if numbers is not None:
        chosen.append(table.c.number.in_(numbers))
    return chosen


def _letter(row: Sequence[Any]) -> DeadLetter:
    number, kind, reason, error, topic, partition, position, key, *rest = row
    shown = None if key is None else bytes(key).decode("utf-8", "replace")
    return DeadLetter(number, kind, reason, error, topic, partition, position, shown, *rest)
