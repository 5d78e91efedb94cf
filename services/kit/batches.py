"""One fetched batch is one transaction, and moves the stored position by compare-and-set.

A batch is read and decided part by part: what is made of a record, some ten thousand bytes of small objects, is used up
before it has left the processor's cache. Rows and what was said wait for the end and are written at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Generic, TypeAlias

import structlog

from schemas.topics import Topic
from services.kit import accepted, letters, metrics, repeats
from services.kit.database import transaction
from services.kit.intake import Intake
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.records import Batch, Item, read_items
from services.kit.repeats import Sifted
from services.kit.service import R, S
from services.kit.work import Fenced, Room, Work
from services.kit.writes import Raw

log = structlog.get_logger("arrears.kit")
UNLIMITED = Limits(10**9, 1.0)
Read: TypeAlias = Callable[[Batch, Intake, Callable[[Topic], int]], Sequence[Item]]
PART = 100
"""Records read and decided at a time."""

ASKED_PART = 500
"""The same on intake topics, where each part costs a question: which of these ids came before."""

_MOVE = "UPDATE positions SET next = %s WHERE topic = %s AND partition = %s AND next = %s"


class Batches(Generic[S, R]):
    """Applies what was fetched. `read` decodes it; several services in one process may share what they read."""

    def __init__(self, room: Room[S, R], limits: Limits = UNLIMITED, read: Read = read_items) -> None:
        self._room = room
        self._read = read
        self._fresh_limits = limits
        self._limits: dict[tuple[str, int], Limits] = {}

    def apply(self, batch: Batch) -> None:
        """Apply a batch once. Raises Fenced, TooManyDeadLetters, and what the database raises when it is away."""
        number = batch.partition
        with self._room.numbers.of(number), metrics.BATCH_SECONDS.labels(batch.topic.name).time():
            self._room.again(number, lambda isolate: self._apply(batch, isolate))

    def _apply(self, batch: Batch, isolate: bool) -> Work[S, R]:
        room, number = self._room, batch.partition
        with transaction(room.engine) as (db, raw):
            _move(raw, batch)
            work, sifted = room.open(db, raw, number), Sifted()
            changes, offsets = work.changes(), list[int]()
            for items in self._parts(work, batch, sifted, whole=isolate):
                offsets += [item.record.offset for item in items]
                room.isolate(work, items) if isolate else room.fold(work, items, changes)
            room.flush(work, changes)
            repeats.remember(raw, number, sifted)
            room.check_unchanged(work)
            limits = self._checked(raw, batch, offsets, work)
        self._limits[batch.topic.name, number] = limits
        _report(batch, sifted, len(offsets), work)
        return work

    def _parts(self, work: Work[S, R], batch: Batch, sifted: Sifted, *, whole: bool) -> Iterator[Sequence[Item]]:
        """What is to be applied, part by part, with all that the working set must know for it."""
        room, raw, number = self._room, work.raw, batch.partition
        waiting = letters.all_waiting(raw)
        work.blocked |= waiting or set()
        size = len(batch.records) if whole else ASKED_PART if batch.topic.intake else PART
        for first in range(0, len(batch.records), size):
            part = replace(batch, records=batch.records[first : first + size])
            items = repeats.sift(raw, number, self._read(part, room.intake, room.partitions), sifted)
            room.meet(work, room.borrowers(items))
            if waiting is None:
                work.blocked |= letters.waiting(raw, _named(items))
            yield items

    def _checked(self, raw: Raw, batch: Batch, offsets: Sequence[int], work: Work[S, R]) -> Limits:
        limits = self._limits.get((batch.topic.name, batch.partition), self._fresh_limits)
        try:
            return limits.check([offset in work.dead for offset in offsets])
        except TooManyDeadLetters:
            until = accepted.until(raw, (batch.topic.name, batch.partition))
        try:
            return limits.check([offset in work.dead and offset >= until for offset in offsets])
        except TooManyDeadLetters as error:
            raise TooManyDeadLetters(self._told(batch, work, error), until) from None

    def _told(self, batch: Batch, work: Work[S, R], error: TooManyDeadLetters) -> str:
        """What is wrong, where to look, and how to go on."""
        first, last = min(work.dead), max(work.dead)
        why = next((f.reason for _, f in sorted(work.dead.items()) if f.kind != "handler"), "a handler raised")
        topic, number = batch.topic.name, batch.partition
        decide = f"arrears dlq accept {self._room.service.name} {topic} {number} --until {last + 1} --reason WHY"
        what = f"{topic}/{number}: {error}, offsets {first} to {last}"
        return f"{what}, the first because: {why[:200]}. Decide with `{decide}`"


def _move(raw: Raw, batch: Batch) -> None:
    """The fence, and the row lock under which two owners come one after the other."""
    first = batch.records[0].offset
    joined = first >= batch.start if batch.topic.cleanup == "compact" else first == batch.start
    moved = raw.execute(_MOVE, [batch.next, batch.topic.name, batch.partition, batch.start]).rowcount
    if moved != 1 or not joined:
        raise Fenced(f"{batch.topic.name}/{batch.partition}: stored position is not {batch.start}, read {first}")


def _named(items: Sequence[Item]) -> list[str]:
    return list({item.borrower_id for item in items if item.borrower_id and not item.fault})


def _report(batch: Batch, sifted: Sifted, count: int, work: Work[S, R]) -> None:
    topic, dead = batch.topic.name, len(work.dead)
    metrics.RECORDS.labels(topic).inc(count - dead - work.parked)
    metrics.REPEATS.labels(topic).inc(sifted.repeats)
    metrics.DEAD.labels(topic).inc(dead)
    metrics.PARKED.labels(topic).inc(work.parked)
    metrics.GAPS.labels(topic).inc(len(sifted.gaps))
    for gap in sifted.gaps:
        log.error("a gap in a sequence", source=gap.source, after=gap.after, before=gap.before)
    for offset, fault in sorted(work.dead.items()):
        if fault.kind != "handler":  # that was told when it was raised
            log.warning(
                "a record was put into the dead letters",
                **{"topic": topic, "partition": batch.partition, "offset": offset},
                **{"kind": fault.kind, "reason": fault.reason},
            )
