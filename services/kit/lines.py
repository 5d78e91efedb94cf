"""Batches that were read and wait for their turn: one line per partition number, one transaction after another.

Whatever waits, of all topics and several numbers, shares a transaction: the busier it is, the fewer it takes. When that
fails, each batch is tried by itself. What fails is never dropped: it is waited for, read again from the stored
position, or a person is asked. Nothing here knows faust; `seam.py` reads, and is the `Source` of what waits here.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import structlog

from services.kit.background import Backoff
from services.kit.database import is_outside
from services.kit.limits import TooManyDeadLetters
from services.kit.metrics import FENCED
from services.kit.outbox import Stream
from services.kit.positions import Misplaced
from services.kit.records import Batch
from services.kit.states import Conflict
from services.kit.work import Fenced

log = structlog.get_logger("arrears.kit")
TRIES = 10
"""A batch that fails so often, and not because something outside is away, stops the service."""

THREADS = 3
"""Transactions at a time: one decides while others wait for the database; more would only fight for the processor."""

SMALL = 500
"""Up to so many records, what waits on further partition numbers joins a transaction; above, its own costs are small
beside theirs, and another thread had better take the next number."""

PATIENCE_SECONDS = 0.2
"""While a transaction is under way, little waits so long at most, to share the next one with what comes meanwhile: the
busier the machine, the longer a transaction takes, and the fewer there must be."""

RECORDS_WAITING = 15_000
"""While so many records wait for their transactions no more are taken: memory that is touched again and again is cheap,
a backlog held in memory is not."""

JOINED_RECORDS_MAX = 5_000
"""Records of a batch that was made of several: about what one full fetch of small facts holds."""

DECIDED_SECONDS = 2.0
"""How often a partition that stands still looks whether somebody has decided."""


Run: TypeAlias = Callable[..., Awaitable[None]]
"""Applies the batches that it is called with in one transaction."""


class Source(Protocol):
    """Where batches come from, and what it must be told of them; `SeamConsumer` is it."""

    epoch: int
    """The number of the latest seek: what was read before it is read again."""

    @property
    def should_stop(self) -> bool:
        """Whether the worker ends."""

    async def applying(self, group: "Sequence[Fetched]", run: "Run") -> "Sequence[Fetched]":
        """Apply those before which no seek came between; answer which. Raises what `run` raises."""

    async def seek_again(self, epoch: int) -> None:
        """Start again from the stored positions, unless that was done since `epoch`."""

    def halt(self, stream: Stream) -> None:
        """Apply nothing more of a partition until the next seek."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A batch with the number of the seek it was read after."""

    batch: Batch
    epoch: int

    @property
    def stream(self) -> Stream:
        """The partition that it is of."""
        return self.batch.stream


def joined(waiting: Iterable[Fetched]) -> list[Fetched]:
    """What waits, with batches that follow each other on one partition made one: the busier, the fewer transactions.

    Topics keep the order in which each first came; nothing is joined across a seek or a hole.
    """
    lines: dict[Stream, list[Fetched]] = {}
    for fetched in waiting:
        line = lines.setdefault(fetched.stream, [])
        if line and _follows(line[-1], fetched):
            line[-1] = _one(line[-1], fetched)
        else:
            line.append(fetched)
    return [fetched for line in lines.values() for fetched in line]


def first_group(lines: Iterable[list[Fetched]]) -> list[Fetched]:
    """Take from these lines, in their order, what shares a transaction: of each all that it allows, until it is no
    longer small. Not too much, nothing of before and after a seek, and nothing past what stays behind in its line."""
    group: list[Fetched] = []
    for line in lines:
        waiting = joined(line)
        count = _fitting(group, waiting)
        group += waiting[:count]
        line[:] = waiting[count:]
        if _size(group) >= SMALL:
            break
    return group


def _fitting(group: Sequence[Fetched], waiting: Sequence[Fetched]) -> int:
    """How many of these still go into a group."""
    size = _size(group)
    for count, fetched in enumerate(waiting):
        first, size = group[0] if group else waiting[0], size + len(fetched.batch.records)
        if fetched.epoch != first.epoch or (size > JOINED_RECORDS_MAX and (group or count)):
            return count
    return len(waiting)


def _size(group: Iterable[Fetched]) -> int:
    return sum(len(fetched.batch.records) for fetched in group)


def _follows(before: Fetched, after: Fetched) -> bool:
    fits = len(before.batch.records) + len(after.batch.records) <= JOINED_RECORDS_MAX
    return fits and before.epoch == after.epoch and before.batch.next == after.batch.start


def _one(before: Fetched, after: Fetched) -> Fetched:
    records = [*before.batch.records, *after.batch.records]
    return replace(before, batch=replace(before.batch, next=after.batch.next, records=records))


@dataclass(frozen=True, slots=True)
class Handling:
    """What is done with batches. The callables are called in threads and may block.

    apply: applies several in one transaction. moved: told the new positions after each commit. halted: told of a
    partition that stands still until somebody decides, and why. accepted: up to where somebody has accepted that
    records of a partition end in the dead letters.
    """

    apply: Callable[..., None]
    moved: Callable[[Mapping[Stream, int]], None]
    halted: Callable[[Stream, str], None] = lambda _stream, _reason: None
    accepted: Callable[[Stream], int] = lambda _stream: 0


