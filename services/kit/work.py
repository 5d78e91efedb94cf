"""The middle of every transaction: fold items over a working set, and flush what came of it to the database.

A transaction costs as much as some dozens of records, so it may be for several partition numbers; each keeps its own
surroundings and reference. A record that its handler cannot digest, or whose rows the database refuses, is buried by
itself; nobody else notices.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeAlias

import structlog
from sqlalchemy import Connection, Engine, Table

from schemas.topics import Topic
from services.kit import letters, outbox, states
from services.kit.clock import Clock
from services.kit.database import is_outside
from services.kit.fold import Outcome, Surroundings, on_event
from services.kit.intake import Intake
from services.kit.limits import TooManyDeadLetters
from services.kit.locks import Numbers
from services.kit.outbox import Frames
from services.kit.partitions import partition_for
from services.kit.records import Fault, Item
from services.kit.service import Origin, R, S, Service, Write
from services.kit.states import Change, Codec, Conflict, Hot, Slot
from services.kit.writes import Raw, write_all

log = structlog.get_logger("arrears.kit")
INSTANTS = 10_000
TRIES = 5
"""How often a transaction is tried again at once after somebody else changed one of its states."""


class Fenced(Exception):
    """The stored position is not where this batch starts: somebody else moved it, or records are missing between.

    Nothing was changed. Start again from the stored position.
    """


Place: TypeAlias = tuple[str, int, int]
"""Topic, partition and offset of a record."""

Committed: TypeAlias = Callable[[Frames], None]
"""Told of the frames of each transaction right after its commit."""


@dataclass(slots=True)
class Changes(Generic[S, R]):
    """What a fold over some items came to. references: as in Work."""

    references: dict[int, R]
    states: dict[str, Change[S]] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    said: list[tuple[outbox.Stream, outbox.Voiced]] = field(default_factory=list)
    buried: list[Item] = field(default_factory=list)
    parked: list[Item] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)

    def accept(
        self, borrower_id: str, before: Slot[S] | Change[S], done: Outcome[S, R], ground: int, *, always: bool = False
    ) -> None:
        """Take in one outcome, and what the reference of its ground has learnt.

        A state that did not change is not saved, unless `always`. What was said is written out at once, while it is at
        hand, and need not be kept as an event.
        """
        if always or (done.state is not before.state and done.state != before.state):
            self.states[borrower_id] = Change(done.state, done.next_at)
        self.writes += done.writes
        self.said += [(outbox.stream_of(e.data.TOPIC.name, e.source), outbox.Voiced.of(e)) for e in done.said]
        self.references[ground] = done.reference

    def bury(self, item: Item, error: Exception) -> None:
        """Take in that an item cannot be applied; its borrower's later ones wait."""
        self.buried.append(replace(item, fault=Fault.of(error)))
        if item.borrower_id:
            self.blocked.add(item.borrower_id)


