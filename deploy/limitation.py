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
from services.rulebook.limitation import Interruption, Limitation, limitation
from services.rulebook.local import zone_of

_DUE = "SELECT state->'loans' AS loans FROM assignment.states WHERE borrower_id = %s"
_ZONE = "SELECT time_zone FROM notifier.borrowers WHERE borrower_id = %s"
_PROVED = """
    SELECT contact_id, loan_ids, channel, delivered_at, proof FROM notifier.contacts
    WHERE borrower_id = %s AND proof IS NOT NULL AND step <> 'early_warning' ORDER BY delivered_at
"""
_ACKNOWLEDGED = """
    SELECT answer_id, answered_at, details->'loan_ids' AS loan_ids FROM notifier.answers
    WHERE borrower_id = %s AND answer IN ('will_pay', 'promise', 'plan_request') ORDER BY answered_at
"""

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
        day = _local(row["delivered_at"], zone)
        yield (
            row["loan_ids"],
            Interruption("demand", day, f"{row['proof']['proof_id']} of {row['contact_id']}", row["channel"]),
        )


def _words(rows: list[Row], zone: ZoneInfo) -> Iterator[tuple[list[str], Interruption]]:
    for row in rows:
        yield row["loan_ids"] or [], Interruption("acknowledgement", _local(row["answered_at"], zone), row["answer_id"])


def _local(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def told(clock: Clock) -> list[str]:
    """The clock in sentences, link by link."""
    known = clock.known
    end = f"barred from {known.barred_from} on" if known.barred_from else "not barred while the procedure goes on"
    lines = [f"{clock.loan_id}: fell due on {clock.fell_due}; counted from {known.starts_on}; {end}."]
    for link in known.chain:
        event = link.interruption
        through = f" by {event.through}" if event.through else ""
        lines.append(f"  {event.on}  {event.kind}{through} ({event.evidence}): {link.verdict}")
    return lines
