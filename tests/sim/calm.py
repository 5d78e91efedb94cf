"""The plain house: each fact is folded into its borrower's state once, in order, and that is all.

No transaction, no codec, no stamp, no batch: what the kit promises is what this does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.envelope import Event, Fact
from schemas.topics import Topic
from services.kit.clock import ManualClock
from services.kit.fold import Outcome, Surroundings, command, on_event, on_timer, outcome, timer
from services.kit.intake import Intake
from services.kit.partitions import partition_for
from services.kit.rows import key_of
from services.kit.service import Origin, Put, Service, Write
from services.kit.vault import Vault
from tests.sim import registry
from tests.sim.story import NUMBERS
from tests.sim.world import Act, World


@dataclass(slots=True)
class Known:
    """A state, how often it was set, and when it is due."""

    state: Any
    version: int = 0
    next_at: datetime | None = None


@dataclass(slots=True)
class Member:
    """One service with all that it knows."""

    service: Service[Any, Any]
    intake: Intake
    states: dict[str, Known] = field(default_factory=dict)
    rows: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    positions: dict[tuple[str, int], int] = field(default_factory=dict)

    def known(self, borrower_id: str) -> Known:
        found = self.states.get(borrower_id)
        return found or Known(self.service.fresh(borrower_id))

    def write(self, writes: Iterable[Write]) -> None:
        """Keep the rows that references are made of."""
        for write in writes:
            if write.table.name in registry.LOOKED_AT:
                rows = self.rows.setdefault(write.table.name, {})
                if isinstance(write, Put):
                    rows.setdefault(key_of(write.table, write.row), {}).update(write.row)
                elif row := rows.get(key_of(write.table, write.key)):
                    row.update(write.values)


def number_of(key: str) -> int:
    """The partition number of a key."""
    return partition_for(key.encode(), NUMBERS)


def partitions(_topic: Topic) -> int:
    """All topics here have the same few."""
    return NUMBERS


class Calm:
    """Implements `world.House`."""

    def __init__(self, services: Mapping[str, Service[Any, Any]], clock: ManualClock, vault: Vault) -> None:
        self._clock, self._vault, self._services = clock, vault, services

    def enter(self, world: World) -> "Calm":
        """Live in a world, knowing nothing."""
        self.world = world
        self.members = {name: Member(s, Intake(s.opens, self._vault)) for name, s in self._services.items()}
        self._logs: dict[tuple[str, int], list[tuple[Event[Fact], datetime]]] = {}
        return self

    def publish(self, fact: Fact, event_id: str) -> None:
        """Put a fact of an outsider on its topic."""
        self._append(Event.saying(fact, id=event_id, source="/outside", time=self._clock.instant))

    def deliver(self, name: str, number: int, topic: Topic, upto: int) -> None:
        """Fold what is new."""
        member, line = self.members[name], (topic.name, number)
        start = member.positions.get(line, 0)
        for place in range(start, upto):
            self._react(member, number, topic, place)
        member.positions[line] = max(start, upto)

    def tick(self, name: str, number: int) -> None:
        """Run what is due, the earliest first."""
        member, now = self.members[name], self._clock.instant
        while due := self._due(member, number, now):
            for instant, borrower_id in due:
                known = member.known(borrower_id)
                cause = timer(name, borrower_id, known.version, instant)
                done = on_timer(member.service, known.state, cause, *self._with(member, number))
                self._accept(member, borrower_id, done)

    def _due(self, member: Member, number: int, now: datetime) -> list[tuple[datetime, str]]:
        return sorted(
            (known.next_at, borrower_id)
            for borrower_id, known in member.states.items()
            if known.next_at is not None and known.next_at <= now and number_of(borrower_id) == number
        )

    def command(self, name: str, borrower_id: str, act: Act, key: str) -> Sequence[Event[Fact]]:
        """Run a command."""
        member, number = self.members[name], number_of(borrower_id)
        reference, around = self._with(member, number)
        cause = command(name, key, self._clock.instant)
        reaction = act(member.known(borrower_id).state, around.context(cause, reference))
        done = outcome(member.service, reaction, cause, reference, around)
        self._accept(member, borrower_id, done)
        return done.said

    def next_due(self, name: str, number: int) -> datetime | None:
        """The earliest timer."""
        states = self.members[name].states.items()
        return min((k.next_at for b, k in states if k.next_at is not None and number_of(b) == number), default=None)

    def _react(self, member: Member, number: int, topic: Topic, place: int) -> None:
        event, said_at = self._logs[topic.name, number][place]
        if type(event.data) not in member.service.handlers:
            return
        event = member.intake.admit(event)
        origin = Origin(topic.name, number, place, said_at, said_at)
        reference, around = self._with(member, number)
        state = member.known(event.data.key).state
        done = on_event(member.service, state, event, reference=reference, around=around, origin=origin)
        self._accept(member, event.data.key, done)

    def _with(self, member: Member, number: int) -> tuple[Any, Surroundings[Any]]:
        name, now = member.service.name, self._clock.instant
        known = self.world.known_as_of(name, number)
        around: Surroundings[Any] = Surroundings(now, known, number, partitions, member.intake.seal_said)
        return registry.reference(name, number, now, member.rows), around

    def _accept(self, member: Member, borrower_id: str, done: Outcome[Any, Any]) -> None:
        before = member.known(borrower_id)
        member.states[borrower_id] = Known(done.state, before.version + 1, done.next_at)
        member.write(done.writes)
        for event in done.said:
            self._append(event)

    def _append(self, event: Event[Fact]) -> None:
        topic, number = event.data.TOPIC.name, number_of(event.data.key)
        log = self._logs.setdefault((topic, number), [])
        log.append((event, self._clock.instant))
        self.world.said(topic, number, len(log), event)