class Lines:
    """The lines of one worker. All but `close` belong to the event loop on which batches are put.

    stop: called when a person has to decide; ends the worker.
    """

    def __init__(self, handling: Handling, stop: Callable[[BaseException], None]) -> None:
        self._handling, self._stop = handling, stop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="batch")
        self._lines: dict[int, list[Fetched]] = {}
        """What waits, by partition number; who waits longest comes first."""
        self._busy: set[int] = set()
        self._begun = 0.0
        """When the latest transaction began, on the monotonic clock."""
        self._more = asyncio.Condition()
        self.tasks: list[asyncio.Task[None]] = []
        self._tries: dict[Stream, tuple[int, int]] = {}
        self._records = 0
        self._fewer = asyncio.Event()
        self._backoff = Backoff("database")

    async def put(self, source: Source, *many: Fetched) -> None:
        """Hand batches to the lines of their partition numbers; waits while enough is waiting."""
        if not self.tasks:
            self.tasks += [asyncio.create_task(self._work(source)) for _ in range(THREADS)]
        for fetched in many:
            while self._records > RECORDS_WAITING:
                await self._tell()
                self._fewer.clear()
                await self._fewer.wait()
            self._records += len(fetched.batch.records)
            self._lines.setdefault(fetched.batch.partition, []).append(fetched)
        await self._tell()

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _tell(self) -> None:
        if self._worth_one():
            async with self._more:
                self._more.notify_all()

    async def _work(self, source: Source) -> None:
        """Apply what waits on numbers that nobody is at, one group after another."""
        while True:
            async with self._more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await self._more.wait_for(self._worth_one)
            if self._worth_one():
                await self._at(source, first_group(self._idle()))

    async def _at(self, source: Source, group: Sequence[Fetched]) -> None:
        """Be at the numbers of a group until it is settled."""
        numbers = {fetched.batch.partition for fetched in group}
        self._busy |= numbers
        self._begun = time.monotonic()
        try:
            await self._try(source, group)
        finally:
            self._leave(numbers)
            self._records -= _size(group)
            self._fewer.set()
        await self._tell()

    def _worth_one(self) -> bool:
        """Whether something waits for which another transaction should begin."""
        idle = self._idle()
        if not idle or not self._busy:
            return bool(idle)
        return time.monotonic() - self._begun >= PATIENCE_SECONDS or sum(map(_size, idle)) >= SMALL

    def _idle(self) -> list[list[Fetched]]:
        """The lines in which something waits and that nobody is at."""
        return [line for number, line in self._lines.items() if line and number not in self._busy]

    def _leave(self, numbers: set[int]) -> None:
        """These numbers are free again, and come behind those that have waited longer."""
        self._busy -= numbers
        for number in numbers:
            self._lines[number] = self._lines.pop(number)

    async def _try(self, source: Source, group: Sequence[Fetched]) -> None:
        """Apply a group. Nothing may escape: it would be lost. Where one of them is at fault, each is tried alone."""
        try:
            await self._apply(source, group)
        except Exception as error:
            if len(group) == 1 or is_outside(error):
                await self._recover(source, group[0], error)
            else:
                for fetched in group:
                    await self._try(source, [fetched])

    async def _apply(self, source: Source, group: Sequence[Fetched]) -> None:
        loop = asyncio.get_running_loop()

        async def run(*batches: Batch) -> None:
            await loop.run_in_executor(self._threads, self._handling.apply, *batches)

        moved = {fetched.stream: fetched.batch.next for fetched in await source.applying(group, run)}
        for stream in moved:
            self._tries.pop(stream, None)
        if moved:
            self._backoff.reset()
            self._handling.moved(moved)

    async def _recover(self, source: Source, fetched: Fetched, error: Exception) -> None:
        """Wait if that helps, then start again from the stored positions: the batch comes again if it must."""
        if isinstance(error, TooManyDeadLetters):
            self._halt(source, fetched, error)
            return
        if isinstance(error, Misplaced):
            self._stop(error)
            return
        if isinstance(error, Fenced):
            FENCED.inc()
            log.info("fenced, starting again from the stored positions", reason=str(error))
        elif is_outside(error):
            await asyncio.sleep(self._backoff.next(error))
        elif self._too_often(fetched, error):
            self._stop(error)
            return
        elif not isinstance(error, Conflict):
            topic, partition = fetched.stream
            log.exception("a batch failed, trying it again", topic=topic, partition=partition)
            await asyncio.sleep(0.1)
        await source.seek_again(fetched.epoch)

    def _halt(self, source: Source, fetched: Fetched, error: TooManyDeadLetters) -> None:
        """Let one partition stand still until somebody decides; the others go on."""
        source.halt(fetched.stream)
        log.critical("a partition stands still: a person has to decide", reason=str(error))
        self.tasks.append(asyncio.create_task(self._until_decided(source, fetched, error)))

    async def _until_decided(self, source: Source, fetched: Fetched, error: TooManyDeadLetters) -> None:
        """Look until somebody has accepted more than before, then start again; a seek in between does so too."""
        told = False
        while source.epoch == fetched.epoch and not source.should_stop:
            try:
                if not told:
                    await asyncio.to_thread(self._handling.halted, fetched.stream, str(error))
                    told = True
                if await asyncio.to_thread(self._handling.accepted, fetched.stream) > error.accepted:
                    return await source.seek_again(fetched.epoch)
            except Exception as away:
                log.info("cannot look for a decision yet", error=repr(away)[:200])
            await asyncio.sleep(DECIDED_SECONDS)

    def _too_often(self, fetched: Fetched, error: Exception) -> bool:
        start, tries = self._tries.get(fetched.stream, (-1, 0))
        tries = tries + 1 if start == fetched.batch.start else 1
        self._tries[fetched.stream] = (fetched.batch.start, tries)
        return tries > TRIES
