"""What people and pages ask of the read tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, select, tuple_

from services.visits.store import agencies, evidence, late_results, permits, visit_events, visit_team, visits

Row: TypeAlias = Mapping[str, Any]
_STEPS = ("permit_requested", "planned", "appointed", "dispatched", "halted", "arrived", "completed", "no_contact")
_ENDS = ("refused", "cancelled", "aborted", "evidence_sealed")
COURSE = tuple(f"visit.{name}.v1" for name in (*_STEPS, *_ENDS))
"""The course of a visit; orders what was said at one instant."""

PAGE = 100
"""Rows of a list before the next page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which visits are asked for; what is empty does not matter. `after`: the last visit of the page before."""

    agency_id: str = ""
    state: str = ""
    day: date | None = None
    borrower_id: str = ""
    after: str = ""


def visit(db: Connection, visit_id: str) -> Row | None:
    """One visit with its agency's name."""
    return _one(db, _with_agency().where(visits.c.visit_id == visit_id))


def by_code(db: Connection, code: str) -> Row | None:
    """The visit that bears this credential."""
    return _one(db, _with_agency().where(visits.c.credential == code))


def listed(db: Connection, wanted: Wanted) -> Sequence[Row]:
    """Visits, the latest window first, a page at a time."""
    query = _with_agency().order_by(visits.c.window_start.desc(), visits.c.visit_id.desc()).limit(PAGE)
    columns = {
        "agency_id": wanted.agency_id,
        "state": wanted.state,
        "day": wanted.day,
        "borrower_id": wanted.borrower_id,
    }
    for column, value in columns.items():
        query = query.where(visits.c[column] == value) if value else query
    if wanted.after:
        last = select(visits.c.window_start, visits.c.visit_id).where(visits.c.visit_id == wanted.after)
        query = query.where(tuple_(visits.c.window_start, visits.c.visit_id) < last.scalar_subquery())
    return _all(db, query)


def todays(db: Connection, staff_id: str, now: datetime) -> Sequence[Row]:
    """The visits of one visitor that have today's date where the borrower lives, by window."""
    days = [now.date() + timedelta(days=n) for n in (-1, 0, 1)]  # the date line is at most a day away
    query = (
        _with_agency()
        .join(visit_team, visit_team.c.visit_id == visits.c.visit_id)
        .where(visit_team.c.staff_id == staff_id, visit_team.c.day.in_(days))
        .order_by(visits.c.window_start, visits.c.visit_id)
    )
    return [row for row in _all(db, query) if row["day"] == local(now, row).date()]


def local(instant: datetime, row: Row) -> datetime:
    """An instant as the clock shows it where this visit takes place; without zone, to be shown only."""
    return (
        instant.replace(tzinfo=None)
        - (instant.utcoffset() or timedelta(0))
        + timedelta(minutes=row["utc_offset_minutes"])
    )


def history(db: Connection, visit_id: str) -> Sequence[Row]:
    """All that was said of a visit, in order."""
    rows = _all(db, select(visit_events).where(visit_events.c.visit_id == visit_id))
    return sorted(rows, key=lambda row: (row["said_at"], COURSE.index(row["type"])))


def permits_of(db: Connection, visit_id: str) -> Sequence[Row]:
    """What the contact gate decided about a visit."""
    return _all(db, select(permits).where(permits.c.visit_id == visit_id).order_by(permits.c.decided_at))


def evidence_of(db: Connection, visit_id: str) -> Row | None:
    """The seal over a visit's evidence."""
    return _one(db, select(evidence).where(evidence.c.visit_id == visit_id))


def late(db: Connection, limit: int = PAGE) -> Sequence[Row]:
    """Reports that were not applied, the latest first."""
    return _all(db, select(late_results).order_by(late_results.c.rejected_at.desc()).limit(limit))


def staff_of(db: Connection, agency_id: str) -> Mapping[str, str]:
    """Badge by visitor."""
    staff = db.scalar(select(agencies.c.staff).where(agencies.c.agency_id == agency_id))
    return {member["staff_id"]: member["badge"] for member in staff or ()}


def is_staff(db: Connection, staff_id: str) -> bool:
    """Whether an agency has named this visitor, or a visit was ever planned for them."""
    named = (member["staff_id"] for staff in db.scalars(select(agencies.c.staff)) for member in staff or ())
    if staff_id in named:
        return True
    return db.scalar(select(visit_team.c.visit_id).where(visit_team.c.staff_id == staff_id).limit(1)) is not None


def _with_agency() -> Select[Any]:
    return select(visits, agencies.c.name.label("agency_name"), agencies.c.contact.label("agency_contact")).outerjoin(
        agencies, agencies.c.agency_id == visits.c.agency_id
    )


def _one(db: Connection, query: Select[Any]) -> Row | None:
    row = db.execute(query).mappings().first()
    return dict(row) if row else None


def _all(db: Connection, query: Select[Any]) -> Sequence[Row]:
    return [dict(row) for row in db.execute(query).mappings()]