@dataclass(slots=True)
class Work(Generic[S, R]):
    """What one transaction knows while it runs.

    around: by partition number. ground: the first of those numbers that were given one reference together, and share
    what it learns; references: by that. dead: what it buried. parked: how many records wait, by stream.
    """

    db: Connection
    raw: Raw
    now: datetime
    around: Mapping[int, Surroundings[R]]
    ground: Mapping[int, int]
    references: Mapping[int, R]
    slots: dict[str, Slot[S]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    saved: set[str] = field(default_factory=set)
    said: dict[outbox.Stream, list[outbox.Frame]] = field(default_factory=dict)
    dead: dict[Place, Fault] = field(default_factory=dict)
    parked: Counter[outbox.Stream] = field(default_factory=Counter)

    def changes(self) -> Changes[S, R]:
        """Nothing changed yet."""
        return Changes(dict(self.references))

    def flushed(self, changes: Changes[S, R], saved: Mapping[str, Slot[S]], frames: Frames) -> None:
        """Know what has been written, for what follows in the same transaction."""
        self.slots.update(saved)
        self.saved.update(saved)
        self.references = changes.references
        self.blocked |= changes.blocked
        self.dead |= {(*item.stream, item.record.offset): item.fault for item in changes.buried if item.fault}
        self.parked.update(item.stream for item in changes.parked)
        self.speak(frames)

    def speak(self, frames: Frames) -> None:
        """These are to be published after the commit."""
        for stream, more in frames.items():
            self.said.setdefault(stream, []).extend(more)


@dataclass(slots=True)
class Room(Generic[S, R]):
    """One service's decisions on its database. Safe to use from any thread.

    partitions: how many partitions a topic has. known_as_of: up to when a partition's facts have been read.
    """

    service: Service[S, R]
    engine: Engine
    clock: Clock
    intake: Intake
    partitions: Callable[[Topic], int]
    known_as_of: Callable[[int], datetime]
    committed: Committed
    codec: Codec[S] = field(init=False)
    numbers: Numbers = field(default_factory=Numbers)
    hot: Hot[S] = field(default_factory=Hot)
    instants: Callable[[int], tuple[datetime, datetime]] = field(init=False)
    tables: Sequence[Table] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the codec of the states, the instants of records (many share a millisecond), and the tables' order."""
        self.codec = Codec(self.service)
        self.tables = tuple(self.service.metadata.sorted_tables)
        self.instants = lru_cache(INSTANTS)(self._instants)

    def partition_of(self, borrower_id: str) -> int:
        """The partition number of a borrower on every borrower-keyed topic."""
        lead = next((t for t in self.service.reads if t.key == "borrower_id"), None)
        return partition_for(borrower_id.encode(), self.partitions(lead)) if lead else 0

    # -- begin and end ------------------------------------------------------------------------------------------------

    def open(self, db: Connection, raw: Raw, numbers: Sequence[int]) -> Work[S, R]:
        """A working set for these partition numbers that knows nobody yet."""
        now = self.clock.now()
        around: dict[int, Surroundings[R]] = {
            n: Surroundings(now, self.known_as_of(n), n, self.partitions, self.intake.seal_said) for n in numbers
        }
        given, firsts = self.service.reference(db, numbers, now), dict[int, int]()
        ground = {number: firsts.setdefault(id(given[number]), number) for number in numbers}
        return Work(db, raw, now, around, ground, {first: given[first] for first in firsts.values()})

    def meet(self, work: Work[S, R], borrowers: Mapping[str, int]) -> None:
        """Let the working set know these borrowers, by their hot states where there are."""
        hot, slots = {n: self.hot.of(n) for n in work.around}, work.slots
        slots |= {b: hot[n][b] for b, n in borrowers.items() if b not in slots and b in hot[n]}
        self.load(work, borrowers)

    def load(self, work: Work[S, R], borrowers: Mapping[str, int]) -> None:
        """Let the working set know these borrowers, by partition number, too."""
        missing = [b for b in borrowers if b not in work.slots]
        found = states.load(work.raw, self.codec, missing)
        work.slots |= {b: found.get(b) or Slot(self.service.fresh(b), 0, borrowers[b]) for b in missing}

    def again(self, numbers: Collection[int], run: Callable[[bool], Work[S, R]]) -> Work[S, R]:
        """Run a transaction on these numbers and publish what it said; on a conflict run it again at once.

        `run` is told whether to isolate records, because the database refused a row of one of them.
        """
        isolate = False
        for _ in range(TRIES):
            try:
                work = run(isolate)
            except Conflict as conflict:
                log.info("somebody else changed a state, trying again", partitions=[*numbers], what=str(conflict))
                self._forget(numbers)
            except Exception as error:
                self._forget(numbers)
                if isolate or is_outside(error) or isinstance(error, Fenced | TooManyDeadLetters):
                    raise
                log.warning("a row was refused, isolating it", partitions=[*numbers], error=_short(error))
                isolate = True
            else:
                self.hot.keep(work.slots)
                self.committed(work.said)
                return work
        raise Conflict(f"partitions {[*numbers]}: {TRIES} times in a row")

    def _forget(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.hot.forget(number)

    def check_unchanged(self, work: Work[S, R]) -> None:
        """A hot state that was looked at and left alone must still be the stored one: it decided too."""
        unchanged = {b: slot.version for b, slot in work.slots.items() if b not in work.saved}
        found = states.versions(work.raw, list(unchanged))
        if any(found.get(b, 0) != version for b, version in unchanged.items()):
            raise Conflict("a state that was only looked at")

    # -- fold and flush -----------------------------------------------------------------------------------------------

    def borrowers(self, items: Iterable[Item]) -> dict[str, int]:
        """Whose states it takes to apply these, with their partition numbers."""
        handlers = self.service.handlers
        deciding = [i for i in items if i.event is not None and i.fault is None and type(i.event.data) in handlers]
        return {item.borrower_id: item.partition for item in deciding if item.borrower_id}

    def isolate(self, work: Work[S, R], items: Sequence[Item]) -> None:
        """Fold the items and flush; a row that is refused costs one record, not the transaction."""
        if error := self.refused(work, lambda: self.fold(work, items)):
            self._divide(work, items, error)

    def refused(self, work: Work[S, R], fold: Callable[[], Changes[S, R]]) -> Exception | None:
        """Flush behind a savepoint; answer why it was refused. Raises when the database is away, and Conflict."""
        try:
            with work.db.begin_nested():
                self.flush(work, fold())
        except Exception as error:
            if is_outside(error) or isinstance(error, Conflict):
                raise
            return error
        return None

    def _divide(self, work: Work[S, R], items: Sequence[Item], error: Exception) -> None:
        """Half by half, in order, until the one record stands alone whose rows the database refuses."""
        if len(items) == 1:
            changes = work.changes()
            changes.bury(items[0], error)
            self.flush(work, changes)
            return
        half = len(items) // 2
        self.isolate(work, items[:half])
        self.isolate(work, items[half:])

    def fold(self, work: Work[S, R], items: Iterable[Item], changes: Changes[S, R] | None = None) -> Changes[S, R]:
        """Decide item by item; take what it comes to into the changes, and answer them."""
        changes = work.changes() if changes is None else changes
        for item in items:
            if item.fault is not None:
                changes.buried.append(item)
            elif item.borrower_id in work.blocked or item.borrower_id in changes.blocked:
                changes.parked.append(item)
            else:
                try:
                    self.decide(work, changes, item)
                except Exception as error:
                    topic, at = item.topic.name, item.record.offset
                    log.exception("a handler raised", topic=topic, partition=item.partition, at=at)
                    changes.bury(item, error)
        return changes

    def decide(self, work: Work[S, R], changes: Changes[S, R], item: Item) -> None:
        """Let the service react to one item. Raises what it raises; then nothing was taken in."""
        event, origin, borrower_id = item.event, self._origin(item), item.borrower_id
        assert event is not None
        if borrower_id is None or type(event.data) not in self.service.handlers:
            changes.writes += self.service.record(event, origin)
            return
        known = changes.states.get(borrower_id) or work.slots[borrower_id]
        around, ground = work.around[item.partition], work.ground[item.partition]
        reference = changes.references[ground]
        done = on_event(self.service, known.state, event, reference=reference, around=around, origin=origin)
        changes.accept(borrower_id, known, done, ground)

    def _origin(self, item: Item) -> Origin:
        recorded, wall = self.instants(item.record.timestamp)
        return Origin(item.topic.name, item.partition, item.record.offset, recorded, wall)

    def _instants(self, timestamp: int) -> tuple[datetime, datetime]:
        wall = datetime.fromtimestamp(timestamp / 1000, UTC)
        return self.clock.at(wall), wall

    def flush(self, work: Work[S, R], changes: Changes[S, R]) -> None:
        """Write what a fold came to. Only when all of it went well does the working set know of it."""
        saved = states.save(work.raw, self.codec, changes.states, work.slots)
        write_all(work.raw, changes.writes, self.tables)
        letters.bury(work.raw, changes.buried)
        letters.park(work.raw, changes.parked)
        dead = letters.outgoing(self.service.name, changes.buried)
        frames = outbox.append(work.raw, [*changes.said, *dead])
        work.flushed(changes, saved, frames)


def _short(error: Exception) -> str:
    return repr(error)[:500]
