"""The world around the services: a virtual clock, when each record reaches each reader, and when timers are looked at.

Two houses live in the same world: one plain (`calm.py`), one on the kit under faults (`faulty.py`). The world gives
both the same story, the same people and the same delays, so that whatever differs between them was done by a fault.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from schemas.envelope import Event, Fact
from schemas.topics import ASSIGNMENT, NOTIFIER, REPORTING, TOPICS, VISITS, Topic
from services.kit.clock import ManualClock
from services.kit.partitions import partition_for
from services.kit.service import Context, Reaction, Refused
from tests.sim.dice import Dice
from tests.sim.story import BEGINS, DAYS_MAX, GRID, NUMBERS, Story

Act = Callable[[Any, Context[Any]], Reaction[Any]]
DECIDING = (NOTIFIER, ASSIGNMENT, VISITS)
Steps = Iterable[tuple[datetime, Callable[[], None]]]
STEP, POLL, TICK, ACT = range(4)
"""What comes first at one instant."""

DELAYS = tuple(steps * GRID for steps in (1, 1, 2, 3, 8, 21))
"""How long a record is under way to a reader."""

REPORTING_SECONDS = 20 * 86_400
"""Reporting decides nothing, so it is let read in big batches: a few in the life of a story, cut by faults."""

FRESH = timedelta(seconds=1)
A_TICK = timedelta(milliseconds=1)
ENDS = BEGINS + timedelta(days=DAYS_MAX)
READ_BY = {topic.name: tuple(topic.readers) for topic in TOPICS}
TOPIC = {topic.name: topic for topic in TOPICS}


class House(Protocol):
    """All four services, somehow."""

    def deliver(self, name: str, number: int, topic: Topic, upto: int) -> None:
        """Let a service read a partition's log up to (not including) this place, unless it has."""
        ...

    def tick(self, name: str, number: int) -> None:
        """Run all timers that are due."""
        ...

    def command(self, name: str, borrower_id: str, act: Act, key: str) -> Sequence[Event[Fact]]:
        """Run a command. Raises what the service raises; then nothing changed."""
        ...

    def publish(self, fact: Fact, event_id: str) -> None:
        """Say something from outside."""
        ...

    def next_due(self, name: str, number: int) -> datetime | None:
        """The earliest timer."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """A fact when it first stood on its topic."""

    at: datetime
    topic: str
    number: int
    event: Event[Fact]


@dataclass(slots=True)
class _Line:
    """What is under way on one topic partition to one reader: place behind it, when it arrives, when it was said."""

    under_way: list[tuple[int, datetime, datetime]] = field(default_factory=list)
    latest: datetime = BEGINS


class World:
    """Runs one story. `acts`: the only acts of people that happen; None for all."""

    def __init__(self, story: Story, clock: ManualClock, acts: Collection[str] | None = None) -> None:
        self.story, self.clock, self.dice = story, clock, Dice(f"world {story.seed}")
        self.published: list[Published] = []
        self.acted: dict[str, datetime] = {}
        self._acts = acts
        self._house: House | None = None
        self._hears: Callable[[Fact], None] = _deaf
        self._heap: list[tuple[datetime, int, str, int, Callable[[], None]]] = []
        self._planned: set[tuple[datetime, int, str]] = set()
        self._lines: dict[tuple[str, int], dict[str, _Line]] = {
            (name, number): {} for name in (*DECIDING, REPORTING) for number in range(NUMBERS)
        }
        self._closing = False
        self._steps: Iterator[tuple[int, tuple[datetime, Callable[[], None]]]] = iter(())
        self._spells = {line: [s for s in story.spells if (s.service, s.number) == line] for line in self._lines}
        self._latencies: dict[tuple[str, str, int], Dice] = {}
        self._named: str | None = None
        clock.instant = BEGINS

    @property
    def house(self) -> House:
        """Who lives here."""
        assert self._house is not None
        return self._house

    @property
    def now(self) -> datetime:
        """The virtual instant."""
        return self.clock.instant

    # -- what others do here ------------------------------------------------------------------------------------------

    def at(self, instant: datetime, name: str, do: Callable[[], None]) -> None:
        """Somebody acts at an instant, unless the act is left out of the story. Names are unique."""
        if self._acts is None or name in self._acts:
            self._plan(_ceil(max(instant, self.now)), ACT, name, lambda: self._act(name, do))

    def later(self, seconds: float, name: str, do: Callable[[], None]) -> None:
        """Somebody acts after so many seconds."""
        self.at(self.now + timedelta(seconds=seconds), name, do)

    def said(self, topic: str, number: int, upto: int, event: Event[Fact]) -> None:
        """A fact stands on its topic for the first time; `upto` is the place behind it."""
        self.published.append(Published(self.now, topic, number, event))
        for name in READ_BY[topic]:
            lines = self._lines[name, number]
            line = lines.get(topic)
            if line is None:
                line = lines[topic] = _Line()
            line.latest = max(line.latest, self._arrives(name, topic, number))
            line.under_way.append((upto, line.latest, self.now))
            self._poll_at(line.latest, name, number)
        self._hears(event.data)

    def known_as_of(self, name: str, number: int) -> datetime:
        """Up to when all that was said is known to a service on a partition number."""
        waiting = [line.under_way[0][2] for line in self._lines[name, number].values() if line.under_way]
        return min(waiting) - A_TICK if waiting else self.now

    def fresh(self, name: str, number: int) -> bool:
        """Whether that is at most a second ago."""
        return self.now - self.known_as_of(name, number) <= FRESH

    # -- running ------------------------------------------------------------------------------------------------------

    def run(
        self, house: House, hears: Callable[[Fact], None], steps: Iterable[tuple[datetime, Callable[[], None]]]
    ) -> None:
        """Play the story to its end, and let everybody read what was said."""
        try:
            self._run(house, hears, steps)
        finally:  # what is planned holds the world: it is let go here, not by a search for cycles
            self._heap.clear()
            self._house, self._hears, self._steps = None, _deaf, iter(())

    def _run(
        self, house: House, hears: Callable[[Fact], None], steps: Iterable[tuple[datetime, Callable[[], None]]]
    ) -> None:
        self._house, self._hears, self._steps = house, hears, enumerate(steps)
        self._plan_step()
        while self._heap:
            instant, phase, name, _, do = heapq.heappop(self._heap)
            if self._closing and phase in (STEP, ACT):
                continue
            if self._closing and not self._any_under_way():
                break
            self._planned.discard((instant, phase, name))
            self._come_to(instant)
            do()
            if phase == STEP:
                self._plan_step()
            if not self._closing and self._is_over():
                self._close()

    def _come_to(self, instant: datetime) -> None:
        if instant > self.clock.instant:
            self.clock.instant, self._named = instant, None

    @property
    def _moment(self) -> str:
        """The instant as dice know it: asked for several times at some instants, and at most not at all."""
        if self._named is None:
            self._named = str(self.clock.instant)
        return self._named

    def _plan_step(self) -> None:
        """Plan the next step, and no more: a story ends long before its last."""
        found = next(self._steps, None)
        if found is not None:
            number, (instant, do) = found
            self._plan(instant, STEP, f"{number:06}", do)

    def _is_over(self) -> bool:
        return len(self.published) >= self.story.events or self.now >= ENDS

    def _close(self) -> None:
        """Nothing more happens; what is under way arrives within seconds."""
        self._closing = True
        for (name, number), lines in self._lines.items():
            for line in lines.values():
                line.under_way = [(upto, min(at, self.now + GRID), said) for upto, at, said in line.under_way]
                line.latest = min(line.latest, self.now + GRID)
            self._poll_at(self.now + GRID, name, number)
            self._arm(name, number)

    def _any_under_way(self) -> bool:
        return any(line.under_way for lines in self._lines.values() for line in lines.values())

    def _plan(self, instant: datetime, phase: int, name: str, do: Callable[[], None]) -> None:
        if (instant, phase, name) not in self._planned:
            self._planned.add((instant, phase, name))
            heapq.heappush(self._heap, (instant, phase, name, len(self._planned), do))

    def _act(self, name: str, do: Callable[[], None]) -> None:
        self.acted[name] = self.now
        do()

    # -- reading ------------------------------------------------------------------------------------------------------

    def _arrives(self, name: str, topic: str, number: int) -> datetime:
        """When that which is said now is there: all of it together."""
        if name == REPORTING and not self._closing:
            return _next_round(self.now)
        dice = self._latencies.get((name, topic, number))
        if dice is None:
            dice = self._latencies[name, topic, number] = self.dice.below("latency", name, topic, number)
        return self._awake(name, number, _ceil(self.now + dice.pick(DELAYS, self._moment)))

    def _awake(self, name: str, number: int, at: datetime, *, timers: bool = False) -> datetime:
        """That instant, or the end of the spell it falls in."""
        if self._closing or not self._spells[name, number]:
            return at
        ends = [s.ends for s in self._spells[name, number] if s.begins <= at < s.ends and not (timers and s.timers)]
        return self._awake(name, number, max(ends), timers=timers) if ends else at

    def _poll_at(self, instant: datetime, name: str, number: int) -> None:
        self._plan(instant, POLL, f"{name}/{number}", lambda: self._poll(name, number))

    def _poll(self, name: str, number: int) -> None:
        """Read what has arrived, one topic after another."""
        lines, now = self._lines[name, number], self.now
        ready = {topic: _arrived(line, now) for topic, line in lines.items() if line.under_way}
        topics = sorted(topic for topic, count in ready.items() if count)
        for topic in self._shuffled(topics, name, number):
            self.house.deliver(name, number, TOPIC[topic], lines[topic].under_way[ready[topic] - 1][0])
        for topic in topics:
            del lines[topic].under_way[: ready[topic]]
        if topics:
            self._arm(name, number)

    def _shuffled(self, topics: list[str], name: str, number: int) -> list[str]:
        if len(topics) < 2:
            return topics
        return sorted(topics, key=lambda topic: self.dice.throw("order", name, number, self._moment, topic))

    def _arm(self, name: str, number: int) -> None:
        """Have the next timer looked at when it is due."""
        due = None if name == REPORTING else self.house.next_due(name, number)
        if due is not None:
            instant = self._awake(name, number, _ceil(max(due, self.now)), timers=True)
            self._plan(instant, TICK, f"{name}/{number}", lambda: self._tick(name, number))

    def _tick(self, name: str, number: int) -> None:
        due = self.house.next_due(name, number)
        if due is not None and due <= self.now:
            self.house.tick(name, number)
        self._arm(name, number)

    def command(self, name: str, borrower_id: str, act: Act, key: str) -> Sequence[Event[Fact]] | None:
        """Run a command; None where it was refused."""
        try:
            said = self.house.command(name, borrower_id, act, key)
        except Refused as refused:
            let_go(refused)
            return None
        self._arm(name, partition_for(borrower_id.encode(), NUMBERS))
        return said


def let_go(error: BaseException | None) -> None:
    """Drop the frames that an exception came through: they hold the world in a circle, until cycles are looked for."""
    while error is not None:
        error.__traceback__, error = None, error.__cause__ or error.__context__


def _deaf(_fact: Fact) -> None:
    """Nobody hears."""


def _arrived(line: _Line, now: datetime) -> int:
    """How many have arrived: they do in the order in which they were said."""
    return next((n for n, (_, at, _) in enumerate(line.under_way) if at > now), len(line.under_way))


_GRID_MICROSECONDS = GRID // timedelta(microseconds=1)


def _ceil(instant: datetime) -> datetime:
    over = instant.microsecond % _GRID_MICROSECONDS
    return instant + timedelta(microseconds=_GRID_MICROSECONDS - over) if over else instant


def _next_round(instant: datetime) -> datetime:
    passed = int((instant - BEGINS).total_seconds())
    return BEGINS + timedelta(seconds=(passed // REPORTING_SECONDS + 1) * REPORTING_SECONDS)
