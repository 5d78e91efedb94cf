"""Up to when each partition's facts are known: the instant just before a question whose answer we have since read.

Several times a second the owner asks the broker where its logs end. Once the stored positions have reached those
ends, all that was published before the question has been applied.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine

from schemas.topics import Topic
from services.kit import positions
from services.kit.background import Backoff, LoopThread
from services.kit.broker import Broker
from services.kit.clock import EPOCH, Clock
from services.kit.database import transaction
from services.kit.metrics import KNOWN_AGE, LAG, show
from services.kit.outbox import Stream

log = structlog.get_logger("arrears.kit")
FRESH_SECONDS = 1.0
ASK_SECONDS = 0.25
QUESTIONS = 40
"""Open questions kept per partition; the oldest fall away, a later one proves more."""

_WRITE = (
    "INSERT INTO freshness (partition, known_as_of, wall, caught_up)"
    " SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[], %s::boolean[])"
    " ON CONFLICT (partition) DO UPDATE SET known_as_of = excluded.known_as_of, wall = excluded.wall,"
    " caught_up = excluded.caught_up WHERE freshness.known_as_of <= excluded.known_as_of"
)
_READ = "SELECT wall FROM freshness WHERE partition = %s"


@dataclass(slots=True)
class _Question:
    """Asked at a true instant (seconds since 1970); `left`: ends not reached yet when last looked at."""

    asked: float
    left: Mapping[Stream, int]

    def reached(self, positions: Mapping[Stream, int]) -> bool:
        """Whether these positions have reached all ends. What has been reached stays so, and is not looked at again."""
        self.left = _beyond(positions, self.left)
        return not self.left


@dataclass(slots=True)
class _Partition:
    """What is known of one partition number: true seconds since 1970 up to which all is applied."""

    known: float = 0.0
    questions: deque[_Question] = field(default_factory=lambda: deque(maxlen=QUESTIONS))


class Freshness:
    """Implements `runtime.Knowledge` for a worker on the broker. Safe to use from any thread."""

    def __init__(
        self, engine: Engine, clock: Clock, broker: Broker, topics: Sequence[Topic], counts: Mapping[str, int]
    ) -> None:
        self._engine, self._clock, self._broker, self._counts = engine, clock, broker, counts
        self._by_number = [t.name for t in topics if t.key == "borrower_id"]
        self._everywhere = [(t.name, n) for t in topics if t.key != "borrower_id" for n in range(counts[t.name])]
        self._owned: dict[int, _Partition] = {}
        self._positions: dict[Stream, int] = {}
        self._moved_at = time.monotonic()
        self._lock = threading.Lock()
        self._written: asyncio.Task[None] | None = None
        self.asked_at = 0.0
        self._cut_short = False
        self.lag = 0

    # -- told by the seam ---------------------------------------------------------------------------------------------

    def own(self, numbers: frozenset[int], stored: Mapping[Stream, int]) -> None:
        """These partition numbers belong to this worker, with these stored positions."""
        with self._lock:
            self._positions = dict(stored)
            self._owned = {n: self._owned.get(n) or _Partition() for n in numbers}

    def moved(self, stored: Mapping[Stream, int]) -> None:
        """Positions were committed."""
        with self._lock:
            self._moved_at = time.monotonic()
            self._reach(stored)
            keyed = all(topic in self._by_number for topic, _ in stored)
            self._answer({number for _, number in stored} if keyed else list(self._owned))

    # -- asked by the service -----------------------------------------------------------------------------------------

    def owned(self) -> frozenset[int]:
        """Partition numbers that this worker owns."""
        return frozenset(self._owned)

    def known_as_of(self, partition: int) -> datetime:
        """Business instant up to which the partition's facts have been read, by whoever owns it."""
        wall = self._wall(partition)
        return self._clock.at(datetime.fromtimestamp(wall, UTC)) if wall else EPOCH

    def fresh(self, partition: int) -> bool:
        """Whether that is at most FRESH_SECONDS ago, and no log ends before what was read of it."""
        return not self._cut_short and time.time() - self._wall(partition) <= FRESH_SECONDS

    def _wall(self, partition: int) -> float:
        if found := self._owned.get(partition):
            return found.known
        with transaction(self._engine) as (_, raw):
            row = raw.execute(_READ, [partition]).fetchone()
        return row[0].timestamp() if row else 0.0

    @property
    def stalled_seconds(self) -> float:
        """For how long records have been waiting without any being applied."""
        return time.monotonic() - self._moved_at if self.lag else 0.0

    # -- asking the broker --------------------------------------------------------------------------------------------

    def start(self, thread: LoopThread) -> None:
        """Begin to ask."""
        thread.soon(thread.keep, self._ask_for_ever())

    async def _ask_for_ever(self) -> None:
        backoff = Backoff("broker")
        while True:
            try:
                await self._ask()
                backoff.reset()
            except Exception as error:
                await asyncio.sleep(backoff.next(error))
            else:
                await asyncio.sleep(ASK_SECONDS)

    async def _ask(self) -> None:
        numbers = list(self._owned)
        if not numbers:
            return
        streams = [*self._everywhere, *((name, n) for n in numbers for name in self._by_number)]
        read, asked = dict(self._positions), time.time()
        ends = await self._broker.ends(streams)
        shorter = [stream for stream, end in ends.items() if end < read.get(stream, 0)]
        self._cut_short = bool(shorter)
        if shorter:
            log.error("a log ends before what was read of it: nothing is fresh", streams=shorter[:3])
            return
        elsewhere = await asyncio.to_thread(self._stored_elsewhere)
        with self._lock:
            self.asked_at = asked
            self._reach(elsewhere)
            shared = _beyond(self._positions, {stream: ends[stream] for stream in self._everywhere})
            for number in self._owned.keys() & numbers:
                left = _beyond(self._positions, {(name, number): ends[name, number] for name in self._by_number})
                self._owned[number].questions.append(_Question(asked, {**shared, **left}))
            self._answer(list(self._owned))
            self._measure(ends)
        if self._written is None or self._written.done():  # others may learn it a moment later; we must not wait for it
            self._written = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            await asyncio.to_thread(self._write)
        except Exception as error:
            log.info("freshness was not written", error=repr(error)[:200])

    def _stored_elsewhere(self) -> dict[Stream, int]:
        """Positions on topics that are not keyed by borrower: other workers read their share of them."""
        names = sorted({name for name, _ in self._everywhere})
        if not names:
            return {}
        with transaction(self._engine) as (_, raw):
            return positions.load_next(raw, names)

    def _reach(self, stored: Mapping[Stream, int]) -> None:
        for stream, position in stored.items():
            self._positions[stream] = max(position, self._positions.get(stream, 0))

    def _answer(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if partition := self._owned.get(number):
                while partition.questions and partition.questions[0].reached(self._positions):
                    partition.known = partition.questions.popleft().asked

    def _measure(self, ends: Mapping[Stream, int]) -> None:
        behind = {
            stream: max(0, ends.get(stream, 0) - position)
            for stream, position in self._positions.items()
            if stream[1] in self._owned
        }
        self.lag = sum(behind.values())
        show(LAG, {(topic, str(n)): lag for (topic, n), lag in behind.items()})
        show(KNOWN_AGE, {(str(n),): time.time() - p.known for n, p in self._owned.items() if p.known})

    def _write(self) -> None:
        now = time.time()
        rows = []
        for number, partition in sorted(self._owned.items()):
            if partition.known:
                wall = datetime.fromtimestamp(partition.known, UTC)
                rows.append((number, self._clock.at(wall), wall, now - partition.known <= FRESH_SECONDS))
        with transaction(self._engine) as (_, raw):
            raw.execute(_WRITE, [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []])


def _beyond(positions: Mapping[Stream, int], ends: Mapping[Stream, int]) -> Mapping[Stream, int]:
    """The ends that these positions have not reached."""
    return {stream: end for stream, end in ends.items() if positions.get(stream, -1) < end}
