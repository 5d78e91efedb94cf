"""Publishes the outbox of the partitions that this worker owns, woken at each commit.

Frames that were committed here are handed over in memory; the table is read only for what others committed (a command
on another worker) and for what was left over when the partition came here. A crash between the broker's answer and the
mark publishes again; readers drop repeats by their sequence.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Engine

from services.kit import outbox
from services.kit.background import Backoff, LoopThread
from services.kit.broker import Broker
from services.kit.database import transaction
from services.kit.metrics import PUBLISH_SECONDS, PUBLISHED
from services.kit.outbox import Frame, Frames, Stream

log = structlog.get_logger("arrears.kit")
POLL_SECONDS = 0.25
"""How often the table is asked for what others said on our partitions; what we said is handed over in memory."""
MARK_SECONDS = 0.25
"""How often marks are written. What is not marked yet when a worker is lost is published again, and dropped again."""

AT_ONCE = 2_000
IN_MEMORY = 20_000
"""Frames per stream that may wait in memory; above, they are read from the table when their turn comes."""


@dataclass(slots=True)
class _Line:
    """One stream: `next` is the sequence to publish next, once known; `said` the highest known to be committed.

    waiting: what each transaction said, whose sequences follow each other, by the first of them.
    """

    next: int = 0
    said: int = 0
    waiting: dict[int, Sequence[Frame]] = field(default_factory=dict)
    since: float = 0.0
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, frames: Sequence[Frame]) -> None:
        """Let these wait, unless too many do already."""
        if len(frames) + sum(map(len, self.waiting.values())) <= IN_MEMORY:
            self.waiting[frames[0].sequence] = frames

    def take(self) -> list[Frame]:
        """The waiting frames that are next, without a hole."""
        taken: list[Frame] = []
        while len(taken) < AT_ONCE and (frames := self.waiting.pop(self.next + len(taken), None)):
            taken += frames
        return taken

    def forget(self) -> None:
        """What was read from the table meanwhile need not wait in memory."""
        for first in [first for first in self.waiting if first < self.next]:
            if left := self.waiting.pop(first)[self.next - first :]:
                self.waiting[self.next] = left


class Relay:
    """Everything happens on one event loop; `offer` and `own` may be called from any thread."""

    def __init__(self, engine: Engine, broker: Broker, thread: LoopThread, numbers: Callable[[int], int]) -> None:
        self._engine, self._broker, self._thread, self._number = engine, broker, thread, numbers
        self._owned: frozenset[int] = frozenset()
        self._lines: dict[Stream, _Line] = {}
        self._tasks: dict[Stream, asyncio.Task[None]] = {}
        self._acknowledged: dict[Stream, int] = {}

    def start(self) -> None:
        """Begin to poll and to mark."""
        for work in (self._poll, self._mark):
            self._thread.soon(self._thread.keep, self._forever(work))

    def offer(self, frames: Frames) -> None:
        """These have just been committed."""
        if frames:
            self._thread.soon(self._take_in, frames, time.perf_counter())

    def own(self, numbers: frozenset[int]) -> None:
        """These partition numbers belong to this worker from this moment, and no others."""
        self._thread.soon(self._own, numbers)

    def _own(self, numbers: frozenset[int]) -> None:
        self._owned = numbers
        for stream in [s for s in self._lines if not self._mine(s)]:
            self._tasks.pop(stream).cancel()
            del self._lines[stream]

    def _mine(self, stream: Stream) -> bool:
        return self._number(stream[1]) in self._owned

    def _take_in(self, frames: Mapping[Stream, list[Frame]], since: float) -> None:
        for stream, more in frames.items():
            if more and self._mine(stream):
                line = self._line(stream)
                line.offer(more)
                line.said = max(line.said, more[-1].sequence)
                line.since = line.since or since
                line.wake.set()

    def _line(self, stream: Stream) -> _Line:
        if stream not in self._lines:
            self._lines[stream] = _Line()
            self._tasks[stream] = asyncio.create_task(self._publish_all(stream, self._lines[stream]))
        return self._lines[stream]

    async def _publish_all(self, stream: Stream, line: _Line) -> None:
        backoff = Backoff("broker")
        while True:
            try:
                line.next = line.next or 1 + await asyncio.to_thread(self._published, stream)
                await self._publish_waiting(stream, line)
                backoff.reset()
            except Exception as error:
                await asyncio.sleep(backoff.next(error))
            else:
                await line.wake.wait()
                line.wake.clear()

    async def _publish_waiting(self, stream: Stream, line: _Line) -> None:
        while line.said >= line.next:
            since, line.since = line.since, 0.0
            frames = line.take() or await asyncio.to_thread(self._read, stream, line.next)
            if not frames:
                return
            await self._broker.publish(stream, frames)
            line.next = frames[-1].sequence + 1
            self._acknowledged[stream] = frames[-1].sequence
            line.forget()
            PUBLISHED.labels(stream[0]).inc(len(frames))
            if since:
                PUBLISH_SECONDS.observe(time.perf_counter() - since)

    def _published(self, stream: Stream) -> int:
        with transaction(self._engine) as (_, raw):
            return outbox.published(raw, stream)

    def _read(self, stream: Stream, first: int) -> list[Frame]:
        with transaction(self._engine) as (_, raw):
            return outbox.read(raw, stream, first, AT_ONCE)

    async def _poll(self) -> None:
        if self._owned:
            for stream, said in (await asyncio.to_thread(self._behind)).items():
                if self._mine(stream):
                    line = self._line(stream)
                    line.said = max(line.said, said)
                    line.wake.set()
        await asyncio.sleep(POLL_SECONDS)

    def _behind(self) -> dict[Stream, int]:
        with transaction(self._engine) as (_, raw):
            return outbox.behind(raw)

    async def _mark(self) -> None:
        await asyncio.sleep(MARK_SECONDS)
        await self.mark()

    async def mark(self) -> None:
        """Record what the broker has acknowledged."""
        if self._acknowledged:
            done, self._acknowledged = self._acknowledged, {}
            try:
                await asyncio.to_thread(self._write_marks, done)
            except BaseException:
                self._acknowledged = {**done, **self._acknowledged}
                raise

    def _write_marks(self, done: Mapping[Stream, int]) -> None:
        with transaction(self._engine) as (_, raw):
            outbox.mark(raw, done)

    async def _forever(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        backoff = Backoff("database")
        while True:
            try:
                await work()
                backoff.reset()
            except Exception as error:
                await asyncio.sleep(backoff.next(error))
