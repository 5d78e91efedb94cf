"""The timeline of any id: every fact that names it, in the order in which the broker recorded them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from services.reporting.store.listings import Unasked
from services.reporting.store.view import View, rows

PAGE = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact of a timeline. `cause` is the id of the event that made it be said; `data` has no personal fields."""

    event_id: str
    type: str
    topic: str
    partition: int
    offset: int
    source: str
    sequence: int | None
    subject_id: str | None
    label: str | None
    detail: str | None
    amount: Decimal | None
    currency: str | None
    borrower_id: str | None
    case_id: str | None
    loan_id: str | None
    agency_id: str | None
    valid_time: datetime
    recorded_time: datetime
    cause: str | None
    correlation_id: str | None
    rules: list[str] | None
    data: dict[str, Any]

    @property
    def cursor(self) -> str:
        """Where the next page begins."""
        return f"{self.recorded_time.isoformat()}|{self.topic}|{self.partition}|{self.offset}"


_SELECT = """
SELECT event_id, type, topic, partition, "offset", source, sequence, subject_id, label, detail, amount, currency,
    borrower_id, case_id, loan_id, agency_id, valid_time, recorded_time, causation_id AS cause, correlation_id,
    rules, data
FROM facts JOIN bodies USING (topic, partition, "offset")
WHERE {where} AND recorded_time <= :known {after}
ORDER BY recorded_time, topic, partition, "offset" LIMIT :most
"""
_AFTER = 'AND (recorded_time, topic, partition, "offset") > (CAST(:time AS timestamptz), :topic, :partition, :offset)'
_BY_ID = "ids @> ARRAY[CAST(:id AS text)]"
_BY_AGENCY = "agency_id = :id"
_BY_EVENT = """(event_id = :id OR causation_id = :id OR correlation_id = :id
    OR correlation_id = (SELECT correlation_id FROM facts WHERE event_id = :id LIMIT 1)
    OR event_id = (SELECT correlation_id FROM facts WHERE event_id = :id LIMIT 1))"""


def timeline(db: Connection, view: View, id_: str, cursor: str = "", most: int = PAGE) -> list[Entry]:
    """Facts that name `id_` (a loan, borrower, case, placement, visit, notice, promise …), oldest first.

    An agency's id gives the facts about that agency; an event's id gives the chain of facts it belongs to.
    """
    for where in (_BY_ID, _BY_AGENCY, _BY_EVENT):
        found = _page(db, view, where, id_=id_, cursor=cursor, most=most)
        if found:
            return found
    return []


def _place(cursor: str) -> tuple[str, str, str, str]:
    try:
        time, topic, partition, offset = cursor.split("|")
    except ValueError:
        raise Unasked("this cursor is not one of ours") from None
    return time, topic, partition, offset


def _page(db: Connection, view: View, where: str, *, id_: str, cursor: str, most: int) -> list[Entry]:
    after: dict[str, Any] = {}
    if cursor:
        time, topic, partition, offset = _place(cursor)
        after = {"time": time, "topic": topic, "partition": int(partition), "offset": int(offset)}
    sql = _SELECT.format(where=where, after=_AFTER if cursor else "")
    return [Entry(**r._mapping) for r in rows(db, view, sql, id=id_, most=most, **after)]
