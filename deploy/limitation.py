"""The limitation clock of a borrower's loans, read from what is proved in the ledgers of the running system."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from deploy.local.errors import StackError
from deploy.trace import NothingFound
from services.rulebook.limitation import Interruption, Limitation, Receiver, limitation
from services.rulebook.local import zone_of

_DUE = "SELECT state->'loans' AS loans FROM assignment.states WHERE borrower_id = %s"
_ZONE = "SELECT time_zone FROM notifier.borrowers WHERE borrower_id = %s"
_ELSEWHERE = """
    EXISTS (
        SELECT 1 FROM notifier.answers a LEFT JOIN notifier.contacts w ON w.contact_id = a.notice_id
        WHERE a.borrower_id = c.borrower_id AND a.answer = 'wrong_person'
        AND (a.notice_id = c.contact_id OR w.contact_point_id = c.contact_point_id)
    ) AS elsewhere
"""
"""Whether somebody said of the contact point, whenever it was, that it is not the borrower's."""
_PROVED = f"""
    SELECT contact_id, loan_ids, channel, delivered_at, proof, {_ELSEWHERE} FROM notifier.contacts c
    WHERE borrower_id = %s AND proof IS NOT NULL AND step <> 'early_warning' ORDER BY delivered_at
"""
_ACKNOWLEDGED = f"""
    SELECT answer_id, answered_at, details->'loan_ids' AS loan_ids, {_ELSEWHERE}
    FROM notifier.answers g LEFT JOIN notifier.contacts c ON c.contact_id = g.notice_id
    WHERE g.borrower_id = %s AND answer IN ('will_pay', 'promise', 'plan_request') ORDER BY answered_at
"""

EARLY = " (in doubt a day early rather than late)"
"""The day of the event is counted, where a court may begin with the next: who sues by then is in time either way."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of one loan."""

    loan_id: str
    fell_due: date
    known: Limitation


def clocks(database_url: str, borrower_id: str, years: int) -> tuple[Clock, ...]:
    """The clock of every loan of a borrower that was ever past due. Raises NothingFound."""
    try:
        with psycopg.connect(database_url, row_factory=dict_row) as db:
            found = db.execute(_DUE, [borrower_id]).fetchone()
            zone = zone_of((db.execute(_ZONE, [borrower_id]).fetchone() or {}).get("time_zone", "")) or ZoneInfo("UTC")
            proved = db.execute(_PROVED, [borrower_id]).fetchall()
            acknowledged = db.execute(_ACKNOWLEDGED, [borrower_id]).fetchall()
    except psycopg.OperationalError as error:
        raise StackError(f"The database does not answer: {error}. Is the system up (`arrears status`)?") from None
    if found is None:
        raise NothingFound(f"Nothing is known of a borrower {borrower_id!r}.")
    events = (*_demands(proved, zone), *_words(acknowledged, zone))
    return tuple(
        Clock(loan["loan_id"], due, limitation(due, [e for ids, e in events if loan["loan_id"] in ids], years))
        for loan in found["loans"] or ()
        if (due := _day(loan.get("oldest_due"))) is not None
    )


def _demands(rows: list[Row], zone: ZoneInfo) -> Iterator[tuple[list[str], Interruption]]:
    for row in rows:
        day, evidence = _local(row["delivered_at"], zone), f"{row['proof']['proof_id']} of {row['contact_id']}"
        yield row["loan_ids"], Interruption("demand", day, evidence, row["channel"], _receiver(row))


def _words(rows: list[Row], zone: ZoneInfo) -> Iterator[tuple[list[str], Interruption]]:
    for row in rows:
        day = _local(row["answered_at"], zone)
        said = Interruption("acknowledgement", day, row["answer_id"], received_by=_receiver(row))
        yield row["loan_ids"] or [], said


def _receiver(row: Row) -> Receiver:
    """The debtor, unless somebody else was found behind the contact point: what went there proves nothing."""
    return "other" if row["elsewhere"] else "debtor"


def _local(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def told(clock: Clock) -> list[str]:
    """The clock in sentences, link by link."""
    known = clock.known
    end = (
        f"barred from {known.barred_from} on{EARLY}" if known.barred_from else "not barred while the procedure goes on"
    )
    lines = [f"{clock.loan_id}: fell due on {clock.fell_due}; counted from {known.starts_on}; {end}."]
    for link in known.chain:
        event = link.interruption
        through = f" by {event.through}" if event.through else ""
        lines.append(f"  {event.on}  {event.kind}{through} ({event.evidence}): {link.verdict}")
    return lines
