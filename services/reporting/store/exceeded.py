"""Contacts that exceed a cap by all that was known when they were told: they were made, and counted, all the same."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from services.reporting.store.view import View, rows

_EXCEEDED = """
SELECT DISTINCT ON (settled.at, settled.subject_id) settled.subject_id AS contact_id, settled.borrower_id,
    settled.detail AS channel, settled.rules, settled.at AS told_at, coalesce(bodies.data ->> 'proposed_by', '') AS by
FROM facts AS settled
LEFT JOIN facts AS allowed ON allowed.type = 'contact.allowed.v1' AND allowed.subject_id = settled.subject_id
    AND allowed.borrower_id = settled.borrower_id AND allowed.recorded_time <= :known
LEFT JOIN bodies ON bodies.topic = allowed.topic AND bodies.partition = allowed.partition
    AND bodies."offset" = allowed."offset"
WHERE settled.type = 'contact.settled.v1' AND settled.rules IS NOT NULL AND settled.recorded_time <= :known
ORDER BY settled.at DESC, settled.subject_id, allowed.recorded_time DESC
"""


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A contact too many: who made it (`by`, as they named themselves), the rules that it breaks, when it was told."""

    contact_id: str
    borrower_id: str
    channel: str
    by: str
    rules: list[str]
    told_at: datetime


def exceeded(db: Connection, view: View) -> list[Exceeded]:
    """All contacts that exceeded a cap, the latest told first."""
    return [
        Exceeded(r.contact_id, r.borrower_id, r.channel, r.by, r.rules, r.told_at) for r in rows(db, view, _EXCEEDED)
    ]
