"""The house on the kit: every transaction is the kit's own, on a database in memory, under faults none may notice.

Each service has two workers that take turns, each with a memory of its own. A fault happens where the dice say so, or
(when a failing story is made shorter) only where it is named. What each is called is what `FAULTS` says.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from psycopg import OperationalError

from schemas.envelope import Event, Fact
from schemas.topics import Topic
from services.kit import outbox, positions
from services.kit.batches import Batches
from services.kit.clock import ManualClock
from services.kit.commands import Commands
from services.kit.database import transaction
from services.kit.intake import Intake, carries_personal
from services.kit.outbox import Frame, Frames, Stream
from services.kit.plug import Asked
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
from tests.sim.world import TOPIC, Act, World, let_go

T = TypeVar("T")

FAULTS: Mapping[str, float] = {
    "repeat": 0.25,  # an outsider sends a record again at once, up to four times more
    "block": 0.08,  # an outsider sends the last records of a partition again, in order
    "cut": 0.15,  # a batch ends here
    "trailing": 0.5,  # a batch takes the repeats along that stand behind it
    "turn": 0.12,  # the other worker owns this partition number from here on
    "restart": 0.05,  # the worker forgets what it holds in memory
    "rollback": 0.06,  # the connection breaks inside the transaction
    "lost answer": 0.05,  # the connection breaks while COMMIT's answer is on its way
    "unpublished": 0.05,  # the worker dies between commit and publishing
    "stale owner": 0.05,  # a worker that was frozen wakes up and applies the same batch
    "reset": 0.05,  # the group is set back: the worker reads from an earlier place
    "relay crash": 0.08,  # the relay forgets what it has published since the last mark
    "unmarked": 0.3,  # what was published is not marked yet
}

OF_COMMANDS = ("rollback", "lost answer", "unpublished", "relay crash")
OF_TIMERS = (*OF_COMMANDS, "turn", "restart")
OF_BATCHES = (*OF_TIMERS, "stale owner", "reset")
UNSEEN = ("lost answer", "relay crash")
"""After these, what was said is found in the table."""

STATEMENTS_MAX = 14
"""A transaction breaks before one of so many statements."""

TURNS_MAX = 50


class Faults:
    """Where faults happen. `only`: these and no others."""

    def __init__(self, seed: int, rates: Mapping[str, float], only: Collection[str] | None = None) -> None:
        self.dice, self._rates, self._only = Dice(f"faults {seed}"), rates, only
        self._dice = {kind: self.dice.below(kind) for kind in rates}
        self.happened: dict[str, int] = {}
        self.named: list[str] = []

    def __call__(self, kind: str, *where: object) -> bool:
        """Whether this fault happens here."""
        return bool(self.one_of((kind,), *where))

    def one_of(self, kinds: Sequence[str], *where: object) -> str:
        """The fault of these kinds that happens here; "" for none."""
        place = " ".join(map(str, where))
        kind = self._thrown(kinds, place) if self._only is None else self._named(kinds, place, self._only)
        if kind:
            self.happened[kind] = self.happened.get(kind, 0) + 1
            self.named.append(f"{kind}: {place}")
        return kind

    def _thrown(self, kinds: Sequence[str], place: str) -> str:
        luck = self._dice[kinds[0]].throw(place)
        for kind in kinds:
            luck -= self._rates[kind]
            if luck < 0:
                return kind
        return ""

    def _named(self, kinds: Sequence[str], place: str, only: Collection[str]) -> str:
        return next((kind for kind in kinds if f"{kind}: {place}" in only), "")


@dataclass(slots=True)
class Logged:
    """A record on a topic: as it was read when it was said, and whether its like had stood there before."""

    item: Item
    again: bool


@dataclass(slots=True)
class Line:
    """What the relay remembers of a stream: the sequence to publish next."""

    next: int = 1


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
            with transaction(member.database.engine()) as (_, raw):
                whole = positions.Log(0, sys.maxsize)
                logs = {(t.name, n): whole for t in member.service.reads for n in range(NUMBERS)}
                positions.load_or_create(raw, member.service.name, logs)
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
        items = [log[record.offset].item for record in batch.records]
        return admitted(items, intake) if carries_personal(batch.topic) else items

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
        stream = (topic.name, number)
        where = (member.service.name, *stream, start)
        fault = self._faults.one_of(OF_BATCHES, *where)
        worker, batch = self._owner(member, number, fault), self._batch(topic, number, start, end)
        if fault == "reset" and start:
            back = self._faults.dice.within(0, start - 1, "back to", *where)
            self._fenced(member, worker, self._batch(topic, number, back, end))
        member.reading[stream] = self._applied(member, worker, batch, fault, where)
        if fault == "stale owner":
            self._fenced(member, self._other(member, worker), batch)
        self._relay(member, fault, where)

    def _applied(self, member: Member, worker: Worker, batch: Batch, fault: str, where: tuple[object, ...]) -> int:
        """Apply a batch; answer where to read on. Who cannot know whether it was applied finds out by the fence."""
        try:
            self._through(member, fault, where, lambda: worker.batches.apply(batch))
        except Fenced as fenced:
            let_go(fenced)
            with transaction(member.database.engine()) as (_, raw):
                return positions.load_next(raw, [batch.topic.name])[batch.topic.name, batch.partition]
        return batch.next

    def _batch(self, topic: Topic, number: int, start: int, end: int) -> Batch:
        records = [logged.item.record for logged in self.logs[topic.name, number][start:end]]
        return Batch(topic, number, start, end, records)

    def _fenced(self, member: Member, worker: Worker, batch: Batch) -> None:
        """Somebody applies what has been applied: the stored position forbids it."""
        try:
            worker.batches.apply(batch)
        except Fenced as fenced:
            let_go(fenced)
            return
        self.steps.append(f"{member.service.name} applied {batch.topic.name}/{batch.partition} at {batch.start} again")

    def _owner(self, member: Member, number: int, fault: str) -> Worker:
        """Who works; ownership may just have moved, or the worker may just have been started anew."""
        if fault == "turn":
            member.owner[number] = 1 - member.owner.get(number, 0)
        worker = member.workers[member.owner.get(number, 0)]
        if fault == "restart":
            worker.restart()
        return worker

    def _other(self, member: Member, worker: Worker) -> Worker:
        return member.workers[worker is member.workers[0]]

    def _through(self, member: Member, fault: str, where: tuple[object, ...], do: Callable[[], T]) -> T:
        """Do it, and once more when the connection breaks, as the worker's loops do."""
        database = member.database
        if fault == "rollback":
            database.fail_at = self._faults.dice.within(0, STATEMENTS_MAX, "statement", *where)
        database.lose_answer = fault == "lost answer"
        try:
            return do()
        except OperationalError as broken:
            let_go(broken)
            database.lose_answer = False
            return do()
        finally:
            database.fail_at, database.lose_answer = None, False

    # -- timers and commands ------------------------------------------------------------------------------------------

    def tick(self, name: str, number: int) -> None:
        """Run all that is due."""
        member = self.members[name]
        for turn in range(TURNS_MAX):
            due = self.next_due(name, number)
            if due is None or due > self.clock.instant:
                return
            where = ("timer", name, number, self.clock.instant, turn)
            fault = self._faults.one_of(OF_TIMERS, *where)
            worker = self._owner(member, number, fault)
            self._through(member, fault, where, partial(worker.timers.run, number))
            self._relay(member, fault, where)
        raise AssertionError(f"{name} has timers due on {number} however often they run")

    def command(self, name: str, borrower_id: str, act: Act, key: str) -> Sequence[Event[Fact]]:
        """Run a command on whichever worker it arrives."""
        member, where = self.members[name], ("command", key)
        fault = self._faults.one_of(OF_COMMANDS, *where)
        worker = member.workers[self._faults.dice.within(0, 1, "arrives at", key)]
        try:
            return self._through(member, fault, where, lambda: worker.commands.run(Asked(borrower_id, act, key)))
        finally:
            self._relay(member, fault, where)

    def next_due(self, name: str, number: int) -> datetime | None:
        """The earliest timer."""
        return due_first(self.members[name].database.table("states"), number)

    # -- the relay ----------------------------------------------------------------------------------------------------

    def _relay(self, member: Member, fault: str, where: tuple[object, ...]) -> None:
        """Publish what was committed: from memory, and from the table what memory does not have; mark it."""
        told = [frames for frames in member.frames if frames]
        member.frames.clear()
        for frames in told if fault != "unpublished" else ():
            for stream, more in frames.items():
                self._send(member, stream, more)
        if told or fault in UNSEEN:
            with transaction(member.database.engine()) as (_, raw):
                for stream, said in outbox.behind(raw).items():
                    self._catch_up(member, raw, stream, said, fault)
                    if not self._faults("unmarked", *stream, said, *where):
                        outbox.mark(raw, {stream: said})

    def _catch_up(self, member: Member, raw: Any, stream: Stream, said: int, fault: str) -> None:
        line = member.lines.setdefault(stream, Line())
        if fault == "relay crash":
            line.next = outbox.published(raw, stream) + 1
        if line.next <= said:
            self._send(member, stream, outbox.read(raw, stream, line.next, 2_000))

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

    def reference(_db: object, numbers: Sequence[int], now: datetime) -> Any:
        return {number: registry.reference(name, number, now, database.tables) for number in numbers}

    return replace(service, reference=reference)
