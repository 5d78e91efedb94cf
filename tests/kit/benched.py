"""What tests of the kit ask of a bench, and the records that they put on it."""

from sqlalchemy import text

from schemas.contacts import ContactStopRequested
from schemas.envelope import Event
from schemas.topics import LOANS
from services.kit import dlq
from services.kit.bench import Bench
from services.kit.partitions import partition_for
from services.kit.records import Record
from tests.kit.counter import (
    MONDAY,
    Count,
    case_opened,
)


def rows(bench: Bench[Count, None], sql: str):
    with bench.engine.connect() as db:
        return [tuple(row) for row in db.execute(text(sql))]


def open_letters(bench: Bench[Count, None]):
    return dlq.list_letters(bench.engine)


def said_ids(bench: Bench[Count, None]) -> list[str]:
    return [fact.request_id for fact in bench.said_of(ContactStopRequested)]


def place(borrower_id: str) -> int:
    return partition_for(borrower_id.encode(), LOANS.partitions)


def record(fact, id: str = "E-1") -> Record:
    event = Event.saying(fact, id=id, source="/bank", time=MONDAY)
    return Record(0, 0, fact.key.encode(), event.to_json())


def said_by(source, sequence):
    event = Event.saying(case_opened("B-1"), id=f"C-{sequence}", source=source, time=MONDAY, sequence=sequence)
    return Record(0, 0, b"B-1", event.to_json())
