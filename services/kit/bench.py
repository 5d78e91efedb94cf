"""One service with its real transactions on a real database, fed by hand: no broker, a manual clock.

    bench = Bench(NOTIFIER, engine, ManualClock(noon))
    bench.deliver(loan_overdue())
    bench.advance(timedelta(days=3))
    assert bench.said_of(NoticeSent)

The schema must be migrated (`services.kit.migrate`). `bench.runtime` serves the service's API and loops.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import Engine

from schemas.envelope import Event, Fact, read_structured
from schemas.topics import Topic
from services.kit import positions
from services.kit.batches import UNLIMITED, Batches
from services.kit.clock import ManualClock
from services.kit.database import transaction
from services.kit.intake import Intake
from services.kit.limits import Limits
from services.kit.outbox import Frame, Frames, Stream
from services.kit.partitions import partition_for
from services.kit.records import STRUCTURED, Batch, Headers, Record
from services.kit.redrive import Redrive
from services.kit.runtime import Running
from services.kit.service import Context, R, Reaction, S, Service
from services.kit.timers import Timers
from services.kit.vault import NO_RING, IntakeRing, Vault, vault_in_memory
from services.kit.work import Room

F = TypeVar("F", bound=Fact)
_SAID = "SELECT payload FROM outbox WHERE headers IS NULL ORDER BY said_at, topic, partition, sequence"  # no letters


def _partitions(topic: Topic) -> int:
    return topic.partitions


class AllKnown:
    """Everything is owned, and known up to this instant; set `behind` to let the partitions fall behind."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.behind = timedelta(0)

    def owned(self) -> frozenset[int]:
        """All of them."""
        return frozenset(range(12))

    def known_as_of(self, _partition: int) -> datetime:
        """Now, less what they are behind."""
        return self._clock.now() - self.behind

    def fresh(self, _partition: int) -> bool:
        """Whether they are not behind."""
        return not self.behind


class Log:
    """What was put on the topics of a bench, and what its redrive published again; delete to let a record be gone."""

    def __init__(self) -> None:
        self.records: dict[tuple[Stream, int], Record] = {}
        self.published: list[tuple[Stream, Frame]] = []

    def fetch(self, stream: Stream, offset: int) -> Record | None:
        """The record at that place; None where it is gone."""
        return self.records.get((stream, offset))

    def publish(self, stream: Stream, frame: Frame) -> None:
        """Take in a record."""
        self.published.append((stream, frame))


class Bench(Generic[S, R]):
    """Drives one service."""

    def __init__(
        self,
        service: Service[S, R],
        engine: Engine,
        clock: ManualClock,
        *,
        vault: Vault | None = None,
        ring: IntakeRing = NO_RING,
        limits: Limits = UNLIMITED,
        committed: Callable[[Frames], None] = lambda _frames: None,
    ) -> None:
        self.clock, self.engine, self.vault = clock, engine, vault or vault_in_memory()
        self.knowledge = AllKnown(clock)
        intake = Intake(service.opens, self.vault, ring)
        self.room: Room[S, R] = Room(service, engine, clock, intake, _partitions, self.knowledge.known_as_of, committed)
        self.batches = Batches(self.room, limits)
        self.log = Log()
        self.timers, self._redrive = Timers(self.room), Redrive(self.room, self.log)
        self.runtime: Running[S, R] = Running(self.room, self.vault, self.knowledge)
        self._count = 0

    def deliver(self, *facts: Fact | Event[Fact], id: str | None = None) -> None:
        """Put facts or whole events on their topics, one batch per partition and topic."""
        batches: dict[tuple[Topic, int], list[Record]] = {}
        for given in facts:
            event = given if isinstance(given, Event) else self._event(given, id)
            topic, key = event.data.TOPIC, event.data.key.encode()
            place = (topic, partition_for(key, topic.partitions))
            batches.setdefault(place, []).append(self._record(key, event.to_json(), STRUCTURED))
        for (topic, partition), records in batches.items():
            self.put(topic, partition, *records)

    def put(self, topic: Topic, partition: int, *records: Record) -> None:
        """Apply raw records as one batch; their offsets are counted on from the stored position."""
        self.batches.apply(self.batch(topic, partition, *records))

    def batch(self, topic: Topic, partition: int, *records: Record) -> Batch:
        """What would be fetched: the records, placed at the stored position and after it."""
        start = self._position(topic, partition)
        placed = [
            Record(start + n, r.timestamp or self._milliseconds(), r.key, r.value, r.headers)
            for n, r in enumerate(records)
        ]
        self.log.records |= {((topic.name, partition), r.offset): r for r in placed}
        return Batch(topic, partition, start, start + len(placed), placed)

    def tick_due(self) -> int:
        """Run everything that is due; answer how many ticks."""
        return self.timers.run(*self.timers.due_on(sorted(self.knowledge.owned())))

    def advance(self, duration: timedelta, step: timedelta = timedelta(hours=1)) -> None:
        """Let time pass in steps; after each one all that is due is run."""
        end = self.clock.now() + duration
        while self.clock.now() < end:
            self.clock.instant = min(end, self.clock.now() + step)
            while self.tick_due():
                pass

    def command(
        self, borrower_id: str, act: Callable[[S, Context[R]], Reaction[S]], key: str = ""
    ) -> Sequence[Event[Fact]]:
        """Run a command."""
        self._count += 1
        return self.runtime.command(borrower_id, act, key=key or f"command-{self._count}")

    def redrive(self) -> int:
        """Run the dead letters that somebody asked for."""
        return sum(self._redrive.run(number) for number in self._redrive.asked_on(sorted(self.knowledge.owned())))

    def state(self, borrower_id: str) -> S:
        """The committed state of a borrower."""
        return self.runtime.state(borrower_id)

    def said(self) -> list[Event[Fact]]:
        """All events in the outbox, in the order in which they were said per transaction."""
        with transaction(self.engine) as (_, raw):
            rows = raw.execute(_SAID).fetchall()
        return [read_structured(bytes(payload)) for (payload,) in rows]

    def said_of(self, kind: type[F]) -> list[F]:
        """All facts of one kind in the outbox."""
        return [event.data for event in self.said() if isinstance(event.data, kind)]

    def _event(self, fact: Fact, id_: str | None) -> Event[Fact]:
        self._count += 1
        return Event.saying(fact, id=id_ or f"outside-{self._count}", source="/outside", time=self.clock.now())

    def _record(self, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        return Record(0, self._milliseconds(), key, value, headers)

    def _milliseconds(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def _position(self, topic: Topic, partition: int) -> int:
        stream, name = (topic.name, partition), self.room.service.name
        with transaction(self.engine) as (_, raw):
            return positions.load_or_create(raw, name, {stream: positions.Log(0, sys.maxsize)})[stream]
