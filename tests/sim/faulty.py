"""The house on the kit: every transaction is the kit's own, on a database in memory, under faults none may notice.

Each service has two workers that take turns, each with a memory of its own. A fault happens where the dice say so, or
(when a failing story is made shorter) only where it is named. What each is called is what `FAULTS` says.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from psycopg import OperationalError

from schemas.envelope import Event, Fact
from schemas.topics import Topic
from services.kit import outbox, positions
from services.kit.batches import Batches
from services.kit.clock import ManualClock
from services.kit.commands import Commands
from services.kit.database import transaction
from services.kit.intake import Intake
from services.kit.outbox import Frame, Frames, Stream
from services.kit.records import STRUCTURED, Batch, Item, Record, admitted, checked_item
from services.kit.service import Service
from services.kit.timers import Timers
from services.kit.vault import Vault
from services.kit.work import Fenced, Room
from tests.sim import registry
from tests.sim.calm import number_of, partitions
from tests.sim.database import Database, due_first
from tests.sim.dice import Dice
from tests.sim.story import NUMBERS
from tests.sim.world import TOPIC, Act, World

T = TypeVar("T")

FAULTS: Mapping[str, float] = {
    "repeat": 0.25,  # an outsider sends a record again at once, up to four times more
    "block": 0.08,  # an outsider sends the last records of a partition again, in order
    "cut": 0.35,  # a batch ends here
    "trailing": 0.5,  # a batch takes the repeats along that stand behind it
    "turn": 0.2,  # the other worker owns this partition number from here on
    "restart": 0.04,  # the worker forgets what it holds in memory
    "rollback": 0.06,  # the connection breaks inside the transaction
    "lost answer": 0.04,  # the connection breaks while COMMIT's answer is on its way
    "stale owner": 0.06,  # a worker that was frozen wakes up and applies the same batch
    "reset": 0.05,  # the group is set back: the worker reads from an earlier place
    "unmarked": 0.3,  # what was published is not marked yet
    "relay crash": 0.06,  # the relay forgets what it has published since the last mark
    "unpublished": 0.06,  # the worker dies between commit and publishing
}

STATEMENTS_MAX = 14
"""A transaction breaks before one of so many statements."""

TRIES_MAX = 50


class Faults:
    """Where faults happen. `only`: these and no others."""

    def __init__(self, seed: int, rates: Mapping[str, float], only: Collection[str] | None = None) -> None:
        self.dice, self._rates, self._only = Dice(f"faults {seed}"), rates, only
        self.happened: dict[str, int] = {}
        self.named: list[str] = []

    def __call__(self, kind: str, *where: object) -> bool:
        """Whether this fault happens here."""
        name = f"{kind}: {' '.join(map(str, where))}"
        happens = self.dice.throw(name) < self._rates[kind] if self._only is None else name in self._only
        if happens:
            self.happened[kind] = self.happened.get(kind, 0) + 1
            self.named.append(name)
        return happens


@dataclass(slots=True)
class Logged:
    """A record on a topic: as it was read when it was said, and whether its like had stood there before."""

    item: Item
    again: bool


@dataclass(slots=True)
class Line:
    """What the relay remembers of a stream: the sequence to publish next, and up to where it has said so."""

    next: int = 1
    marked: int = 0


class Worker:
    """One process of a service. Its room, and what it holds in memory."""

    def __init__(self, member: "Member", house: "Faulty") -> None:
        service = member.service
        engine, intake = member.database.engine(), Intake(service.opens, house.vault)
        name = service.name
        self.room: Room[Any, Any] = Room(
            service,
            engine,
            house.clock,
            intake,
            partitions,
            lambda number: house.world.known_as_of(name, number),
            member.committed,
        )
        self.batches = Batches(self.room, read=house.read)
        self.timers, self.commands = Timers(self.room), Commands(self.room)

    def restart(self) -> None:
        """Forget everything."""
        self.room.hot.clear()


@dataclass(slots=True)
class Member:
    """One service: its database, its two workers, and who owns which partition number."""

    service: Service[Any, Any]
    database: Database = field(default_factory=Database)
    workers: list[Worker] = field(default_factory=list)
    owner: dict[int, int] = field(default_factory=dict)
    reading: dict[Stream, int] = field(default_factory=dict)
    lines: dict[Stream, Line] = field(default_factory=dict)
    frames: list[Frames] = field(default_factory=list)
    done: int = 0

    def committed(self, frames: Frames) -> None:
        """The kit tells what is to be published."""
        self.frames.append(frames)


class Faulty:
    """Implements `world.House`."""

    def __init__(self, services: Mapping[str, Service[Any, Any]], clock: ManualClock, vault: Vault) -> None:
        self.clock, self.vault = clock, vault
        self.members = {name: self._member(name, service) for name, service in services.items()}

    def _member(self, name: str, service: Service[Any, Any]) -> Member:
        database = Database()
        referring = _with_reference(service, name, database)
        member = Member(referring, database)
        member.workers = [Worker(member, self), Worker(member, self)]
        return member

    def enter(self, world: World, faults: Faults) -> "Faulty":
        """Live in a world, knowing nothing."""
        self.world, self._faults = world, faults
        self.logs: dict[Stream, list[Logged]] = {}
        self.steps: list[str] = []
        self._first: dict[bytes, Item] = {}
        for member in self.members.values():
            member.database.clear()
            for worker in member.workers:
                worker.restart()
            for known in (member.owner, member.reading, member.lines, member.frames):
                known.clear()
            member.done = 0
            with transaction(member.database.engine()) as (_, raw):
                streams = {(t.name, n): 0 for t in member.service.reads for n in range(NUMBERS)}
                positions.load_or_create(raw, streams, {}, {})
        return self

    # -- outside ------------------------------------------------------------------------------------------------------

    def publish(self, fact: Fact, event_id: str) -> None:
        """Put a fact of an outsider on its topic; outsiders may send again."""
        event = Event.saying(fact, id=event_id, source="/outside", time=self.clock.instant)
        topic, number = fact.TOPIC, number_of(fact.key)
        place = self._append(topic, number, fact.key.encode(), event.to_json())
        if self._faults("repeat", event_id):
            for _ in range(self._faults.dice.within(1, 4, "times", event_id)):
                self._again(topic, number, place)
        if self._faults("block", event_id):
            length = self._faults.dice.within(2, 6, "block", event_id)
            for earlier in range(max(0, place - length), place):
                self._again(topic, number, earlier)

    def _again(self, topic: Topic, number: int, place: int) -> None:
        record = self.logs[topic.name, number][place].item.record
        assert record.key is not None
        assert record.value is not None
        self._append(topic, number, record.key, record.value)

    def _append(self, topic: Topic, number: int, key: bytes | None, value: bytes | None) -> int:
        """Put a record on its topic; answer its place. The first of its kind is told to the world."""
        assert value is not None
        log = self.logs.setdefault((topic.name, number), [])
        milliseconds = round(self.clock.instant.timestamp() * 1000)
        record = Record(len(log), milliseconds, key, value, STRUCTURED)
        known = self._first.get(value)
        if known is not None:
            log.append(Logged(Item(topic, number, record, known.event, known.fault), again=True))
            return record.offset
        item = self._first[value] = checked_item(topic, number, record, NUMBERS)
        log.append(Logged(item, again=False))
        if item.event is not None:
            self.world.said(topic.name, number, len(log), item.event)
        return record.offset

    def read(self, batch: Batch, intake: Intake, _partitions: Callable[[Topic], int]) -> list[Item]:
        """What the records of a batch say: read when they were said, admitted by each service for itself."""
        log = self.logs[batch.topic.name, batch.partition]
        return admitted([log[record.offset].item for record in batch.records], intake)

    # -- reading ------------------------------------------------------------------------------------------------------

    def deliver(self, name: str, number: int, topic: Topic, upto: int) -> None:
        """Let the owner read on, in batches."""
        member, stream = self.members[name], (topic.name, number)
        log = self.logs[stream]
        while member.reading.get(stream, 0) < upto:
            start = member.reading.get(stream, 0)
            end = self._end_of_batch(name, stream, log, start, upto)
            self._apply(member, topic, number, start, end)

    def _end_of_batch(self, name: str, stream: Stream, log: Sequence[Logged], start: int, upto: int) -> int:
        for place in range(start + 1, upto):
            if self._faults("cut", name, *stream, place):
                return place
        while upto < len(log) and log[upto].again and self._faults("trailing", name, *stream, upto):
            upto += 1
        return upto

    def _apply(self, member: Member, topic: Topic, number: int, start: int, end: int) -> None:
        name, stream = member.service.name, (topic.name, number)
        where = (name, *stream, start)
        worker = self._owner(member, number, where)
        if start and self._faults("reset", *where):
            back = self._faults.dice.within(0, start - 1, "back to", *where)
            self._fenced(member, worker, self._batch(topic, number, back, end))
        batch = self._batch(topic, number, start, end)
        with suppress(Fenced):  # its answer was lost, and the second try found it applied
            self._safely(member, where, lambda: worker.batches.apply(batch))
        if self._faults("stale owner", *where):
            self._fenced(member, self._other(member, worker), batch)
        with transaction(member.database.engine()) as (_, raw):
            member.reading[stream] = positions.load_next(raw, [topic.name])[stream]
        self._relay(member, where)

    def _batch(self, topic: Topic, number: int, start: int, end: int) -> Batch:
        records = [logged.item.record for logged in self.logs[topic.name, number][start:end]]
        return Batch(topic, number, start, end, records)

    def _fenced(self, member: Member, worker: Worker, batch: Batch) -> None:
        """Somebody applies what has been applied: the stored position forbids it."""
        try:
            worker.batches.apply(batch)
        except Fenced:
            return
        self.steps.append(f"{member.service.name} applied {batch.topic.name}/{batch.partition} at {batch.start} again")

    def _owner(self, member: Member, number: int, where: tuple[object, ...]) -> Worker:
        """Who works; ownership may just have moved, or the worker may just have been started anew."""
        if self._faults("turn", *where):
            member.owner[number] = 1 - member.owner.get(number, 0)
        worker = member.workers[member.owner.get(number, 0)]
        if self._faults("restart", *where):
            worker.restart()
        return worker

    def _other(self, member: Member, worker: Worker) -> Worker:
        return member.workers[worker is member.workers[0]]

    def _safely(self, member: Member, where: tuple[object, ...], do: Callable[[], T]) -> T:
        """Try until the database is there, as the worker's loops do."""
        for attempt in range(TRIES_MAX):
            database = member.database
            if self._faults("rollback", *where, attempt):
                database.fail_at = self._faults.dice.within(0, STATEMENTS_MAX, "statement", *where, attempt)
            elif self._faults("lost answer", *where, attempt):
                database.lose_answer = True
            try:
                return do()
            except OperationalError:
                continue
            finally:
                database.fail_at, database.lose_answer = None, False
        raise AssertionError(f"{TRIES_MAX} faults in a row at {where}")

    # -- timers and commands ------------------------------------------------------------------------------------------

    def tick(self, name: str, number: int) -> None:
        """Run all that is due."""
        member = self.members[name]
        member.done += 1
        where = ("timer", name, number, member.done)
        worker = self._owner(member, number, where)
        for turn in range(TRIES_MAX):
            if not self._safely(member, (*where, turn), lambda: worker.timers.due_on([number])):
                break
            self._safely(member, (*where, turn, "run"), lambda: worker.timers.run(number))
            self._relay(member, (*where, turn))

    def command(self, name: str, borrower_id: str, act: Act, key: str) -> Sequence[Event[Fact]]:
        """Run a command on whichever worker it arrives."""
        member = self.members[name]
        worker = member.workers[self._faults.dice.within(0, 1, "arrives at", key)]
        try:
            return self._safely(member, ("command", key), lambda: worker.commands.run(borrower_id, act, key))
        finally:
            self._relay(member, ("command", key))

    def next_due(self, name: str, number: int) -> datetime | None:
        """The earliest timer."""
        return due_first(self.members[name].database.table("states"), number)

    # -- the relay ----------------------------------------------------------------------------------------------------

    def _relay(self, member: Member, where: tuple[object, ...]) -> None:
        """Publish what was committed: from memory, and from the table what memory does not have; mark it."""
        told, member.frames = member.frames, []
        for frames in told:
            if any(frames.values()) and not self._faults("unpublished", *where):
                for stream, more in frames.items():
                    self._send(member, stream, more)
        with transaction(member.database.engine()) as (_, raw):
            for stream, said in outbox.behind(raw).items():
                self._catch_up(member, raw, stream, said, where)

    def _catch_up(self, member: Member, raw: Any, stream: Stream, said: int, where: tuple[object, ...]) -> None:
        line = member.lines.setdefault(stream, Line())
        if self._faults("relay crash", stream[0], *where):
            line.next = outbox.published(raw, stream) + 1
        if line.next <= said:
            self._send(member, stream, outbox.read(raw, stream, line.next, 2_000))
        if not self._faults("unmarked", stream[0], *where):
            outbox.mark(raw, {stream: line.next - 1})

    def _send(self, member: Member, stream: Stream, frames: Iterable[Frame]) -> None:
        line = member.lines.setdefault(stream, Line())
        topic = TOPIC[stream[0]]
        for frame in frames:
            if frame.sequence > line.next:
                return  # what stands before it was left in the table
            if frame.sequence == line.next:
                self._append(topic, stream[1], frame.key, frame.value)
                line.next += 1


def _with_reference(service: Service[Any, Any], name: str, database: Database) -> Service[Any, Any]:
    """The service with a reference that is made of its rows in memory."""

    def reference(_db: object, number: int, now: datetime) -> Any:
        return registry.reference(name, number, now, database.tables)

    return replace(service, reference=reference)
