"""Several services in one process, on dictionaries: for stories. No broker, database or thread; a manual clock.

    bus = Bus([NOTIFIER, ASSIGNMENT], ManualClock(noon), references={"notifier": lambda partition, now: rules})
    bus.publish(loan_overdue())
    bus.advance(timedelta(days=3))
    assert bus.said_of(NoticeSent)

What a service raises comes out of the call that caused it.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Table

from schemas.envelope import Event, Fact
from schemas.topics import Topic
from services.kit.clock import ManualClock
from services.kit.fold import Cause, Outcome, Surroundings, command, on_event, on_timer, outcome, timer
from services.kit.intake import Intake
from services.kit.partitions import partition_for
from services.kit.rows import Rows
from services.kit.service import Context, Origin, Reaction, Service
from services.kit.vault import NO_RING, IntakeRing, Vault, vault_in_memory

F = TypeVar("F", bound=Fact)
AnyService: TypeAlias = Service[Any, Any]
Reference: TypeAlias = Callable[[int, datetime], Any]
"""Gives a service's reference for a partition and instant; asked before each decision."""


def _no_reference(_partition: int, _now: datetime) -> Any:
    return None


def _partitions(topic: Topic) -> int:
    return topic.partitions


@dataclass(slots=True)
class _Known:
    state: Any
    version: int
    next_at: datetime | None


@dataclass(slots=True)
class _Member:
    """One service on the bus, with all that it knows."""

    service: AnyService
    intake: Intake
    reference: Reference
    states: dict[str, _Known] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)
    said: list[Fact] = field(default_factory=list)
    given: Any = None
    learnt: Any = None

    def known(self, borrower_id: str) -> _Known:
        return self.states.get(borrower_id) or _Known(self.service.fresh(borrower_id), 0, None)

    def reference_at(self, partition: int, now: datetime) -> Any:
        """The given reference with all that was said since learnt; learnt again when another one is given."""
        given = self.reference(partition, now)
        if given is not self.given:
            self.given = self.learnt = given
            for fact in self.said:
                self.learnt = self.service.learn(self.learnt, fact)
        return self.learnt


class Bus:
    """Delivers what is said to every reader until all is quiet, and lets time pass.

    `references` by service name. `log` holds every event in the order in which it was published or said.
    """

    def __init__(
        self,
        services: Sequence[AnyService],
        clock: ManualClock,
        references: Mapping[str, Reference] | None = None,
        vault: Vault | None = None,
        ring: IntakeRing = NO_RING,
    ) -> None:
        self.clock = clock
        self.vault = vault or vault_in_memory()
        self.log: list[Event[Fact]] = []
        given = references or {}
        self._members = {
            s.name: _Member(s, Intake(s.opens, self.vault, ring), given.get(s.name, _no_reference)) for s in services
        }
        self._queue: deque[Event[Fact]] = deque()
        self._due: list[tuple[datetime, str, str]] = []
        self._count = 0

    def publish(
        self, *facts: Fact, id: str | None = None, source: str = "/outside", time: datetime | None = None
    ) -> None:
        """Say facts from outside (the bank, ops, an agency's system), then deliver until quiet.

        `time` is when they happened, if they come late.
        """
        for fact in facts:
            self._count += 1
            event_id = id or f"outside-{self._count}"
            self._send(Event.saying(fact, id=event_id, source=source, time=time or self.clock.now()))
        self._settle()

    def command(
        self, service: str, borrower_id: str, act: Callable[[Any, Context[Any]], Reaction[Any]], key: str = ""
    ) -> list[Event[Fact]]:
        """Run a command on one borrower's state; answer what it said. Raises what `act` raises, changing nothing."""
        self._count += 1
        cause = command(service, key or f"command-{self._count}", self.clock.now())
        member, around = self._members[service], self._around(service, borrower_id)
        reference = member.reference_at(around.partition, around.now)
        reaction = act(member.known(borrower_id).state, around.context(cause, reference))
        done = outcome(member.service, reaction, cause, reference, around)
        self._accept(member, borrower_id, done)
        self._settle()
        return list(done.said)

    def advance(self, duration: timedelta) -> None:
        """Let time pass; whatever falls due on the way is done at its own instant, in order."""
        self.advance_to(self.clock.now() + duration)

    def advance_to(self, instant: datetime) -> None:
        """Let time pass until an instant."""
        while self._due and self._due[0][0] <= instant:
            due, name, borrower_id = heapq.heappop(self._due)
            if self._members[name].known(borrower_id).next_at == due:
                self.clock.instant = max(self.clock.instant, due)
                self._tick(name, borrower_id, due)
                self._settle()
        self.clock.instant = max(self.clock.instant, instant)

    def wake(self, service: str, *borrower_ids: str) -> None:
        """Have `tick` look at these borrowers at once."""
        for borrower_id in borrower_ids:
            self._tick(service, borrower_id, self.clock.now())
        self._settle()

    def state(self, service: str, borrower_id: str) -> Any:
        """What a service knows of a borrower; a fresh state where nothing is known."""
        return self._members[service].known(borrower_id).state

    def said_of(self, kind: type[F]) -> list[F]:
        """All facts of one kind that were published or said, in order."""
        return [event.data for event in self.log if isinstance(event.data, kind)]

    def rows(self, service: str, table: Table) -> list[dict[str, Any]]:
        """The rows that a service has projected or recorded into one of its tables."""
        return self._members[service].rows.of(table)

    def _send(self, event: Event[Fact]) -> None:
        self.log.append(event)
        self._queue.append(event)

    def _settle(self) -> None:
        while self._queue:
            event = self._queue.popleft()
            for member in self._members.values():
                if event.data.TOPIC in member.service.reads:
                    self._deliver(member, member.intake.admit(event))

    def _deliver(self, member: _Member, event: Event[Fact]) -> None:
        key, now = event.data.key, self.clock.now()
        origin = Origin(event.data.TOPIC.name, self._partition(event.data.TOPIC, key), len(self.log), now, now)
        if type(event.data) not in member.service.handlers or event.data.TOPIC.key != "borrower_id":
            member.rows.apply(member.service.record(event, origin))
            return
        around = self._around(member.service.name, key)
        reference = member.reference_at(around.partition, now)
        state = member.known(key).state
        done = on_event(member.service, state, event, reference=reference, around=around, origin=origin)
        self._accept(member, key, done)

    def _tick(self, name: str, borrower_id: str, due: datetime) -> None:
        member, around = self._members[name], self._around(name, borrower_id)
        known = member.known(borrower_id)
        cause: Cause = timer(name, borrower_id, known.version, due)
        reference = member.reference_at(around.partition, around.now)
        self._accept(member, borrower_id, on_timer(member.service, known.state, cause, reference, around))

    def _accept(self, member: _Member, borrower_id: str, done: Outcome[Any, Any]) -> None:
        version = member.known(borrower_id).version + 1
        member.states[borrower_id] = _Known(done.state, version, done.next_at)
        member.rows.apply(done.writes)
        member.learnt = done.reference
        member.said.extend(event.data for event in done.said)
        if done.next_at:
            heapq.heappush(self._due, (done.next_at, member.service.name, borrower_id))
        for event in done.said:
            self._send(event)

    def _around(self, name: str, borrower_id: str) -> Surroundings[Any]:
        now, topics = self.clock.now(), [t for t in self._members[name].service.reads if t.key == "borrower_id"]
        partition = self._partition(topics[0], borrower_id) if topics else 0
        return Surroundings(now, now, partition, _partitions, self._members[name].intake.seal_said)

    def _partition(self, topic: Topic, key: str) -> int:
        return partition_for(key.encode(), topic.partitions)
