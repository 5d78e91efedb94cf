"""What is to be done and when, on the business clock: a small heap, and sleep until its earliest entry."""

import asyncio
import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Generic, TypeVar

from services.kit.clock import Clock

T = TypeVar("T")
# How long to sleep at most where nothing is due: the pause after which a loop looks whether it shall end.
LOOK_SECONDS = 1.0


class Agenda(Generic[T]):
    """Entries in the order of their instants; those of one instant in the order in which they came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[datetime, int, T]] = []
        self._count = 0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, at: datetime, entry: T) -> None:
        """Note something to be done; what lies in the past is due at once."""
        self._count += 1
        heapq.heappush(self._entries, (at, self._count, entry))
        self._changed.set()

    def due(self) -> Iterator[tuple[datetime, T]]:
        """Take what is due, the earliest first."""
        now = self._clock.now()
        while self._entries and self._entries[0][0] <= now:
            at, _, entry = heapq.heappop(self._entries)
            yield at, entry

    async def rest(self) -> None:
        """Sleep until something is due or noted."""
        self._changed.clear()
        seconds = LOOK_SECONDS
        if self._entries:
            seconds = min(seconds, self._clock.seconds(self._entries[0][0] - self._clock.now()))
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return
