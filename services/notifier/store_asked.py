"""What the API and the borrower's page ask of the read tables."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from services.notifier.store import agencies, contacts, decisions

Row = Mapping[str, Any]


def contact(db: Connection, contact_id: str) -> Row | None:
    """One contact, or None."""
    row = db.execute(select(contacts).where(contacts.c.contact_id == contact_id)).mappings().one_or_none()
    return dict(row) if row else None


def contacts_of(db: Connection, borrower_id: str, limit: int) -> list[Row]:
    """A borrower's contacts, the latest first."""
    found = select(contacts).where(contacts.c.borrower_id == borrower_id)
    return [dict(row) for row in db.execute(found.order_by(contacts.c.not_before.desc()).limit(limit)).mappings()]


def decisions_about(db: Connection, contact_id: str) -> list[Row]:
    """All decisions of the gate about one contact, the first one first."""
    found = select(decisions).where(decisions.c.contact_id == contact_id).order_by(decisions.c.decided_at)
    return [dict(row) for row in db.execute(found).mappings()]


def agency_name(db: Connection, agency_id: str) -> str | None:
    """What an agency is called."""
    return db.scalar(select(agencies.c.name).where(agencies.c.agency_id == agency_id))
