"""What the sender asks of the read tables, and the carriers' receipts that wait for their notice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, String, Table, and_, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import array as sql_array
from sqlalchemy.dialects.postgresql import insert

from services.notifier.store import INSTANT, borrowers, contacts, metadata

REASON_MAX = 500
NOT_YET = "not yet"
"""The reason of a receipt that only has to wait for the outcome of its own submission."""

receipts = Table(
    "receipts",
    metadata,
    Column("reference", String, primary_key=True, comment="the carrier's, as in contacts.carrier_reference"),
    Column("fate", String, nullable=False, comment="delivered or failed"),
    Column("detail", String, nullable=False),
    Column("digest", String, nullable=False, comment="SHA-256 of the receipt as it came"),
    Column("received_at", INSTANT, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0", comment="how often it could not be applied"),
    Column("reason", String, nullable=False, server_default="", comment="why not, the last time"),
    Column("again_at", INSTANT, comment="true time before which it is not tried again"),
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A contact that may go out: what the text needs, and the sealed values of person and place."""

    contact_id: str
    borrower_id: str
    partition: int
    channel: str
    step: str
    template: str
    language: str
    amounts: Mapping[str, Any]
    region: str
    time_zone: str
    name: Mapping[str, str] | None
    point: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Stranded:
    """A contact found in the hands of nobody."""

    contact_id: str
    borrower_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A receipt whose notice is known. `tries`: how often it could not be applied."""

    reference: str
    contact_id: str
    borrower_id: str
    fate: str
    detail: str
    digest: str
    received_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class Aside:
    """A receipt that could not be applied, why, and when (in true time) it is tried again."""

    reference: str
    contact_id: str
    borrower_id: str
    fate: str
    received_at: datetime
    tries: int
    reason: str
    again_at: datetime


_due = and_(contacts.c.state == "pending", contacts.c.step.is_not(None))


def due(
    db: Connection, partitions: Sequence[int], rooms: Mapping[str, int], now: datetime, *, but: Sequence[str]
) -> list[Outgoing]:
    """Notices on these partitions that may go out, of each channel as many as it has room for, longest waiting first.

    One question for all channels: it is asked ten times a second, whether there is anything or not.
    """
    named = func.unnest(sql_array(list(rooms)), sql_array(list(rooms.values())))
    lanes = named.table_valued("channel", "room").render_derived()
    found = (
        select(contacts.c.contact_id)
        .where(_due, contacts.c.partition.in_(partitions), contacts.c.channel == lanes.c.channel)
        .where(contacts.c.not_before <= now, contacts.c.expires_at > now, contacts.c.contact_id.not_in(but))
        .order_by(contacts.c.not_before)
        .limit(lanes.c.room)
        .correlate(lanes)
        .lateral()
    )
    rows = db.execute(
        select(contacts, borrowers.c.name, borrowers.c.points, borrowers.c.time_zone, borrowers.c.region)
        .select_from(lanes)
        .join(found, true())
        .join(contacts, contacts.c.contact_id == found.c.contact_id)
        .join(borrowers, borrowers.c.borrower_id == contacts.c.borrower_id)
        .order_by(contacts.c.not_before)
    )
    return [_outgoing(row) for row in rows]


def _outgoing(row: Any) -> Outgoing:
    point = row.points.get(row.contact_point_id)
    return Outgoing(
        contact_id=row.contact_id,
        borrower_id=row.borrower_id,
        partition=row.partition,
        channel=row.channel,
        step=row.step,
        template=row.template or row.step,
        language=row.language or "",
        amounts=row.amounts or {},
        region=row.region,
        time_zone=row.time_zone,
        name=row.name,
        point=point["value"] if point else None,
    )


def held(db: Connection, partitions: Sequence[int], now: datetime) -> int:
    """How many notices on these partitions could go out if what stops them were known."""
    where = and_(_due, contacts.c.partition.in_(partitions), contacts.c.not_before <= now, contacts.c.expires_at > now)
    return db.scalar(select(func.count()).select_from(contacts).where(where)) or 0


def stranded(db: Connection, partitions: Sequence[int], before: datetime, but: Sequence[str]) -> list[Stranded]:
    """Notices on these partitions that were claimed before an instant and have no outcome."""
    rows = db.execute(
        select(contacts.c.contact_id, contacts.c.borrower_id)
        .where(contacts.c.state == "submitting", contacts.c.partition.in_(partitions))
        .where(contacts.c.claimed_at < before, contacts.c.contact_id.not_in(but))
        .limit(500)
    )
    return [Stranded(row.contact_id, row.borrower_id) for row in rows]


def keep(db: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Store receipts; the first word about a reference counts."""
    db.execute(insert(receipts).on_conflict_do_nothing(), list(rows))


def waiting(db: Connection, partitions: Sequence[int], limit: int = 500) -> list[Waiting]:
    """Receipts for notices on these partitions, oldest first. One whose notice is not known yet goes on waiting.

    One that could not be applied lets the others pass until its time has come.
    """
    rows = db.execute(
        select(receipts, contacts.c.contact_id, contacts.c.borrower_id)
        .join(contacts, contacts.c.carrier_reference == receipts.c.reference)
        .where(contacts.c.partition.in_(partitions))
        .where(or_(receipts.c.again_at.is_(None), receipts.c.again_at <= func.now()))
        .order_by(receipts.c.received_at)
        .limit(limit)
    )
    return [
        Waiting(r.reference, r.contact_id, r.borrower_id, r.fate, r.detail, r.digest, r.received_at, r.tries)
        for r in rows
    ]


def set_aside(db: Connection, why: Mapping[str, str], seconds: Mapping[str, float]) -> None:
    """Let these receipts wait for so many true seconds: reference → reason, reference → seconds."""
    for reference, reason in sorted(why.items()):
        again_at = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds[reference])
        change = update(receipts).where(receipts.c.reference == reference)
        db.execute(change.values(tries=receipts.c.tries + 1, reason=reason[:REASON_MAX], again_at=again_at))


_set_aside = and_(receipts.c.tries > 0, receipts.c.reason != NOT_YET)


def aside(db: Connection, limit: int = 500) -> list[Aside]:
    """Receipts that could not be applied, oldest first."""
    rows = db.execute(
        select(receipts, contacts.c.contact_id, contacts.c.borrower_id)
        .join(contacts, contacts.c.carrier_reference == receipts.c.reference)
        .where(_set_aside)
        .order_by(receipts.c.received_at)
        .limit(limit)
    )
    return [
        Aside(r.reference, r.contact_id, r.borrower_id, r.fate, r.received_at, r.tries, r.reason, r.again_at)
        for r in rows
    ]


def count_aside(db: Connection) -> int:
    """How many receipts could not be applied."""
    return db.scalar(select(func.count()).select_from(receipts).where(_set_aside)) or 0


def drop(db: Connection, references: Sequence[str]) -> None:
    """Forget receipts that have been applied."""
    db.execute(delete(receipts).where(receipts.c.reference.in_(references)))


def drop_older(db: Connection, before: datetime) -> int:
    """Forget receipts for which no notice came; answer how many."""
    return db.execute(delete(receipts).where(receipts.c.received_at < before)).rowcount
