"""What has happened since the day began, and what waits to be done."""

from datetime import datetime

from sqlalchemy import Connection

from services.reporting.domain.figures import Tally
from services.reporting.store.view import View, rows

_DONE = """
SELECT type, count(*) AS number FROM facts
WHERE recorded_time > :since AND recorded_time <= :known AND type = ANY(:types) GROUP BY 1
"""
DONE = (
    "case.opened.v1",
    "case.closed.v1",
    "notice.sent.v1",
    "notice.answered.v1",
    "contact.denied.v1",
    "placement.activated.v1",
    "placement.recalled.v1",
    "visit.arrived.v1",
    "promise.made.v1",
    "loan.payment_received.v1",
)


def done(db: Connection, view: View, since: datetime) -> list[Tally]:
    """How often each thing happened since then, in a fixed order."""
    found = {r.type: r.number for r in rows(db, view, _DONE, since=since, types=list(DONE))}
    return [Tally(type_, "", found.get(type_, 0)) for type_ in DONE]
