"""Records that cannot be applied: kept with reason and origin, said on the dead-letter topic, later ones parked behind.

A record that a handler cannot digest, or whose rows the database refuses, parks its borrower: what comes later for that
borrower, on any topic, waits in order. One that cannot be read, or stands on the wrong partition, parks nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.topics import BY_NAME, Topic
from services.kit.outbox import Letter, Pending, dump, parse
from services.kit.records import STRUCTURED, Fault, Headers, Item, Kind, Record
from services.kit.writes import Raw

TIMER = Topic("timer", "kit", ())
"""Stands for the topic of a dead letter that no record caused but a due timer."""

PARKING: frozenset[Kind] = frozenset({"handler", "timer"})
FEW = 100
"""To name more borrowers than this costs more than to read all who wait, as long as those are fewer."""

PASSED_ON = ("content-type", "traceparent", "tracestate", "id")
"""Headers of the original that a dead letter repeats, besides those of binary mode; others may be anything."""

_BURY = (
    "INSERT INTO dead_letters (kind, reason, error, topic, partition, position, timestamp, key, value, headers,"
    " borrower_id, parks) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (topic, partition, position) DO UPDATE SET attempts = dead_letters.attempts + 1,"
    " reason = excluded.reason, error = excluded.error, redriven_at = NULL, redrive_requested_at = NULL"
)
_PARK = (
    "INSERT INTO parked (borrower_id, topic, partition, position, timestamp, key, value, headers)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_FIRST_WAITING = "SELECT DISTINCT borrower_id FROM dead_letters WHERE parks AND redriven_at IS NULL LIMIT %s"
_WAITING = "SELECT DISTINCT borrower_id FROM dead_letters WHERE borrower_id = ANY(%s) AND parks AND redriven_at IS NULL"
_ASKED = (
    "SELECT number, kind, reason, error, topic, partition, position, timestamp, key, value, headers::text, borrower_id,"
    " attempts FROM dead_letters WHERE partition = %s AND redrive_requested_at IS NOT NULL AND redriven_at IS NULL"
    " ORDER BY number LIMIT %s FOR UPDATE SKIP LOCKED"
)
_ASKED_ON = (
    "SELECT DISTINCT partition FROM dead_letters WHERE redrive_requested_at IS NOT NULL AND redriven_at IS NULL"
    " AND partition = ANY(%s)"
)
_BEHIND = (
    "SELECT number, topic, partition, position, timestamp, key, value, headers::text FROM parked"
    " WHERE borrower_id = %s ORDER BY number"
)
_FAILED_AGAIN = (
    "UPDATE dead_letters SET attempts = attempts + 1, reason = %s, error = %s, redrive_requested_at = NULL"
    " WHERE number = %s"
)


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter as it stands in the table."""

    number: int
    fault: Fault
    item: Item
    borrower_id: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that waits behind a dead letter."""

    number: int
    item: Item


def all_waiting(raw: Raw) -> set[str] | None:
    """All borrowers who have a dead letter that parks them; None where they are many, so that one asks by name."""
    found = {borrower for (borrower,) in raw.execute(_FIRST_WAITING, [FEW])}
    return found if len(found) < FEW else None


def waiting(raw: Raw, borrower_ids: Sequence[str]) -> set[str]:
    """Those borrowers who have a dead letter that parks them."""
    if not borrower_ids:
        return set()
    if len(borrower_ids) > FEW and (found := all_waiting(raw)) is not None:
        return found.intersection(borrower_ids)
    return {borrower for (borrower,) in raw.execute(_WAITING, [list(borrower_ids)])}


def bury(raw: Raw, items: Iterable[Item]) -> None:
    """Put these into the dead letters."""
    rows = [_row(item, item.fault) for item in items if item.fault]
    if rows:
        with raw.cursor() as cursor:
            cursor.executemany(_BURY, rows)


def _row(item: Item, fault: Fault) -> tuple[Any, ...]:
    record, parks = item.record, fault.kind in PARKING and item.borrower_id is not None
    value, headers = item.kept
    return (
        *(fault.kind, fault.reason.replace("\0", "�"), fault.error),
        *(item.topic.name, item.partition, record.offset, record.timestamp, record.key, value, dump(headers)),
        *(_borrower(item), parks or fault.kind == "timer"),
    )


def _borrower(item: Item) -> str | None:
    if item.topic is TIMER and item.record.key is not None:
        return item.record.key.decode()
    return item.borrower_id


def park(raw: Raw, items: Iterable[Item]) -> None:
    """Let these wait behind their borrower's dead letter."""
    rows = [_parked_row(item) for item in items]
    if rows:
        with raw.cursor() as cursor:
            cursor.executemany(_PARK, rows)


