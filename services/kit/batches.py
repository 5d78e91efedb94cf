"""What was fetched is applied in one transaction, which moves the stored positions by compare-and-set.

That is one batch, or batches of several topics and partition numbers: a transaction costs as much as some dozens of
records. They are read and decided part by part: what is made of a record, some ten thousand bytes of small objects, is
used up before it has left the processor's cache. Rows and what was said wait for the end and are written at once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeAlias

import structlog

from schemas.topics import Topic
from services.kit import accepted, letters, metrics, repeats
from services.kit.database import transaction
from services.kit.intake import Intake
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.outbox import Stream
from services.kit.records import Batch, Fault, Item, read_items
from services.kit.repeats import Sifted
from services.kit.service import R, S
from services.kit.work import Fenced, Room, Work
from services.kit.writes import Raw

log = structlog.get_logger("arrears.kit")
UNLIMITED = Limits(10**9, 1.0)
Read: TypeAlias = Callable[[Batch, Intake, Callable[[Topic], int]], Sequence[Item]]
Offsets: TypeAlias = Mapping[Stream, Sequence[int]]
"""What was no repeat, by stream."""

PART = 100
"""Records read and decided at a time."""

ASKED_PART = 500
"""The same on intake topics, where each part costs a question: which of these ids came before."""

SEVERAL = "several"
"""Stands for the topic where one transaction was of more than one."""

_MOVE = (
    "WITH mine AS (SELECT p.topic, p.partition, asked.next FROM positions p"
    " JOIN unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS asked(topic, partition, start, next)"
    " USING (topic, partition) WHERE p.next = asked.start ORDER BY p.topic, p.partition FOR UPDATE OF p)"
    " UPDATE positions p SET next = mine.next FROM mine"
    " WHERE p.topic = mine.topic AND p.partition = mine.partition RETURNING p.topic, p.partition"
)
"""Locks the rows in one order, so that two owners do not wait for each other in a circle."""


class Batches(Generic[S, R]):
    """Applies what was fetched. `read` decodes it; several services in one process may share what they read."""

    def __init__(self, room: Room[S, R], limits: Limits = UNLIMITED, read: Read = read_items) -> None:
        self._room = room
        self._read = read
        self._fresh_limits = limits
        self._limits: dict[Stream, Limits] = {}

    def apply(self, *batches: Batch) -> None:
        """Apply batches in this order: all or none. What was applied before is refused.

        Raises Fenced, TooManyDeadLetters, and what the database raises when it is away.
        """
        numbers, topics = sorted({b.partition for b in batches}), {batch.topic.name for batch in batches}
        label = topics.pop() if len(topics) == 1 else SEVERAL
        with self._room.numbers.of(*numbers), metrics.BATCH_SECONDS.labels(label).time():
            self._room.again(numbers, lambda isolate: self._apply(batches, numbers, isolate))

    def _apply(self, batches: Sequence[Batch], numbers: Sequence[int], isolate: bool) -> Work[S, R]:
        room = self._room
        with transaction(room.engine) as (db, raw):
            _move(raw, batches)
            work, sifted = room.open(db, raw, numbers), Sifted()
            offsets = self._folded(work, batches, sifted, isolate=isolate)
            repeats.remember(raw, sifted)
            room.check_unchanged(work)
            limits = {batch.stream: self._checked(batch, offsets, work) for batch in batches}
        self._limits |= limits
        for batch in batches:
            _report(batch, offsets, work)
        _report_sifted(sifted)
        return work

    def _folded(self, work: Work[S, R], batches: Sequence[Batch], sifted: Sifted, *, isolate: bool) -> Offsets:
        """Decide on all, part by part, and write what came of it. `isolate`: behind savepoints, record by record."""
        room, changes = self._room, work.changes()
        waiting = letters.all_waiting(work.raw)
        work.blocked |= waiting or set()
        offsets: defaultdict[Stream, list[int]] = defaultdict(list)
        for part in [batches] if isolate else parts(batches):
            items = self._sifted(work, part, sifted)
            if waiting is None:
                work.blocked |= letters.waiting(work.raw, _named(items))
            for item in items:
                offsets[item.stream].append(item.record.offset)
            room.isolate(work, items) if isolate else room.fold(work, items, changes)
        room.flush(work, changes)
        return offsets

    def _sifted(self, work: Work[S, R], part: Sequence[Batch], sifted: Sifted) -> Sequence[Item]:
        """What is to be applied of a part; the working set knows whom it is about."""
        room = self._room
        read = [item for batch in part for item in self._read(batch, room.intake, room.partitions)]
        items = repeats.sift(work.raw, read, sifted)
        room.meet(work, room.borrowers(items))
        return items

    def _checked(self, batch: Batch, offsets: Offsets, work: Work[S, R]) -> Limits:
        limits, mine = self._limits.get(batch.stream, self._fresh_limits), offsets.get(batch.stream, ())
        try:
            return limits.check([(*batch.stream, at) in work.dead for at in mine])
        except TooManyDeadLetters:
            until = accepted.until(work.raw, batch.stream)
        try:
            return limits.check([(*batch.stream, at) in work.dead and at >= until for at in mine])
        except TooManyDeadLetters as error:
            raise TooManyDeadLetters(self._told(batch, work, error), until) from None

    def _told(self, batch: Batch, work: Work[S, R], error: TooManyDeadLetters) -> str:
        """What is wrong, where to look, and how to go on."""
        topic, number = batch.topic.name, batch.partition
        dead = _dead(work, batch.stream)
        first, last = min(dead), max(dead)
        why = next((fault.reason for fault in dead.values() if fault.kind != "handler"), "a handler raised")
        decide = f"arrears dlq accept {self._room.service.name} {topic} {number} --until {last + 1} --reason WHY"
        what = f"{topic}/{number}: {error}, offsets {first} to {last}"
        return f"{what}, the first because: {why[:200]}. Decide with `{decide}`"


def parts(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """The batches cut into parts of so many records; small ones are laid together."""
    part, count = list[Batch](), 0
    for batch in batches:
        size, first = ASKED_PART if batch.topic.intake else PART, 0
        while first < len(batch.records):
            if count >= size:
                yield part
                part, count = [], 0
            records = batch.records[first : first + size - count]
            part.append(replace(batch, records=records))
            count, first = count + len(records), first + len(records)
    if part:
        yield part


def _move(raw: Raw, batches: Sequence[Batch]) -> None:
    """The fence, and the row locks under which two owners come one after the other."""
    asked = [(batch.topic.name, batch.partition, batch.start, batch.next) for batch in batches]
    moved = set(raw.execute(_MOVE, [list(column) for column in zip(*asked, strict=True)]))
    for batch in batches:
        first = batch.records[0].offset
        joined = first >= batch.start if batch.topic.cleanup == "compact" else first == batch.start
        if batch.stream not in moved or not joined:
            place = f"{batch.topic.name}/{batch.partition}"
            raise Fenced(f"{place}: stored position is not {batch.start}, read {first}")


def _named(items: Sequence[Item]) -> list[str]:
    return list({item.borrower_id for item in items if item.borrower_id and not item.fault})


def _dead(work: Work[S, R], stream: Stream) -> dict[int, Fault]:
    """What was buried of a stream, by offset, in order."""
    return {at: fault for (topic, number, at), fault in sorted(work.dead.items()) if (topic, number) == stream}


def _report(batch: Batch, offsets: Offsets, work: Work[S, R]) -> None:
    topic, partition = batch.stream
    dead, parked = _dead(work, batch.stream), work.parked[batch.stream]
    metrics.RECORDS.labels(topic).inc(len(offsets.get(batch.stream, ())) - len(dead) - parked)
    metrics.DEAD.labels(topic).inc(len(dead))
    metrics.PARKED.labels(topic).inc(parked)
    for offset, fault in dead.items():
        if fault.kind != "handler":  # that was told when it was raised
            log.warning(
                "a record was put into the dead letters",
                **{"topic": topic, "partition": partition, "offset": offset},
                **{"kind": fault.kind, "reason": fault.reason},
            )


def _report_sifted(sifted: Sifted) -> None:
    for topic, count in sifted.repeats.items():
        metrics.REPEATS.labels(topic).inc(count)
    for gap in sifted.gaps:
        metrics.GAPS.labels(gap.topic).inc()
        log.error("a gap in a sequence", source=gap.source, after=gap.after, before=gap.before)
