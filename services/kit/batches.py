"""What was fetched is applied in one transaction, which moves the stored positions by compare-and-set.

That is one batch, or batches of several topics with the same partition number: they decide on the same borrowers, and
a transaction costs as much as some dozens of records. A batch is read and decided part by part: what is made of a
record, some ten thousand bytes of small objects, is used up before it has left the processor's cache. Rows and what was
said wait for the end and are written at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias

import structlog

from schemas.topics import Topic
from services.kit import accepted, letters, metrics, repeats
from services.kit.database import transaction
from services.kit.intake import Intake
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.records import Batch, Fault, Item, read_items
from services.kit.repeats import Gap, Sifted
from services.kit.service import R, S
from services.kit.work import Changes, Fenced, Room, Work
from services.kit.writes import Raw

log = structlog.get_logger("arrears.kit")
UNLIMITED = Limits(10**9, 1.0)
Read: TypeAlias = Callable[[Batch, Intake, Callable[[Topic], int]], Sequence[Item]]
PART = 100
"""Records read and decided at a time."""

ASKED_PART = 500
"""The same on intake topics, where each part costs a question: which of these ids came before."""

SEVERAL = "several"
"""Stands for the topic where one transaction was of more than one."""

_MOVE = "UPDATE positions SET next = %s WHERE topic = %s AND partition = %s AND next = %s"


@dataclass(frozen=True, slots=True)
class _Folded:
    """What came of one batch: offsets that were not repeats, repeats, and what was missing before some."""

    batch: Batch
    offsets: Sequence[int]
    repeats: int
    gaps: Sequence[Gap]


class Batches(Generic[S, R]):
    """Applies what was fetched. `read` decodes it; several services in one process may share what they read."""

    def __init__(self, room: Room[S, R], limits: Limits = UNLIMITED, read: Read = read_items) -> None:
        self._room = room
        self._read = read
        self._fresh_limits = limits
        self._limits: dict[tuple[str, int], Limits] = {}

    def apply(self, *batches: Batch) -> None:
        """Apply batches of one partition number in this order: all or none. What was applied before is refused.

        Raises Fenced, TooManyDeadLetters, and what the database raises when it is away.
        """
        number, topics = batches[0].partition, {batch.topic.name for batch in batches}
        label = topics.pop() if len(topics) == 1 else SEVERAL
        with self._room.numbers.of(number), metrics.BATCH_SECONDS.labels(label).time():
            self._room.again(number, lambda isolate: self._apply(batches, isolate))

    def _apply(self, batches: Sequence[Batch], isolate: bool) -> Work[S, R]:
        room, number = self._room, batches[0].partition
        with transaction(room.engine) as (db, raw):
            for batch in sorted(batches, key=_topic):  # two owners take their locks in the same order
                _move(raw, batch)
            work, sifted = room.open(db, raw, number), Sifted()
            waiting, changes = letters.all_waiting(raw), work.changes()
            work.blocked |= waiting or set()
            done = [self._fold(work, batch, sifted, changes, (isolate, waiting is None)) for batch in batches]
            room.flush(work, changes)
            repeats.remember(raw, number, sifted)
            room.check_unchanged(work)
            limits = {(one.batch.topic.name, number): self._checked(one, work) for one in done}
        self._limits |= limits
        for one in done:
            _report(one, work)
        return work

    def _fold(
        self, work: Work[S, R], batch: Batch, sifted: Sifted, changes: Changes[S, R], how: tuple[bool, bool]
    ) -> _Folded:
        """Decide on a batch, part by part. `how`: whether to isolate records; whether to ask who waits by name."""
        room, (isolate, ask) = self._room, how
        offsets, repeated, gaps = list[int](), sifted.repeats, len(sifted.gaps)
        for items in self._parts(work, batch, sifted, whole=isolate, ask=ask):
            offsets += [item.record.offset for item in items]
            room.isolate(work, items) if isolate else room.fold(work, items, changes)
        return _Folded(batch, offsets, sifted.repeats - repeated, sifted.gaps[gaps:])

    def _parts(
        self, work: Work[S, R], batch: Batch, sifted: Sifted, *, whole: bool, ask: bool
    ) -> Iterator[Sequence[Item]]:
        """What is to be applied, part by part, with all that the working set must know for it."""
        room, raw, number = self._room, work.raw, batch.partition
        size = len(batch.records) if whole else ASKED_PART if batch.topic.intake else PART
        for first in range(0, len(batch.records), size):
            part = replace(batch, records=batch.records[first : first + size])
            items = repeats.sift(raw, number, self._read(part, room.intake, room.partitions), sifted)
            room.meet(work, room.borrowers(items))
            if ask:
                work.blocked |= letters.waiting(raw, _named(items))
            yield items

    def _checked(self, folded: _Folded, work: Work[S, R]) -> Limits:
        topic, number = folded.batch.topic.name, folded.batch.partition
        limits = self._limits.get((topic, number), self._fresh_limits)
        try:
            return limits.check([(topic, offset) in work.dead for offset in folded.offsets])
        except TooManyDeadLetters:
            until = accepted.until(work.raw, (topic, number))
        try:
            return limits.check([(topic, at) in work.dead and at >= until for at in folded.offsets])
        except TooManyDeadLetters as error:
            raise TooManyDeadLetters(self._told(folded.batch, work, error), until) from None

    def _told(self, batch: Batch, work: Work[S, R], error: TooManyDeadLetters) -> str:
        """What is wrong, where to look, and how to go on."""
        topic, number = batch.topic.name, batch.partition
        dead = _dead(work, topic)
        first, last = min(dead), max(dead)
        why = next((fault.reason for fault in dead.values() if fault.kind != "handler"), "a handler raised")
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


def _topic(batch: Batch) -> str:
    return batch.topic.name


def _dead(work: Work[S, R], topic: str) -> dict[int, Fault]:
    """What was buried of a topic, by offset, in order."""
    return {offset: fault for (name, offset), fault in sorted(work.dead.items()) if name == topic}


def _report(folded: _Folded, work: Work[S, R]) -> None:
    topic, partition = folded.batch.topic.name, folded.batch.partition
    dead, parked = _dead(work, topic), work.parked[topic]
    metrics.RECORDS.labels(topic).inc(len(folded.offsets) - len(dead) - parked)
    metrics.REPEATS.labels(topic).inc(folded.repeats)
    metrics.DEAD.labels(topic).inc(len(dead))
    metrics.PARKED.labels(topic).inc(parked)
    metrics.GAPS.labels(topic).inc(len(folded.gaps))
    for gap in folded.gaps:
        log.error("a gap in a sequence", source=gap.source, after=gap.after, before=gap.before)
    for offset, fault in dead.items():
        if fault.kind != "handler":  # that was told when it was raised
            log.warning(
                "a record was put into the dead letters",
                **{"topic": topic, "partition": partition, "offset": offset},
                **{"kind": fault.kind, "reason": fault.reason},
            )