def _parked_row(item: Item) -> tuple[Any, ...]:
    record, (value, headers) = item.record, item.kept
    origin = (item.topic.name, item.partition, record.offset, record.timestamp)
    return (item.borrower_id, *origin, record.key, value, dump(headers))


def outgoing(service: str, items: Iterable[Item], attempts: int = 1) -> Pending:
    """The dead letters as records for the service's dead-letter topic, on the partition of the original."""
    return [((f"{service}.dead-letters.v1", item.partition), _letter(item, attempts)) for item in items]


def _letter(item: Item, attempts: int) -> Letter:
    origin, fault = item.record, item.fault
    assert fault is not None
    value, headers = item.kept
    about = {
        "x-original-topic": item.topic.name,
        "x-original-partition": str(item.partition),
        "x-original-offset": str(origin.offset),
        "x-original-timestamp": str(origin.timestamp),
        "kafka_dlt-original-topic": item.topic.name,
        "x-exception-class": fault.error,
        "x-reason": fault.reason,
        "x-attempts": str(attempts),
        "x-first-failed-at": datetime.now(UTC).isoformat(),
    }
    added = tuple((name, text.encode("utf-8", "replace")) for name, text in about.items())
    identity = f"{item.topic.name}/{item.partition}/{origin.offset}"
    return Letter(identity, fault.kind, origin.key, value, (*passed_on(headers), *added))


def passed_on(headers: Headers) -> Headers:
    """The headers of the original that may be repeated, each once."""
    kept = {name: value for name, value in headers if name in PASSED_ON or name.startswith("ce_")}
    return tuple(kept.items())


def timer_item(partition: int, borrower_id: str, version: int, due: datetime, fault: Fault) -> Item:
    """The dead letter of a tick that raised; the state's version stands for its offset."""
    record = Record(version, int(due.timestamp() * 1000), borrower_id.encode(), None, ())
    return Item(TIMER, partition, record, None, fault)


def asked_on(raw: Raw, partitions: Sequence[int]) -> list[int]:
    """Those partitions on which somebody asked for a redrive."""
    return [partition for (partition,) in raw.execute(_ASKED_ON, [list(partitions)])]


def asked(raw: Raw, partition: int, limit: int) -> list[Dead]:
    """Dead letters of a partition whose redrive somebody asked for, locked."""
    return [_dead(*row) for row in raw.execute(_ASKED, [partition, limit]).fetchall()]


def _dead(number: int, kind: Kind, reason: str, error: str, *rest: Any) -> Dead:
    *origin, borrower_id, attempts = rest
    fault = Fault(kind, reason, error)
    return Dead(number, fault, _item(*origin, fault=fault), borrower_id, attempts)


def _item(topic: str, partition: int, position: int, timestamp: int, *rest: Any, fault: Fault | None = None) -> Item:
    key, value, headers = rest
    record = Record(position, timestamp, key, value, parse(headers) or STRUCTURED)
    return Item(BY_NAME.get(topic, TIMER), partition, record, None, fault)


def behind(raw: Raw, borrower_id: str) -> list[Parked]:
    """The parked records of a borrower in order."""
    return [Parked(number, _item(*rest)) for number, *rest in raw.execute(_BEHIND, [borrower_id]).fetchall()]


def failed_again(raw: Raw, number: int, fault: Fault) -> None:
    """A redrive that did not help."""
    raw.execute(_FAILED_AGAIN, [fault.reason, fault.error, number])


def redriven(raw: Raw, number: int) -> None:
    """A dead letter that was applied or published again."""
    raw.execute("UPDATE dead_letters SET redriven_at = now() WHERE number = %s", [number])


def unpark(raw: Raw, numbers: Sequence[int]) -> None:
    """These have been applied."""
    raw.execute("DELETE FROM parked WHERE number = ANY(%s)", [list(numbers)])
