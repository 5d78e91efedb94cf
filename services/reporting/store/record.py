"""What one fact writes: a row in the log with its data, and rows for what it says of loans, stops and contacts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from schemas.envelope import Event, Fact
from schemas.topics import BY_NAME
from services.kit.service import Origin, Put, Write
from services.reporting.domain import positions as loans
from services.reporting.domain import stops
from services.reporting.domain.reading import impersonal, read
from services.reporting.store.tables import bodies, contacts_made, facts, loan_positions, marks
from services.rulebook.word import said_at


def record(event: Event[Fact], origin: Origin) -> Sequence[Write]:
    """The rows of one fact. A function of the fact and its place in the log, so writing it again changes nothing."""
    place = {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
    return (
        Put(facts, {**place, **_log(event, origin)}),
        Put(bodies, {**place, "data": impersonal(event.data)}),
        *(Put(table, {**place, **row}) for table, row in _beside(event.data, event.time, origin)),
    )


def _log(event: Event[Fact], origin: Origin) -> dict[str, Any]:
    known = read(event.data)
    return {
        "event_id": event.id,
        "type": event.type,
        "source": event.source,
        "sequence": event.sequence if event.source == counted_in(origin) else None,
        "subject_id": known.subject_id,
        "label": known.label,
        "detail": known.detail,
        "amount": known.amount,
        "currency": known.currency,
        "at": known.at,
        "borrower_id": known.borrower_id,
        "case_id": known.case_id,
        "loan_id": known.loan_id,
        "placement_id": known.placement_id,
        "agency_id": known.agency_id,
        "ids": list(known.ids),
        "rules": list(known.rules) or None,
        "valid_time": event.time,
        "recorded_time": origin.recorded,
        "recorded_wall": origin.wall,
        "causation_id": event.causationid,
        "correlation_id": event.correlationid,
    }


def counted_in(origin: Origin) -> str | None:
    """The one source whose numbers count at this place: its topic's owner, for its partition. Nobody else's do."""
    topic = BY_NAME[origin.topic]
    return None if topic.intake else f"/arrears/{topic.stream}/{origin.partition}"


def _beside(fact: Fact, valid: datetime, origin: Origin) -> Iterator[tuple[Any, dict[str, Any]]]:
    recorded, said = {"recorded_time": origin.recorded}, said_at(valid, origin.recorded)
    for position in loans.positions(fact, said):
        yield loan_positions, {**_values(position), "arrears": position.arrears, "valid_time": said, **recorded}
    for mark in stops.marks(fact, valid, origin.recorded):
        yield marks, {**_values(mark), **recorded}
    if contact := stops.made(fact, origin.recorded):
        yield contacts_made, {**_values(contact), "loan_ids": list(contact.loan_ids), **recorded}


def _values(part: loans.Position | stops.Mark | stops.Made) -> dict[str, Any]:
    """The fields of a flat value; `asdict` would copy each of them deep."""
    return {name: getattr(part, name) for name in part.__slots__}
