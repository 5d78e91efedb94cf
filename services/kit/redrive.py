"""Dead letters that somebody asked to run again: the record first, then what was parked behind it, in order.

A record on the wrong partition, or under the wrong key, is published again where it belongs instead. One with personal
data is fetched from the broker for that: what we kept of it is sealed for us alone, or withheld, and on a compacted
topic it would take the place of what everybody needs.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, Protocol

import structlog

from schemas.envelope import Event, Fact
from services.kit import letters, outbox
from services.kit.database import transaction
from services.kit.intake import carries_personal
from services.kit.letters import Dead
from services.kit.outbox import Frame, Stream
from services.kit.partitions import partition_for
from services.kit.records import Fault, Item, Record, admitted, checked_item, read_item
from services.kit.service import R, S
from services.kit.work import Changes, Room, Work

log = structlog.get_logger("arrears.kit")
AT_ONCE = 100
NOT_OURS = "what a service says is published by that service alone, and not again by its readers."
GONE = (
    "is gone from the broker, and what was kept of it is not what others may be given:"
    " have the producer send it again, under the right key to the right partition"
)


class Originals(Protocol):
    """Records as they stand on the broker. Both raise what its client raises."""

    def fetch(self, stream: Stream, offset: int) -> Record | None:
        """The record at that place; None where it is gone."""
        ...

    def publish(self, stream: Stream, frame: Frame) -> None:
        """Publish a record; returns once it is acknowledged."""
        ...


class Redrive(Generic[S, R]):
    """Runs dead letters again. Applied once, however often it is asked for."""

    def __init__(self, room: Room[S, R], originals: Originals) -> None:
        self._room, self._originals = room, originals

    def asked_on(self, numbers: list[int]) -> list[int]:
        """Those partition numbers on which a redrive is asked for."""
        with transaction(self._room.engine) as (_, raw):
            return letters.asked_on(raw, numbers)

    def run(self, number: int, limit: int = AT_ONCE) -> int:
        """Run those that are asked for on a partition number; answer how many."""
        room = self._room
        published = self._published(number, limit)
        with room.numbers.of(number):
            room.hot.forget(number)
            with transaction(room.engine) as (db, raw):
                asked = [d for d in letters.asked(raw, number, limit) if d.number in published or not _personal(d)]
                work = room.open(db, raw, [number])
                for dead in asked:
                    self._one(work, dead, published)
            room.committed(work.said)
        return len(asked)

    def _one(self, work: Work[S, R], dead: Dead, published: Mapping[int, Fault | None]) -> None:
        fault = published[dead.number] if dead.number in published else self._attempt(work, dead)
        if fault:
            letters.failed_again(work.raw, dead.number, fault)
            return
        letters.redriven(work.raw, dead.number)
        if dead.borrower_id and not letters.waiting(work.raw, [dead.borrower_id]):
            self._release(work, dead.borrower_id)  # nothing else is dead that must not be overtaken

    # -- the original, published again ---------------------------------------------------------------------------------

    def _published(self, number: int, limit: int) -> dict[int, Fault | None]:
        """Publish again what has to be fetched, before the transaction that notes it: twice does no harm, for readers
        know a repeat. By number of the dead letter, why it could not be."""
        with transaction(self._room.engine) as (_, raw):
            asked = [dead for dead in letters.asked(raw, number, limit) if _personal(dead)]
        return {dead.number: self._original(dead) for dead in asked}

    def _original(self, dead: Dead) -> Fault | None:
        topic, place = dead.item.topic, f"{dead.item.topic.name}/{dead.item.partition}/{dead.item.record.offset}"
        try:
            found = self._originals.fetch((topic.name, dead.item.partition), dead.item.record.offset)
            if found is None or (found.key, found.timestamp) != (dead.item.record.key, dead.item.record.timestamp):
                return Fault(dead.fault.kind, f"{place} {GONE}", "OriginalGone")
            item = read_item(topic, dead.item.partition, found)
            if item.event is None:
                return item.fault
            key = item.event.data.key.encode()
            stream = (topic.name, partition_for(key, self._room.partitions(topic)))
            self._originals.publish(stream, Frame(0, key, found.value or b"", tuple(found.headers)))
        except Exception as error:  # whatever is wrong with this one, the others are run
            log.warning("a dead letter could not be published again", place=place, error=repr(error)[:300])
            return Fault(
                dead.fault.kind, f"not published again, ask once more: the broker says {error!r}"[:500], "Broker"
            )
        return None

    def _attempt(self, work: Work[S, R], dead: Dead) -> Fault | None:
        """Do what the kind of dead letter asks for; answer why it failed again."""
        item, count = dead.item, self._room.partitions
        if dead.fault.kind == "timer":
            return None  # the tick is due still: to set the borrower free is enough
        if dead.fault.kind == "reused_id" or item.record.value is None:
            return dead.fault
        if dead.fault.kind in ("wrong_key", "wrong_partition"):
            if not item.topic.intake:
                return replace(dead.fault, reason=f"{NOT_OURS} {dead.fault.reason.removeprefix(NOT_OURS).strip()}")
            return self._publish_again(work, read_item(item.topic, item.partition, item.record))
        return self._apply(work, checked_item(item.topic, item.partition, item.record, count(item.topic)))

    def _publish_again(self, work: Work[S, R], item: Item) -> Fault | None:
        if item.event is None:
            return item.fault
        event: Event[Fact] = item.event
        key = event.data.key.encode()
        stream = (item.topic.name, partition_for(key, self._room.partitions(item.topic)))
        headers = letters.passed_on(item.record.headers)
        letter = outbox.Letter(event.id, event.type, key, item.record.value, headers)
        work.speak(outbox.append(work.raw, [(stream, letter)]))
        return None

    def _apply(self, work: Work[S, R], read: Item) -> Fault | None:
        """Apply one record by itself; answer why it cannot be applied."""
        item = admitted([read], self._room.intake, trusted=True)[0]
        if item.fault:
            return item.fault
        error = self._room.refused(work, lambda: self._decided(work, item))
        return Fault.of(error) if error else None

    def _decided(self, work: Work[S, R], item: Item) -> Changes[S, R]:
        changes = work.changes()
        self._room.load(work, self._room.borrowers([item]))
        self._room.decide(work, changes, item)
        return changes

    def _release(self, work: Work[S, R], borrower_id: str) -> None:
        """Apply what waited behind a dead letter, in order, until one of them becomes the next dead letter."""
        done: list[int] = []
        for parked in letters.behind(work.raw, borrower_id):
            done.append(parked.number)
            item = read_item(parked.item.topic, parked.item.partition, parked.item.record)
            if fault := self._apply(work, item):
                changes = work.changes()
                changes.buried.append(replace(item, fault=fault))
                self._room.flush(work, changes)
                break
        letters.unpark(work.raw, done)


def _personal(dead: Dead) -> bool:
    """Whether only the original may be published again."""
    moved = dead.fault.kind in ("wrong_key", "wrong_partition")
    return moved and carries_personal(dead.item.topic)
