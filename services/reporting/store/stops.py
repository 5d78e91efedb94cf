"""The query for wrongful contacts: contacts made while a stop stood that had been recorded long enough before."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from services.reporting.store.view import View, rows

_WRONGFUL = """
SELECT DISTINCT ON (contact_id) contact_id, contacts_made.borrower_id, made_at, stop.kind,
    stop.recorded_time AS stopped_at
FROM contacts_made JOIN marks AS stop ON stop.role = 'stop' AND stop.borrower_id = contacts_made.borrower_id
    AND (stop.loan_id IS NULL OR stop.loan_id = ANY(contacts_made.loan_ids))
WHERE greatest(stop.recorded_time, stop.starts) < made_at - CAST(:grace AS interval)
    AND (stop.ends IS NULL OR stop.ends > made_at)
    AND contacts_made.recorded_time <= :known AND stop.recorded_time <= :known
    AND NOT EXISTS (
        SELECT 1 FROM marks AS release
        WHERE release.role = 'release' AND release.borrower_id = stop.borrower_id AND release.kind = stop.kind
            AND release.loan_id IS NOT DISTINCT FROM stop.loan_id
            AND release.recorded_time >= stop.recorded_time AND release.recorded_time <= made_at
            AND (release.topic <> stop.topic OR release."offset" > stop."offset")
    )
ORDER BY contact_id, stop.recorded_time, stop.kind
"""


@dataclass(frozen=True, slots=True)
class Wrongful:
    """A contact that should not have been made, and the earliest stop that stood against it."""

    contact_id: str
    borrower_id: str
    made_at: datetime
    kind: str
    stopped_at: datetime


def wrongful(db: Connection, view: View) -> list[Wrongful]:
    """All wrongful contacts known. A function of facts: the order in which topics were read does not matter."""
    return [Wrongful(r.contact_id, r.borrower_id, r.made_at, r.kind, r.stopped_at) for r in rows(db, view, _WRONGFUL)]
