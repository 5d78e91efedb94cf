"""What the API and the borrower's page ask of the read tables. Lists go on from a place: an instant and an id."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, not_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on, insert

from services.notifier.store import agencies, borrowers, contacts, decisions, found_out

Row = Mapping[str, Any]
Place = tuple[str, str] | None


def contact(db: Connection, contact_id: str) -> Row | None:
    """One contact, or None."""
    row = db.execute(select(contacts).where(contacts.c.contact_id == contact_id)).mappings().one_or_none()
    return dict(row) if row else None


def contacts_by_id(db: Connection, contact_ids: Sequence[str]) -> dict[str, Row]:
    """The contacts of these ids that there are."""
    found = select(contacts).where(contacts.c.contact_id.in_(contact_ids))
    return {row["contact_id"]: dict(row) for row in db.execute(found).mappings()}


def contacts_of(db: Connection, borrower_id: str, limit: int, before: Place = None) -> list[Row]:
    """A borrower's contacts, the latest first."""
    found = select(contacts).where(contacts.c.borrower_id == borrower_id)
    place = (contacts.c.not_before, contacts.c.contact_id)
    if before is not None:
        found = found.where(tuple_(*place) < _at(before))
    return _rows(db, found.order_by(*(column.desc() for column in place)).limit(limit))


def decisions_about(db: Connection, contact_ids: Sequence[str]) -> list[Row]:
    """All decisions of the gate about contacts, the first one first."""
    found = select(decisions).where(decisions.c.contact_id.in_(contact_ids))
    return _rows(db, found.order_by(decisions.c.decided_at, decisions.c.decision_id))


def proposals_of(db: Connection, borrower_id: str, limit: int, before: Place = None) -> list[Row]:
    """What was ever proposed about a borrower, allowed or not, the latest first decided first."""
    first = (
        select(
            decisions.c.contact_id,
            decisions.c.proposed_by,
            decisions.c.channel,
            decisions.c.purpose,
            decisions.c.decided_at,
        )
        .ext(distinct_on(decisions.c.contact_id))
        .where(decisions.c.borrower_id == borrower_id)
        .order_by(decisions.c.contact_id, decisions.c.decided_at)
        .subquery()
    )
    found, place = select(first), (first.c.decided_at, first.c.contact_id)
    if before is not None:
        found = found.where(tuple_(*place) < _at(before))
    return _rows(db, found.order_by(*(column.desc() for column in place)).limit(limit))


_by_mail_server = and_(contacts.c.channel == "email", contacts.c.carrier_reference.is_not(None))
"""Mails that the mail server took: there are no receipts for mail, so nothing can be found out about them."""

_unclear = and_(
    contacts.c.state == "unknown",
    not_(_by_mail_server),
    contacts.c.contact_id.not_in(select(found_out.c.contact_id)),
)


def mails_without_receipt(db: Connection) -> int:
    """How many mails the mail server took, and nobody will ever know whether they arrived."""
    taken = and_(contacts.c.state == "unknown", _by_mail_server)
    return db.scalar(select(func.count()).select_from(contacts).where(taken)) or 0


def find_out(db: Connection, contact_id: str, finding: str, said_by: str, at: datetime) -> bool:
    """Keep what was found out about a notice; the first word counts. False where its end is not unknown."""
    row = contact(db, contact_id)
    if row is None or row["state"] != "unknown":
        return False
    found = {"contact_id": contact_id, "finding": finding, "said_by": said_by, "found_at": at}
    db.execute(insert(found_out).on_conflict_do_nothing(), found)
    return True


def unknown(db: Connection, limit: int, after: Place = None) -> tuple[int, list[Row]]:
    """How many notices have an end that nobody knows and somebody could find out, and the oldest of them."""
    unclear = _unclear
    named = ("contact_id", "borrower_id", "case_id", "channel", "step", "claimed_at", "carrier_reference", "reason")
    since, place = contacts.c.settled_at.label("since"), (contacts.c.settled_at, contacts.c.contact_id)
    found = select(*(contacts.c[name] for name in named), since).where(unclear)
    if after is not None:
        found = found.where(tuple_(*place) > _at(after))
    count = db.scalar(select(func.count()).select_from(contacts).where(unclear)) or 0
    return count, _rows(db, found.order_by(*place).limit(limit))


def agency_name(db: Connection, agency_id: str) -> str | None:
    """What an agency is called."""
    return db.scalar(select(agencies.c.name).where(agencies.c.agency_id == agency_id))


def is_agency(db: Connection, name: str) -> bool:
    """Whether this is an agency that was registered, however its id is written; the in-house team is none."""
    same = func.lower(agencies.c.agency_id) == name.strip().lower()
    return db.scalar(select(agencies.c.agency_id).where(same, not_(agencies.c.in_house))) is not None


def points_of(db: Connection, borrower_id: str) -> Mapping[str, Row]:
    """A borrower's contact points by id: `channel` (phone, email, address), `source`, `value` (sealed)."""
    return db.scalar(select(borrowers.c.points).where(borrowers.c.borrower_id == borrower_id)) or {}


def is_instant(text: str) -> bool:
    """Whether this is an instant as our cursors hold it."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _at(place: tuple[str, str]) -> Any:
    return tuple_(datetime.fromisoformat(place[0]), place[1])


def _rows(db: Connection, found: Select[Any]) -> list[Row]:
    return [dict(row) for row in db.execute(found).mappings()]
